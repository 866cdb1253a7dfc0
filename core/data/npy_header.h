// The header of a .npy file. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_NPY_HEADER_H_
#define DESCENT_CORE_DATA_NPY_HEADER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace descent {

struct NpyHeader {
  std::string type;  // `<f4`
  bool fortran_order = false;
  std::vector<int64_t> shape;
  size_t data = 0;  // where the elements begin
};

// Reads it. Numbers of the shape fit 63 bits; nothing else is checked of them. `name` is for
// messages.
absl::StatusOr<NpyHeader> ParseNpyHeader(std::string_view bytes, const std::string& name);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_NPY_HEADER_H_
