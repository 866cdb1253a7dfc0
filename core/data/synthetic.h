// Data without files, as functions of the seed: float64, the same bits on every run. Values; any
// thread.
#ifndef DESCENT_CORE_DATA_SYNTHETIC_H_
#define DESCENT_CORE_DATA_SYNTHETIC_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/examples.h"
#include "core/data/source.h"
#include "core/fields/fields.h"
#include "core/sequence/range.h"

namespace descent {

// y = x·w + b + noise·e with x [n, inputs], where w, b and e are normally distributed; y is [n,
// outputs].
struct LinearData {
  static constexpr const char* kind = "linear";
  int64_t examples = 1000;
  int64_t inputs = 10;
  int64_t outputs = 1;
  double noise = 0.1;
  std::optional<uint64_t> seed;  // that of ReadOptions by default

  void Describe(FieldList& fields) {
    fields(Count("examples", 1), examples);
    fields(Count("inputs", 1), inputs);
    fields(Count("outputs", 1), outputs);
    fields(NonNegative("noise"), noise);
    fields(Named("seed"), seed);
    fields.Together([this] { return Check(); });
  }
  absl::Status Check() const;
  absl::StatusOr<Examples> Read(const ReadOptions& options) const;
};

// Points [n, 2] on the arms of a spiral around 0. The classes are the arms: example i is on arm i
// mod classes, at the radius r = (i div classes)/(n div classes) and the angle 4r + 2π·arm/classes
// + noise·e, e normally distributed (https://cs231n.github.io/neural-networks-case-study).
struct SpiralsData {
  static constexpr const char* kind = "spirals";
  int64_t examples = 1000;
  int64_t classes = 3;
  double noise = 0.2;
  std::optional<uint64_t> seed;

  void Describe(FieldList& fields) {
    fields(Count("examples", 1), examples);
    fields(Count("classes", 2), classes);
    fields(NonNegative("noise"), noise);
    fields(Named("seed"), seed);
    fields.Together([this] { return Check(); });
  }
  absl::Status Check() const;
  absl::StatusOr<Examples> Read(const ReadOptions& options) const;
};

// Points [n, 2] on two half circles that reach into each other: (cos t, sin t) of class 0 and
// (1 − cos t, ½ − sin t) of class 1, in turn, t from 0 to π, plus noise·e on both coordinates
// (scikit-learn, make_moons).
struct MoonsData {
  static constexpr const char* kind = "moons";
  int64_t examples = 1000;
  double noise = 0.1;
  std::optional<uint64_t> seed;

  void Describe(FieldList& fields) {
    fields(Count("examples", 1), examples);
    fields(NonNegative("noise"), noise);
    fields(Named("seed"), seed);
    fields.Together([this] { return Check(); });
  }
  absl::Status Check() const;
  absl::StatusOr<Examples> Read(const ReadOptions& options) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_SYNTHETIC_H_
