#include "core/sequence/plateau.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/sequence/range.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {
namespace {

// The places in the state.
enum : size_t { kNumber, kBest, kBad, kCooling };

bool Better(const Plateau& rule, double value, double best) {
  const double margin = rule.absolute ? rule.threshold : 0;
  const double share = rule.absolute ? 0 : rule.threshold;
  return rule.maximize ? value > best * (1 + share) + margin : value < best * (1 - share) - margin;
}

void Observe(const Plateau& rule, double value, std::vector<double>& state) {
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

}  // namespace

void Plateau::Declare(ScheduleVisitor& visit) {
  visit.Value("initial", initial, Need::kRequired);
  Range share = UnitInterval("factor");
  share.min_included = false;
  visit.Number(share, factor, Need::kDefault);
  visit.Count("patience", patience, 0);
  visit.Number(NonNegative("threshold"), threshold, Need::kDefault);
  visit.Flag("absolute", absolute);
  visit.Count("cooldown", cooldown, 0);
  visit.Value("final", final, Need::kDefault);
  visit.Number(NonNegative("epsilon"), epsilon, Need::kDefault);
  visit.Flag("maximize", maximize);
  visit.Text("metric", metric);
}

absl::Status Plateau::Check() const {
  if (final <= initial) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("final: ", final, " is greater than initial, ", initial, "; it only falls"));
}

Sequence Plateau::Make() const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return Sequence(
      Sequence::Feedback{
          .metric = metric,
          .names = {"number", "best", "bad", "cooling"},
          .state = {initial, maximize ? -kInfinity : kInfinity, 0, 0},
          .number = [](int64_t, const std::vector<double>& state) { return state[kNumber]; },
          .observe = [*this](int64_t, double value,
                             std::vector<double>& state) { Observe(*this, value, state); }},
      Sequence::Bounds{final, initial});
}

}  // namespace descent
