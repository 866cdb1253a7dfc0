#include "core/sequence/composed.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

void Warmup::Describe(FieldList& fields) {
  fields(Named("initial"), initial).Role(kYielded);
  fields(Whole("iterations", 1), iterations);
  fields(Named("then"), then).Required();
}

Sequence Warmup::Make() const {
  std::optional<Sequence::Bounds> bounds = then.bounds();
  if (bounds) bounds = BoundsOf(std::vector{initial, bounds->least, bounds->greatest});
  const auto rising = [initial = initial, iterations = iterations](int64_t k, double peak) {
    return initial + (peak - initial) * (static_cast<double>(k) / static_cast<double>(iterations));
  };
  if (const Sequence::Feedback* inner = then.feedback()) {
    Sequence::Feedback feedback = *inner;
    feedback.number = [rising, iterations = iterations, number = inner->number](
                          int64_t k, const std::vector<double>& state) {
      return k < iterations ? rising(k, number(0, state)) : number(k - iterations, state);
    };
    feedback.observe = [iterations = iterations, observe = inner->observe](
                           int64_t k, double value, std::vector<double>& state) {
      if (k >= iterations) observe(k - iterations, value, state);
    };
    return Sequence(std::move(feedback), bounds);
  }
  return Sequence(
      [*this, rising, peak = then.at(0)](int64_t k) {
        return k < iterations ? rising(k, peak) : then.at(k - iterations);
      },
      bounds);
}

void Joined::Describe(FieldList& fields) {
  fields(Named("sequences"), sequences).Required();
  fields(Whole("boundaries", 1), boundaries).Increasing();
  fields.Together([this] { return Check(); });
}

absl::Status Joined::Check() const {
  for (size_t i = 0; i < sequences.size(); ++i) {
    const std::string field = absl::StrCat("sequences[", i, "]");
    absl::Status status = CheckWithoutFeedback(field.c_str(), sequences[i]);
    if (!status.ok()) return status;
  }
  if (sequences.size() == boundaries.size() + 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("boundaries: ", boundaries.size(), " of them don't go with ", sequences.size(),
                   " sequences; give one sequence more than boundaries"));
}

Sequence Joined::Make() const {
  return Sequence(
      [*this](int64_t k) {
        const size_t i =
            std::upper_bound(boundaries.begin(), boundaries.end(), k) - boundaries.begin();
        return sequences[i].at(i == 0 ? k : k - boundaries[i - 1]);
      },
      BoundsOf(sequences));
}

int64_t Lengths<Joined>::Inner(const Joined& schedule, size_t inner, int64_t length) {
  const std::vector<int64_t>& boundaries = schedule.boundaries;
  const int64_t begin = inner == 0 || inner > boundaries.size() ? 0 : boundaries[inner - 1];
  return (inner < boundaries.size() ? boundaries[inner] : length) - begin;
}

void Repeated::Describe(FieldList& fields) {
  fields(Named("sequence"), sequence).Required();
  fields(Whole("iterations", 1), iterations);
  fields.Together([this] { return CheckWithoutFeedback("sequence", sequence); });
}

Sequence Repeated::Make() const {
  return Sequence([*this](int64_t k) { return sequence.at(k % iterations); }, sequence.bounds());
}

}  // namespace descent
