#include "core/sequence/schedule.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {
namespace internal {

void ScheduleChecker::Note(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
}

void ScheduleChecker::Value(const char* name, double& value, Need) {
  Note(Range{.field = name}.Check(value));
}

void ScheduleChecker::Value(const char* name, std::optional<double>& value) {
  if (value) Note(Range{.field = name}.Check(*value));
}

void ScheduleChecker::Values(const char* name, std::vector<double>& values) {
  if (values.empty()) {
    Note(absl::InvalidArgumentError(absl::StrCat(name, ": give at least one number")));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    Note(Range{.field = absl::StrCat(name, "[", i, "]")}.Check(values[i]));
  }
}

void ScheduleChecker::Number(const Range& range, double& number, Need) {
  Note(range.Check(number));
}

void ScheduleChecker::Count(const char* name, int64_t& count, int64_t least) {
  Note(CheckCount(name, count, least));
}

void ScheduleChecker::Positions(const char* name, std::vector<int64_t>& positions) {
  for (size_t i = 0; i < positions.size(); ++i) {
    const int64_t before = i == 0 ? 0 : positions[i - 1];
    if (positions[i] > before) continue;
    Note(absl::InvalidArgumentError(absl::StrCat(
        name, "[", i, "]: ", positions[i], " is not after ", before, "; positions must increase")));
  }
}

void ScheduleChecker::Length(const char* name, int64_t& length) {
  Note(CheckCount(name, length, 1));
}

void ScheduleChecker::Measured(std::string& metric, int64_t& average) {
  if (metric.empty()) Note(absl::InvalidArgumentError("metric: it is empty"));
  Note(CheckCount("average", average, 1));
}

void ScheduleChecker::Inners(const char* name, std::vector<Sequence>& sequences) {
  if (sequences.empty()) {
    Note(absl::InvalidArgumentError(absl::StrCat(name, ": give at least one sequence")));
  }
}

void ThrowWrongSchedule(const char* kind, const absl::Status& status) {
  throw std::invalid_argument(absl::StrCat(kind, ": ", status.message()));
}

}  // namespace internal

absl::Status CheckCount(const char* field, int64_t value, int64_t least) {
  if (value >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", value, " is too small; give a number ≥ ", least));
}

absl::Status CheckWithoutFeedback(const char* field, const Sequence& sequence) {
  if (sequence.feedback() == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      field, ": it goes by what happens, so it can stand by itself or in a warm-up's `then` only"));
}

absl::Status CheckPieces(const std::vector<double>& values,
                         const std::vector<int64_t>& boundaries) {
  if (values.size() == boundaries.size() + 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("boundaries: ", boundaries.size(),
                                                 " of them don't go with ", values.size(),
                                                 " values; give one value more than boundaries"));
}

Sequence::Bounds BoundsOf(const std::vector<double>& values) {
  const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
  return {*least, *greatest};
}

std::optional<Sequence::Bounds> BoundsOf(const std::vector<Sequence>& sequences) {
  std::optional<Sequence::Bounds> all;
  for (const Sequence& sequence : sequences) {
    if (!sequence.bounds()) return std::nullopt;
    if (!all) all = sequence.bounds();
    all->least = std::min(all->least, sequence.bounds()->least);
    all->greatest = std::max(all->greatest, sequence.bounds()->greatest);
  }
  return all;
}

}  // namespace descent
