// Numbers as people write them, independent of the locale. Pure functions; any thread.
#ifndef DESCENT_CLIENT_CPP_NUMBERS_H_
#define DESCENT_CLIENT_CPP_NUMBERS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace descent::client {

// What is the matter with a number.
enum class NumberError {
  kNone,
  kNotANumber,
  kOutOfRange,   // outside of the type's range: 1e999, 300 for eight bits
  kLeadingZero,  // 010, which is eight to YAML 1.1 and C, ten to YAML 1.2
};

// Gives what to say of a number with a leading zero; `octal` says that one may be written there.
std::string LeadingZero(std::string_view text, bool octal);

// Reads `1`, `-.5`, `1e-3`, `+2.`, YAML's `.inf` and `.nan`, JSON's `Infinity` and `NaN`.
NumberError ParseDouble(std::string_view text, double* value);

// Read decimal numbers, `0x1F`, `0o17`, and decimals that are whole (`1e4`, `1.5e18`).
NumberError ParseInt(std::string_view text, int64_t min, int64_t max, int64_t* value);
NumberError ParseUint(std::string_view text, uint64_t max, uint64_t* value);

// Gives the shortest decimal that reads back as the same double: `0.001`, `1e-08`, `.inf`, `.nan`.
std::string PrintDouble(double value);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_NUMBERS_H_
