#include "core/sequence/composed.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {

void Warmup::Declare(ScheduleVisitor& visit) {
  visit.Value("initial", initial, Need::kDefault);
  visit.Count("iterations", iterations, 1);
  visit.Inner("then", then);
}

Sequence Warmup::Make() const {
  std::optional<Sequence::Bounds> bounds = then.bounds();
  if (bounds) bounds = BoundsOf(std::vector{initial, bounds->least, bounds->greatest});
  return Sequence(
      [*this, peak = then.at(0)](int64_t k) {
        if (k >= iterations) return then.at(k - iterations);
        return initial +
               (peak - initial) * (static_cast<double>(k) / static_cast<double>(iterations));
      },
      bounds);
}

void Joined::Declare(ScheduleVisitor& visit) {
  visit.Inners("sequences", sequences);
  visit.Positions("boundaries", boundaries);
}

absl::Status Joined::Check() const {
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

int64_t Joined::InnerLength(size_t inner, int64_t length) const {
  const int64_t begin = inner == 0 || inner > boundaries.size() ? 0 : boundaries[inner - 1];
  return (inner < boundaries.size() ? boundaries[inner] : length) - begin;
}

void Repeated::Declare(ScheduleVisitor& visit) {
  visit.Inner("sequence", sequence);
  visit.Count("iterations", iterations, 1);
}

Sequence Repeated::Make() const {
  return Sequence([*this](int64_t k) { return sequence.at(k % iterations); }, sequence.bounds());
}

}  // namespace descent
