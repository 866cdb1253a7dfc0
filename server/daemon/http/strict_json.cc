#include "server/daemon/http/strict_json.h"

#include <google/protobuf/descriptor.pb.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Protobuf reads as deep as this.
constexpr size_t kMaxDepth = 100;
constexpr size_t kShownBytes = 40;
constexpr size_t kShownPlaces = 4;

bool IsDigits(std::string_view* text) {
  size_t count = 0;
  while (count < text->size() && absl::ascii_isdigit(static_cast<unsigned char>((*text)[count]))) {
    ++count;
  }
  text->remove_prefix(count);
  return count > 0;
}

// Tells by RFC 8259, section 6.
bool IsNumber(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.starts_with('0')) {
    text.remove_prefix(1);
  } else if (!IsDigits(&text)) {
    return false;
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!IsDigits(&text)) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!IsDigits(&text)) return false;
  }
  return text.empty();
}

bool IsWord(std::string_view text) {
  return text == "NaN" || text == "Infinity" || text == "-Infinity";
}

bool IsReal(FieldDescriptor::CppType type) {
  return type == FieldDescriptor::CPPTYPE_DOUBLE || type == FieldDescriptor::CPPTYPE_FLOAT;
}

bool IsNumeric(FieldDescriptor::CppType type) {
  switch (type) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return true;
    default:
      return IsReal(type);
  }
}

const FieldDescriptor* FindField(const Descriptor* message, const std::string& name) {
  if (const FieldDescriptor* field = message->FindFieldByName(name)) return field;
  for (int i = 0; i < message->field_count(); ++i) {
    if (message->field(i)->json_name() == name) return message->field(i);
  }
  return nullptr;
}

// Follows the text member by member, beside the descriptor of what it is read into.
class Checker final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Checker(const Descriptor* message) : message_(message) {}

  const absl::Status& status() const { return status_; }

  bool null() override { return Value(); }
  bool boolean(bool /*value*/) override { return Value(); }
  bool number_integer(number_integer_t /*value*/) override { return Value(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return Value(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return Value(); }
  bool binary(binary_t& /*value*/) override { return Value(); }

  bool string(string_t& text) override {
    if (!Value()) return false;
    const FieldDescriptor* field = places_.empty() ? nullptr : places_.back().field;
    if (field == nullptr || !IsNumeric(field->cpp_type()) || IsNumber(text)) return true;
    if (IsReal(field->cpp_type()) && IsWord(text)) return true;
    return Refuse(absl::StrCat("\"", ShortUtf8(text, kShownBytes),
                               "\" is no number; write it in decimal digits, as JSON does"));
  }

  bool start_object(std::size_t /*size*/) override {
    const Descriptor* message = places_.empty() ? message_ : nullptr;
    if (!places_.empty() && places_.back().field != nullptr) {
      message = places_.back().field->message_type();
    }
    return Value() && Enter({.message = message});
  }
  bool key(string_t& name) override {
    Place& place = places_.back();
    if (!place.seen.insert(name).second) {
      place.name = name;
      return Refuse("is given twice");
    }
    place.name = name;
    place.field = place.message == nullptr ? nullptr : FindField(place.message, name);
    // A map's keys are anything; its values are what its entries' field is.
    if (place.message != nullptr && place.message->options().map_entry()) {
      place.field = place.message->FindFieldByName("value");
    }
    return true;
  }
  bool end_object() override { return Leave(); }

  bool start_array(std::size_t /*size*/) override {
    const FieldDescriptor* field = places_.empty() ? nullptr : places_.back().field;
    return Value() && Enter({.field = field, .is_list = true});
  }
  bool end_array() override { return Leave(); }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    // The text begins with `[json.exception.parse_error.101] parse error at line 1, column 5: …`.
    std::string text = error.what();
    if (const size_t end = text.find("] "); end != std::string::npos) text.erase(0, end + 2);
    status_ = MakeError(absl::StatusCode::kInvalidArgument,
                        absl::StrCat("the body is not JSON: ", text), reason::kInvalidJson);
    return false;
  }

 private:
  // An object or a list that is being read.
  struct Place {
    const Descriptor* message = nullptr;     // of an object; null: unknown
    const FieldDescriptor* field = nullptr;  // of the present member, or of the list's items
    bool is_list = false;
    std::string name = {};  // of the present member
    int index = -1;         // of the present item
    std::set<std::string> seen = {};
  };

  bool Enter(Place place) {
    if (places_.size() >= kMaxDepth) {
      places_.resize(kShownPlaces);  // where it begins says enough
      return Refuse(absl::StrCat("is nested more than ", kMaxDepth, " deep"));
    }
    places_.push_back(std::move(place));
    return true;
  }

  bool Leave() {
    places_.pop_back();
    return true;
  }

  // Notes that another value begins.
  bool Value() {
    if (!places_.empty() && places_.back().is_list) ++places_.back().index;
    return true;
  }

  bool Refuse(const std::string& what) {
    std::string path;
    for (const Place& place : places_) {
      if (place.is_list) {
        absl::StrAppend(&path, "[", place.index, "]");
      } else {
        absl::StrAppend(&path, path.empty() ? "" : ".", place.name);
      }
      if (path.size() > 256) break;
    }
    status_ = InvalidField(path, what, reason::kInvalidJson);
    return false;
  }

  const Descriptor* const message_;
  std::vector<Place> places_;
  absl::Status status_;
};

}  // namespace

absl::Status CheckJson(std::string_view json, const Descriptor* message) {
  Checker checker(message);
  nlohmann::json::sax_parse(json.begin(), json.end(), &checker);
  return checker.status();
}

}  // namespace descent::daemon
