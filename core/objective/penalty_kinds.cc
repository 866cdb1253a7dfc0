#include "core/objective/penalty_kinds.h"

#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/kinds/kind_list.h"
#include "core/objective/penalty.h"

namespace descent {
namespace {

using Kinds = KindList<PenaltyForm, MakerOf<Penalty>::Form, L1Penalty, L2Penalty, GroupPenalty>;

}  // namespace

std::unique_ptr<PenaltyForm> NewPenalty(std::string_view kind) { return Kinds::Make(kind); }

std::vector<std::string_view> PenaltyKinds() { return Kinds::Names(); }

}  // namespace descent
