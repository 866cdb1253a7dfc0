#include "core/sequence/piecewise.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {
namespace {

// Gives how many boundaries position k has reached.
size_t Piece(const std::vector<int64_t>& boundaries, int64_t k) {
  return std::upper_bound(boundaries.begin(), boundaries.end(), k) - boundaries.begin();
}

}  // namespace

void PiecewiseConstant::Describe(FieldList& fields) {
  fields(Named("values"), values).Role(kYielded).Required();
  fields(Whole("boundaries", 1), boundaries).Increasing();
  fields.Together([this] { return CheckPieces(values, boundaries); });
}

Sequence PiecewiseConstant::Make() const {
  return Sequence([*this](int64_t k) { return values[Piece(boundaries, k)]; }, BoundsOf(values));
}

void PiecewiseInterpolate::Describe(FieldList& fields) {
  fields(Named("values"), values).Role(kYielded).Required();
  fields(Whole("boundaries", 1), boundaries).Increasing();
  fields(Flag("cosine"), cosine);
  fields.Together([this] { return CheckPieces(values, boundaries); });
}

Sequence PiecewiseInterpolate::Make() const {
  return Sequence(
      [*this](int64_t k) {
        const size_t i = Piece(boundaries, k);
        if (i == boundaries.size()) return values.back();
        const auto from = static_cast<double>(i == 0 ? 0 : boundaries[i - 1]);
        const double done =
            (static_cast<double>(k) - from) / (static_cast<double>(boundaries[i]) - from);
        if (!cosine) return values[i] + (values[i + 1] - values[i]) * done;
        return values[i + 1] +
               (values[i] - values[i + 1]) * (1 + std::cos(std::numbers::pi * done)) / 2;
      },
      BoundsOf(values));
}

Sequence ValueList::Make() const {
  return Sequence(
      [values = values](int64_t k) {
        return values[std::min<size_t>(static_cast<size_t>(k), values.size() - 1)];
      },
      BoundsOf(values));
}

}  // namespace descent
