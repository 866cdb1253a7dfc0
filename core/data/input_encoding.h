// How the training inputs are stored, and whether other numbers can be read as they are. Free
// functions; any thread. LibTorch's exceptions pass through.
#ifndef DESCENT_CORE_DATA_INPUT_ENCODING_H_
#define DESCENT_CORE_DATA_INPUT_ENCODING_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/examples.h"

namespace descent {

// How the training inputs are stored. Inputs of another type are read by the same rule.
struct InputEncoding {
  // What numbers are like before they are divided.
  struct Spread {
    double least = 0;
    double greatest = 0;
    bool whole = false;  // all of them are whole numbers
  };
  // Inputs are divided by this; by default by 255 if those of the training are unsigned bytes, else
  // by 1.
  std::optional<double> divisor = {};
  // The type of the training inputs, if it is known.
  std::optional<at::ScalarType> type = {};
  std::string type_name = {};       // as their file's format calls it: `uint16`
  std::vector<int64_t> shape = {};  // of one example; empty together with the type if not known
  // By it alone it can be told whether numbers of another type are on the same scale. If it is not
  // there, that is not known.
  std::optional<Spread> spread = {};
};

// Gives what inputs of this type are divided by unless something else is asked for.
double DefaultDivisor(at::ScalarType type);

// Samples of 16 bits, which pictures alone have (kUInt16), are bytes in finer steps: 65535 is a
// byte's 255. Gives how many steps of these numbers are one: 257 or 1.
double Steps(const at::Tensor& read);
// Gives the numbers in a type that has all operators.
at::Tensor Computable(const at::Tensor& read);

// Gives the encoding of the training inputs, of which a divisor and a type with a shape may be
// given. The spread is learned only if they are numbers to compute with: `measured`.
// INVALID_ARGUMENT: they are of another type or shape than given.
absl::StatusOr<InputEncoding> LearnEncoding(const Examples& train, const InputEncoding& given,
                                            bool measured);

// Checks that other inputs are stored as those of the training are, or are numbers on the same
// scale. What both are divided by makes no difference to that. INVALID_ARGUMENT, with the file, and
// the row where it is one: the training inputs are bytes, and these can't be; one side may be
// the other's numbers scaled, or a mask of them; the dimensions of an example stand in another
// order.
absl::Status CheckEncoding(const InputEncoding& training, const Examples& other);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_INPUT_ENCODING_H_
