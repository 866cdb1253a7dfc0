#include "core/sequence/plateau.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/sequence/range.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {
namespace {

// The places of numbers in the state.
enum : size_t { kNumber, kBest, kBad, kCooling, kSum, kCount };

bool Better(const Plateau& rule, double value, double best) {
  // The first measurement is better than none.
  if (std::isinf(best)) return rule.maximize ? value > best : value < best;
  const double margin = rule.absolute ? rule.threshold : 0;
  // The size of the best counts, whether numbers go away from zero or towards it.
  const double share = rule.absolute ? 0 : std::copysign(rule.threshold, best);
  return rule.maximize ? value > best * (1 + share) + margin : value < best * (1 - share) - margin;
}

void Measure(const Plateau& rule, double value, std::vector<double>& state) {
  if (Better(rule, value, state[kBest])) {
    state[kBest] = value;
    state[kBad] = 0;
  } else {
    ++state[kBad];
  }
  if (state[kCooling] > 0) {
    --state[kCooling];
    state[kBad] = 0;
  }
  if (state[kBad] <= static_cast<double>(rule.patience)) return;
  const double reduced = std::max(state[kNumber] * rule.factor, rule.final);
  if (state[kNumber] - reduced > rule.epsilon) state[kNumber] = reduced;
  state[kCooling] = static_cast<double>(rule.cooldown);
  state[kBad] = 0;
}

void Observe(const Plateau& rule, double value, std::vector<double>& state) {
  if (rule.average == 1) return Measure(rule, value, state);
  state[kSum] += value;
  if (++state[kCount] < static_cast<double>(rule.average)) return;
  const double mean = state[kSum] / state[kCount];
  state[kSum] = state[kCount] = 0;
  Measure(rule, mean, state);
}

}  // namespace

void Plateau::Describe(FieldList& fields) {
  fields(Named("initial"), initial).Role(kYielded).Required();
  Range share = UnitInterval("factor");
  share.min_included = false;
  fields(share, factor);
  fields(Whole("patience", 0), patience);
  fields(NonNegative("threshold"), threshold);
  fields(Flag("absolute"), absolute);
  fields(Whole("cooldown", 0), cooldown);
  fields(Named("final"), final).Role(kYielded);
  fields(NonNegative("epsilon"), epsilon);
  fields(Flag("maximize"), maximize);
  fields(Named("metric"), metric).Role(kMeasured).Required("Give the name of a metric.");
  fields(Whole("average", 1), average).Role(kAveraged);
  fields.Together([this] { return Check(); });
}

absl::Status Plateau::Check() const {
  if (maximize && metric == Sequence::kValue) {
    return absl::InvalidArgumentError(
        "maximize: the value is what is minimized; leave it out, or give the metric that grows");
  }
  if (final <= initial) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("final: ", final, " is greater than initial, ", initial, "; it only falls"));
}

Sequence Plateau::Make() const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<std::string> names = {"number", "best", "bad", "cooling"};
  std::vector<double> state = {initial, maximize ? -kInfinity : kInfinity, 0, 0};
  if (average > 1) {
    names.insert(names.end(), {"sum", "count"});
    state.insert(state.end(), {0, 0});
  }
  return Sequence(
      Sequence::Feedback{
          .metric = metric,
          .maximize = maximize,
          .names = std::move(names),
          .state = std::move(state),
          .number = [](int64_t, const std::vector<double>& state) { return state[kNumber]; },
          .observe = [*this](int64_t, double value,
                             std::vector<double>& state) { Observe(*this, value, state); }},
      Sequence::Bounds{final, initial});
}

}  // namespace descent
