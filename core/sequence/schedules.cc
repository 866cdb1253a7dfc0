#include "core/sequence/schedules.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/kinds/kind_list.h"
#include "core/sequence/composed.h"
#include "core/sequence/cosine.h"
#include "core/sequence/cycles.h"
#include "core/sequence/exponential.h"
#include "core/sequence/nesterov_sequence.h"
#include "core/sequence/piecewise.h"
#include "core/sequence/plateau.h"
#include "core/sequence/polynomial.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"

namespace descent {
namespace {

template <class Schedule>
class ScheduleFormOf final : public FormOf<Schedule, ScheduleForm> {
 public:
  Sequence Make() const override { return this->options_; }
  int64_t OwnLength(int64_t length) const override {
    return Lengths<Schedule>::Own(this->options_, length);
  }
  int64_t InnerLength(size_t inner, int64_t length) const override {
    return Lengths<Schedule>::Inner(this->options_, inner, length);
  }
};

using Kinds =
    KindList<ScheduleForm, ScheduleFormOf, Cosine, NesterovSequence, LinearSequence, Polynomial,
             Exponential, InverseSquareRoot, PiecewiseConstant, PiecewiseInterpolate, ValueList,
             OneCycle, WarmRestarts, Warmup, Joined, Repeated, Plateau>;

}  // namespace

std::unique_ptr<ScheduleForm> NewSchedule(std::string_view kind) { return Kinds::Make(kind); }

std::vector<std::string_view> ScheduleKinds() { return Kinds::Names(); }

}  // namespace descent
