#include "core/sequence/schedule.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/sequence/sequence.h"

namespace descent {
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
