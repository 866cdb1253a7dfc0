#include "core/objective/hinge.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/multi_margin_loss.h"
#include "ATen/ops/ones_like.h"
#include "core/model/layer.h"
#include "core/objective/class_loss.h"
#include "core/objective/elementwise_loss.h"
#include "core/objective/loss.h"
#include "core/objective/loss_plan.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

// The class that one score alone speaks for is 1.
int64_t Classes(int64_t scores) { return std::max<int64_t>(scores, 2); }

void CheckTarget(int64_t target, int64_t scores) {
  if (target < 0 || target >= Classes(scores)) {
    ThrowNoSuchClass(Hinge::kind, target, Classes(scores));
  }
}

// Scores and derivative are [rows, classes]; gives the value.
template <class T>
double OfClasses(double margin, const T* scores, const int64_t* targets, int64_t rows,
                 int64_t classes, double weight, T* derivative) {
  const double divisor = static_cast<double>(rows * classes);
  const T share = static_cast<T>(weight / divisor), bound = static_cast<T>(margin);
  double value = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const T* s = scores + r * classes;
    T* d = derivative + r * classes;
    const int64_t y = targets[r];
    CheckTarget(y, classes);
    if (classes == 1) {
      const T sign = y == 1 ? 1 : -1, z = bound - sign * s[0];
      d[0] = z > 0 ? -sign * share : z - z;  // NaN stays NaN
      value += z < 0 ? 0 : static_cast<double>(z);
      continue;
    }
    d[y] = 0;
    for (int64_t j = 0; j < classes; ++j) {
      if (j == y) continue;
      const T z = bound - s[y] + s[j];
      d[j] = z > 0 ? share : z < 0 ? 0 : z;
      d[y] -= d[j];
      value += z < 0 ? 0 : static_cast<double>(z);
    }
  }
  return value / divisor;
}

// Gives max(0, …) [rows, classes] of all classes but the targets', for LibTorch's operators.
at::Tensor Margins(double margin, const at::Tensor& scores, const at::Tensor& targets) {
  if (scores.size(1) == 1) {
    return (margin - (targets * 2 - 1).unsqueeze(1) * scores).relu();
  }
  const at::Tensor y = targets.unsqueeze(1);
  const at::Tensor others = at::ones_like(scores).scatter(1, y, 0);
  return (margin - scores.gather(1, y) + scores).relu() * others;
}

void ByOperators(double margin, const at::Tensor& scores, const at::Tensor& targets,
                 const at::Tensor& derivative, const at::Tensor& value) {
  const at::Tensor margins = Margins(margin, scores, targets);
  value.copy_(margins.mean());
  const at::Tensor active = margins.sign().div_(static_cast<double>(scores.numel()));
  if (scores.size(1) == 1) {
    derivative.copy_(active * (1 - targets * 2).unsqueeze(1));
  } else {
    derivative.copy_(active);
    derivative.scatter_add_(1, targets.unsqueeze(1),
                            -active.sum(at::IntArrayRef{1}, /*keepdim=*/true));
  }
}

bool Plan(double margin, PlanBuilder& plan, const LossPlan& loss) {
  if (!HasClassShapes(loss) || loss.predictions.dtype() != plan.dtype()) return false;
  const PlanTensor derivative = plan.Contribution(loss.predictions);
  if (!derivative) return false;
  const int64_t classes = loss.predictions.sizes().back();
  const int64_t rows = CountOf(loss.predictions) / classes;
  plan.Forward(
      {.reads = {loss.predictions, loss.targets, loss.weight.weights},
       .writes = {derivative, loss.value},
       .run = [=] {
         const bool done = OnCpu(*loss.predictions, [&]<class T>(T*) {
           *loss.value->mutable_data_ptr<T>() =
               static_cast<T>(OfClasses(margin, loss.predictions->const_data_ptr<T>(),
                                        loss.targets->const_data_ptr<int64_t>(), rows, classes,
                                        loss.weight(), derivative->mutable_data_ptr<T>()));
         });
         if (done) return;
         ByOperators(margin, loss.predictions->view({rows, classes}), loss.targets->view({rows}),
                     derivative->view({rows, classes}), *loss.value);
         loss.weight.Scale(*derivative);
       }});
  return true;
}

}  // namespace

Loss Hinge::Make() const {
  const double margin = this->margin;
  return {.name = std::string(kind),
          .function =
              [margin](const at::Tensor& predictions, const at::Tensor& targets) {
                ThrowUnlessClassShapes(kind, predictions, targets);
                const at::Tensor rows = RowsOf(predictions), flat = FlatTargets(targets);
                if (rows.size(1) == 1) {
                  const at::Tensor classes = flat.to(at::kCPU);
                  for (int64_t i = 0; i < classes.numel(); ++i) {
                    CheckTarget(classes.const_data_ptr<int64_t>()[i], 1);
                  }
                  return Margins(margin, rows, flat).mean();
                }
                return at::multi_margin_loss(rows, flat, /*p=*/1, margin);
              },
          .predicts = Predicts::kClass,
          .check =
              [](const Shape& output, const Shape& target) {
                return CheckClassShapes(kind, output, target, /*class_weights=*/0,
                                        /*least_classes=*/1);
              },
          .plan = [margin](PlanBuilder& plan,
                           const LossPlan& loss) { return Plan(margin, plan, loss); }};
}

}  // namespace descent
