#ifndef DESCENT_CORE_DATA_NUMBER_TYPE_H_
#define DESCENT_CORE_DATA_NUMBER_TYPE_H_

#include <c10/core/ScalarType.h>

#include <optional>
#include <string>
#include <string_view>

namespace descent {

// `uint8`, `float64`, …: a type of numbers as NumPy calls it, and back. Free functions; any thread.
std::string NumberTypeName(c10::ScalarType type);
std::optional<c10::ScalarType> NumberTypeFromName(std::string_view name);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_NUMBER_TYPE_H_
