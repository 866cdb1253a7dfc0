#include "core/checkpoint/header.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace descent {
namespace {

using Json = nlohmann::json;

constexpr std::pair<const char*, c10::ScalarType> kDtypes[] = {
    {"F64", c10::kDouble}, {"F32", c10::kFloat}, {"F16", c10::kHalf},  {"BF16", c10::kBFloat16},
    {"I64", c10::kLong},   {"I32", c10::kInt},   {"I16", c10::kShort}, {"I8", c10::kChar},
    {"U8", c10::kByte},    {"BOOL", c10::kBool},
};

// Takes the header event by event. A tree built first would keep only the last of two equal names.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderReader(SafetensorsHeader* header) : header_(header) {}

  const std::string& error() const { return error_; }

  // A null or boolean is no value of any field.
  bool null() override { return Fail("null"); }
  bool boolean(bool) override { return Fail("a boolean"); }
  bool number_integer(int64_t value) override { return Number(value < 0, value); }
  bool number_unsigned(uint64_t value) override {
    return Number(value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()),
                  static_cast<int64_t>(value));
  }
  bool number_float(double, const std::string& text) override { return Fail("the number " + text); }
  bool binary(Json::binary_t&) override { return Fail("binary data"); }

  bool string(std::string& value) override {
    if (depth_ == 2 && !in_array_ && in_metadata_) {
      if (header_->metadata.emplace(field_, value).second) return true;
      return Error(absl::StrCat("the metadata key \"", field_, "\" stands twice"));
    }
    if (depth_ == 2 && !in_array_ && field_ == "dtype") {
      entry_.dtype = value;
      return true;
    }
    return Fail("a string");
  }

  bool start_object(size_t) override {
    if (in_array_ || depth_ == 2) return Fail("an object");
    if (++depth_ == 2) {
      fields_.clear();
      entry_ = {};
    }
    return true;
  }

  bool key(std::string& value) override {
    if (depth_ == 1) {
      name_ = value;
      in_metadata_ = value == "__metadata__";
      if (!names_.insert(value).second) {
        return Error(absl::StrCat("the name \"", value, "\" stands twice"));
      }
      return true;
    }
    field_ = value;
    if (in_metadata_) return true;
    if (value != "dtype" && value != "shape" && value != "data_offsets") {
      return Error(absl::StrCat("\"", name_, "\" has an unknown field \"", value, "\""));
    }
    if (fields_.insert(value).second) return true;
    return Error(absl::StrCat("the field \"", value, "\" of \"", name_, "\" stands twice"));
  }

  bool end_object() override {
    if (depth_-- == 2 && !in_metadata_) {
      if (fields_.size() != 3) {
        return Error(absl::StrCat("\"", name_, "\" lacks dtype, shape or data_offsets"));
      }
      header_->tensors.emplace(name_, std::move(entry_));
    }
    return true;
  }

  bool start_array(size_t) override {
    if (in_array_ || depth_ != 2 || in_metadata_ || field_ == "dtype") return Fail("an array");
    in_array_ = true;
    return true;
  }

  bool end_array() override {
    in_array_ = false;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception&) override {
    if (error_.empty()) error_ = absl::StrCat("it is not JSON from byte ", position, " on");
    return false;
  }

 private:
  bool Error(std::string error) {
    error_ = std::move(error);
    return false;
  }

  bool Fail(const std::string& what) {
    if (depth_ == 0) return Error(absl::StrCat("it is ", what, " and not an object"));
    return Error(absl::StrCat(what, " stands in \"", name_, "\" where it does not belong"));
  }

  bool Number(bool out_of_range, int64_t value) {
    if (!in_array_) return Fail("a number");
    if (out_of_range) {
      return Error(absl::StrCat("a number in \"", name_, "\" is negative or too large"));
    }
    (field_ == "shape" ? entry_.shape : entry_.data_offsets).push_back(value);
    return true;
  }

  SafetensorsHeader* const header_;
  std::string error_;
  int depth_ = 0;
  bool in_array_ = false;
  bool in_metadata_ = false;
  std::string name_;
  std::string field_;
  std::set<std::string> names_;
  std::set<std::string> fields_;
  TensorEntry entry_;
};

}  // namespace

absl::StatusOr<SafetensorsHeader> ParseHeader(std::string_view json) {
  SafetensorsHeader header;
  HeaderReader reader(&header);
  if (!Json::sax_parse(json.begin(), json.end(), &reader)) {
    return absl::InvalidArgumentError(absl::StrCat("Its header is invalid: ", reader.error(), "."));
  }
  return header;
}

std::string WriteHeader(const SafetensorsHeader& header) {
  Json json = Json::object();
  if (!header.metadata.empty()) json["__metadata__"] = header.metadata;
  for (const auto& [name, entry] : header.tensors) {
    json[name] = {
        {"dtype", entry.dtype}, {"shape", entry.shape}, {"data_offsets", entry.data_offsets}};
  }
  // Invalid UTF-8 must not throw; names are ours and valid.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<c10::ScalarType> DtypeFromName(std::string_view name) {
  for (const auto& [known, type] : kDtypes) {
    if (name == known) return type;
  }
  return std::nullopt;
}

std::optional<std::string> DtypeName(c10::ScalarType type) {
  for (const auto& [name, known] : kDtypes) {
    if (type == known) return name;
  }
  return std::nullopt;
}

}  // namespace descent
