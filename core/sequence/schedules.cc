#include "core/sequence/schedules.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
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
class ScheduleOf final : public AnySchedule {
 public:
  void Declare(ScheduleVisitor& visit) override { schedule_.Declare(visit); }
  absl::Status Validate() const override { return schedule_.Validate(); }
  Sequence Make() const override { return MakeSequence(schedule_); }
  bool has_feedback() const override {
    return requires { Schedule::kHasFeedback; };
  }
  int64_t OwnLength(int64_t length) const override {
    if constexpr (requires { schedule_.OwnLength(length); }) return schedule_.OwnLength(length);
    return length;
  }
  int64_t InnerLength(size_t inner, int64_t length) const override {
    if constexpr (requires { schedule_.InnerLength(inner, length); }) {
      return schedule_.InnerLength(inner, length);
    }
    return length;
  }

 private:
  Schedule schedule_;
};

using Kinds =
    KindList<AnySchedule, ScheduleOf, Cosine, NesterovSequence, LinearSequence, Polynomial,
             Exponential, InverseSquareRoot, PiecewiseConstant, PiecewiseInterpolate, ValueList,
             OneCycle, WarmRestarts, Warmup, Joined, Repeated, Plateau>;

}  // namespace

std::unique_ptr<AnySchedule> MakeSchedule(std::string_view kind) { return Kinds::Make(kind); }

std::vector<std::string_view> ScheduleKinds() { return Kinds::Names(); }

}  // namespace descent
