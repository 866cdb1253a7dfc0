#include "client/cpp/scalar_reader.h"

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cpp/field_names.h"
#include "client/cpp/numbers.h"
#include "proto/rules/nearest.h"

namespace descent::client {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string SetScalar(const YamlNode& node, bool decimals_only, const FieldDescriptor* field,
                      Message* message) {
  const Reflection* reflection = message->GetReflection();
  const std::string& text = node.text;
  const auto put = [&](auto set, auto add, auto value) {
    if (field->is_repeated()) {
      (reflection->*add)(message, field, value);
    } else {
      (reflection->*set)(message, field, value);
    }
  };
  const bool whole = field->cpp_type() == FieldDescriptor::CPPTYPE_INT32 ||
                     field->cpp_type() == FieldDescriptor::CPPTYPE_INT64 ||
                     field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32 ||
                     field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
  std::string problem;
  const auto check = [&](NumberError error, const std::string& what, const std::string& range) {
    if (error == NumberError::kNotANumber) {
      const std::string words = WordsListed(field);
      problem = absl::StrCat("must be ", what, words.empty() ? "" : " or " + words, ", not ",
                             Described(node));
    } else if (error == NumberError::kOutOfRange) {
      problem = absl::StrCat(Described(node), " is out of range: ", range);
    } else if (error == NumberError::kLeadingZero) {
      problem = LeadingZero(text, /*octal=*/whole && !decimals_only);
    }
    return error == NumberError::kNone;
  };
  // In quotes it is a text, which stands for a number as JSON's may: in decimal digits.
  if (whole && (decimals_only || node.quoted) && text.find_first_of("xXoO") != std::string::npos) {
    return absl::StrCat("must be a whole number in decimal digits, not ", Described(node));
  }
  const auto read_int = [&](int64_t min, int64_t max, auto set, auto add, auto zero) {
    int64_t value = 0;
    if (check(ParseInt(text, min, max, &value), "a whole number",
              absl::StrCat("from ", min, " to ", max))) {
      put(set, add, static_cast<decltype(zero)>(value));
    }
  };
  const auto read_uint = [&](uint64_t max, auto set, auto add, auto zero) {
    uint64_t value = 0;
    if (check(ParseUint(text, max, &value), "a whole number", absl::StrCat("from 0 to ", max))) {
      put(set, add, static_cast<decltype(zero)>(value));
    }
  };
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      read_int(std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max(),
               &Reflection::SetInt32, &Reflection::AddInt32, int32_t{});
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      read_int(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
               &Reflection::SetInt64, &Reflection::AddInt64, int64_t{});
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      read_uint(std::numeric_limits<uint32_t>::max(), &Reflection::SetUInt32,
                &Reflection::AddUInt32, uint32_t{});
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      read_uint(std::numeric_limits<uint64_t>::max(), &Reflection::SetUInt64,
                &Reflection::AddUInt64, uint64_t{});
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT: {
      double value = 0;
      if (!check(ParseDouble(text, &value), "a number", "a double holds up to 1.8e308")) break;
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
        put(&Reflection::SetFloat, &Reflection::AddFloat, static_cast<float>(value));
      } else {
        put(&Reflection::SetDouble, &Reflection::AddDouble, value);
      }
      break;
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      const std::string lower = absl::AsciiStrToLower(text);
      if (lower != "true" && lower != "false") {
        return absl::StrCat("must be `true` or `false`, not ", Described(node));
      }
      put(&Reflection::SetBool, &Reflection::AddBool, lower == "true");
      break;
    }
    case FieldDescriptor::CPPTYPE_STRING:
      put(static_cast<void (Reflection::*)(Message*, const FieldDescriptor*, std::string) const>(
              &Reflection::SetString),
          static_cast<void (Reflection::*)(Message*, const FieldDescriptor*, std::string) const>(
              &Reflection::AddString),
          text);
      break;
    case FieldDescriptor::CPPTYPE_ENUM: {
      std::vector<std::string> names;
      const EnumDescriptor* type = field->enum_type();
      for (int i = 0; i < type->value_count(); ++i) {
        if (absl::EndsWith(type->value(i)->name(), "UNSPECIFIED")) continue;
        names.push_back(absl::AsciiStrToLower(type->value(i)->name()));
        if (names.back() == absl::AsciiStrToLower(text)) {
          put(&Reflection::SetEnum, &Reflection::AddEnum, type->value(i));
          return "";
        }
      }
      return absl::StrCat(Described(node), " is none of `", absl::StrJoin(names, "`, `"), "`",
                          rules::DidYouMean(text, names));
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;  // not a scalar
  }
  return problem;
}

}  // namespace descent::client
