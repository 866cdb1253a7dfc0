// A `BareLoop` is the same training as a worker's, with no service around it: model, data,
// optimizer and their loop in this process, on one thread. One thread at a time.
#ifndef DESCENT_TESTS_BENCHMARKS_BARE_LOOP_H_
#define DESCENT_TESTS_BENCHMARKS_BARE_LOOP_H_

#include <memory>

#include "absl/status/statusor.h"
#include "descent/v1/spec.pb.h"

namespace descent::benchmarks {

class BareLoop {
 public:
  static absl::StatusOr<std::unique_ptr<BareLoop>> Create(const v1::Spec& spec);
  virtual ~BareLoop() = default;

  struct Slice {
    double rate = 0;         // iterations a second
    double cpu_seconds = 0;  // processor time of one
  };
  // Trains for about so long. Value and gradient norm of each iteration are looked at, as a person
  // who watches would.
  virtual Slice Run(double seconds) = 0;
};

}  // namespace descent::benchmarks

#endif  // DESCENT_TESTS_BENCHMARKS_BARE_LOOP_H_
