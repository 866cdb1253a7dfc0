// Sequences made of sequences: a warm-up before one, several joined, one repeated.
//
// An inner sequence counts from 0 where its turn begins.
#ifndef DESCENT_CORE_SEQUENCE_COMPOSED_H_
#define DESCENT_CORE_SEQUENCE_COMPOSED_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/fields/fields.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

// Goes from `initial` in a straight line to the first number of `then` at position `iterations`,
// where `then` begins (optax warmup_cosine_decay_schedule and its like). If `then` goes by what
// happens, it observes from there on.
struct Warmup {
  static constexpr const char* kind = "warmup";
  double initial = 0;
  int64_t iterations = 0;  // ≥ 1
  Sequence then = 0.0;

  void Describe(FieldList& fields);
  Sequence Make() const;
};

// Gives sequences[0] before boundaries[0], sequences[i] from boundaries[i − 1] on (optax
// join_schedules; torch SequentialLR).
struct Joined {
  static constexpr const char* kind = "joined";
  std::vector<Sequence> sequences = {};
  std::vector<int64_t> boundaries = {};  // one fewer than sequences, increasing, ≥ 1

  void Describe(FieldList& fields);
  Sequence Make() const;
  absl::Status Check() const;
};

// Gives the first `iterations` numbers of a sequence over and over.
struct Repeated {
  static constexpr const char* kind = "repeated";
  Sequence sequence = 0.0;
  int64_t iterations = 0;  // ≥ 1

  void Describe(FieldList& fields);
  Sequence Make() const;
};

template <>
struct Lengths<Warmup> {
  static int64_t Own(const Warmup&, int64_t length) { return length; }
  static int64_t Inner(const Warmup& schedule, size_t, int64_t length) {
    return length - schedule.iterations;
  }
};

template <>
struct Lengths<Joined> {
  static int64_t Own(const Joined&, int64_t length) { return length; }
  static int64_t Inner(const Joined& schedule, size_t inner, int64_t length);
};

template <>
struct Lengths<Repeated> {
  static int64_t Own(const Repeated&, int64_t length) { return length; }
  static int64_t Inner(const Repeated& schedule, size_t, int64_t) { return schedule.iterations; }
};

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_COMPOSED_H_
