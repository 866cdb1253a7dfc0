// The fields of a descent.v1.Iteration are listed here once for the daemon: what checks them as
// they come in (scan.cc), compares them when history is computed again (jobs/compare.h), writes
// them as JSON (http/json.h) and rolls them up (rollup.h) goes through this list. A test compares
// it with event.proto. It is a list of accessors known at compile time and no reflection, because
// all of that is done for every iteration.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_ITERATION_FIELDS_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_ITERATION_FIELDS_H_

#include <google/protobuf/repeated_field.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>

#include "descent/v1/event.pb.h"

namespace descent::daemon {

// `Value` is int64_t, double, or a reference to repeated doubles.
template <class Value>
struct IterationField {
  std::string_view name;  // as in event.proto
  int number;
  Value (v1::Iteration::*get)() const;
  bool (v1::Iteration::*has)() const = nullptr;  // for an `optional` one
  bool compared = true;    // bit for bit, when its iteration is computed again
  bool rolled_up = false;  // where iterations are thinned; only for one number

  Value Of(const v1::Iteration& iteration) const { return (iteration.*get)(); }
  bool IsSet(const v1::Iteration& iteration) const { return has == nullptr || (iteration.*has)(); }
};

using Int64Field = IterationField<int64_t>;
using DoubleField = IterationField<double>;
using DoublesField = IterationField<const google::protobuf::RepeatedField<double>&>;

inline constexpr std::tuple kIterationFields{
    Int64Field{
        .name = "index", .number = v1::Iteration::kIndexFieldNumber, .get = &v1::Iteration::index},
    DoubleField{.name = "value",
                .number = v1::Iteration::kValueFieldNumber,
                .get = &v1::Iteration::value,
                .rolled_up = true},
    DoubleField{.name = "gradient_norm",
                .number = v1::Iteration::kGradientNormFieldNumber,
                .get = &v1::Iteration::gradient_norm,
                .rolled_up = true},
    DoubleField{.name = "step_size",
                .number = v1::Iteration::kStepSizeFieldNumber,
                .get = &v1::Iteration::step_size,
                .has = &v1::Iteration::has_step_size,
                .rolled_up = true},
    Int64Field{.name = "samples",
               .number = v1::Iteration::kSamplesFieldNumber,
               .get = &v1::Iteration::samples},
    DoubleField{
        .name = "epoch", .number = v1::Iteration::kEpochFieldNumber, .get = &v1::Iteration::epoch},
    DoubleField{.name = "elapsed_seconds",
                .number = v1::Iteration::kElapsedSecondsFieldNumber,
                .get = &v1::Iteration::elapsed_seconds,
                .compared = false},
    DoublesField{.name = "scalars",
                 .number = v1::Iteration::kScalarsFieldNumber,
                 .get = &v1::Iteration::scalars},
};

// Calls `visit` with each field, in the list's order.
template <class Visit>
constexpr void ForEachIterationField(Visit&& visit) {
  std::apply([&](const auto&... fields) { (visit(fields), ...); }, kIterationFields);
}

// How many fields are rolled up.
inline constexpr size_t kRolledUpFields =
    std::apply([](const auto&... fields) { return (size_t{0} + ... + (fields.rolled_up ? 1 : 0)); },
               kIterationFields);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_ITERATION_FIELDS_H_
