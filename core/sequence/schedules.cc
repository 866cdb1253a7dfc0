#include "core/sequence/schedules.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
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
  int64_t InnerLength(size_t inner, int64_t length) const override {
    if constexpr (requires { schedule_.InnerLength(inner, length); }) {
      return schedule_.InnerLength(inner, length);
    }
    return length;
  }

 private:
  Schedule schedule_;
};

struct Kind {
  std::string_view name;
  std::unique_ptr<AnySchedule> (*make)();
};

template <class Schedule>
constexpr Kind KindOf() {
  return {Schedule::kKind, []() -> std::unique_ptr<AnySchedule> {
            return std::make_unique<ScheduleOf<Schedule>>();
          }};
}

constexpr Kind kKinds[] = {
    KindOf<Cosine>(),
    KindOf<NesterovSequence>(),
    KindOf<LinearSequence>(),
    KindOf<Polynomial>(),
    KindOf<Exponential>(),
    KindOf<InverseSquareRoot>(),
    KindOf<PiecewiseConstant>(),
    KindOf<PiecewiseInterpolate>(),
    KindOf<ValueList>(),
    KindOf<OneCycle>(),
    KindOf<WarmRestarts>(),
    KindOf<Warmup>(),
    KindOf<Joined>(),
    KindOf<Repeated>(),
    KindOf<Plateau>(),
};

}  // namespace

std::unique_ptr<AnySchedule> MakeSchedule(std::string_view kind) {
  for (const Kind& known : kKinds) {
    if (known.name == kind) return known.make();
  }
  return nullptr;
}

std::vector<std::string_view> ScheduleKinds() {
  std::vector<std::string_view> names;
  for (const Kind& kind : kKinds) names.push_back(kind.name);
  return names;
}

}  // namespace descent
