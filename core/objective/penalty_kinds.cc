#include "core/objective/penalty_kinds.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields/fields.h"
#include "core/fields/form.h"
#include "core/kinds/kind_list.h"
#include "core/objective/penalty.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {
namespace {

template <Penalty::Kind penalty>
struct PenaltyOptions {
  static constexpr std::string_view kind = PenaltyName(penalty);
  Sequence weight = 0.0;
  std::string pattern = "*";

  void Describe(FieldList& fields) {
    fields(NonNegative("weight"), weight).Required("Give a number.");
    // One that fits no parameter is refused where these are known.
    fields(Named("pattern"), pattern).MayBeEmpty();
  }
  Penalty Make() const { return {penalty, weight, pattern}; }
};

using Kinds = KindList<PenaltyForm, MakerOf<Penalty>::Form, PenaltyOptions<Penalty::Kind::kL1>,
                       PenaltyOptions<Penalty::Kind::kL2>, PenaltyOptions<Penalty::Kind::kGroup>>;

}  // namespace

std::unique_ptr<PenaltyForm> NewPenalty(std::string_view kind) { return Kinds::Make(kind); }

std::vector<std::string_view> PenaltyKinds() { return Kinds::Names(); }

}  // namespace descent
