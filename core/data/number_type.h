// Types of numbers as NumPy calls them. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_NUMBER_TYPE_H_
#define DESCENT_CORE_DATA_NUMBER_TYPE_H_

#include <c10/core/ScalarType.h>

#include <optional>
#include <string>
#include <string_view>

namespace descent {

// Give NumPy's name of a type, `uint8`, `float64`, …, and the type of a name. The unsigned types of
// NumPy's that have no operators here are read as the next wider signed one: `uint16` as int32,
// `uint32` and `uint64` as int64.
std::string NumberTypeName(c10::ScalarType type);
std::optional<c10::ScalarType> NumberTypeFromName(std::string_view name);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_NUMBER_TYPE_H_
