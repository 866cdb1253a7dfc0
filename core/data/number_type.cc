#include "core/data/number_type.h"

#include <span>

namespace descent {
namespace {

struct Named {
  c10::ScalarType type;
  std::string_view name;
};

constexpr Named kTypes[] = {
    {c10::kBool, "bool"},         {c10::kByte, "uint8"},    {c10::kChar, "int8"},
    {c10::kShort, "int16"},       {c10::kInt, "int32"},     {c10::kLong, "int64"},
    {c10::kHalf, "float16"},      {c10::kFloat, "float32"}, {c10::kDouble, "float64"},
    {c10::kBFloat16, "bfloat16"},
};
constexpr Named kReadAsWider[] = {
    {c10::kInt, "uint16"}, {c10::kLong, "uint32"}, {c10::kLong, "uint64"}};

}  // namespace

std::string NumberTypeName(c10::ScalarType type) {
  for (const Named& named : kTypes) {
    if (named.type == type) return std::string(named.name);
  }
  return c10::toString(type);
}

std::optional<c10::ScalarType> NumberTypeFromName(std::string_view name) {
  for (const auto& types : {std::span<const Named>(kTypes), std::span<const Named>(kReadAsWider)}) {
    for (const Named& named : types) {
      if (named.name == name) return named.type;
    }
  }
  return std::nullopt;
}

}  // namespace descent
