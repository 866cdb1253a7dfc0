#include "core/objective/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Reduction.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/_log_softmax.h"
#include "ATen/ops/cross_entropy_loss.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/exp.h"
#include "ATen/ops/nll_loss_forward.h"
#include "ATen/ops/ones_like.h"
#include "ATen/ops/softmax.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"
#include "core/objective/class_loss.h"
#include "core/objective/elementwise_loss.h"
#include "core/objective/loss.h"
#include "core/objective/loss_plan.h"
#include "core/plan/exponential.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"
#include "core/sequence/range.h"

namespace descent {
namespace {

// Writes x ← exp(x), for x ≤ 0.
DESCENT_VECTORIZED void Exponentiate(float* x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) x[i] = Exponential(x[i]);
}

void Exponentiate(double* x, int64_t count) {
  for (int64_t i = 0; i < count; ++i) x[i] = Exponential(x[i]);
}

template <class T>
T Greatest(const T* row, int64_t classes) {
  T greatest = row[0];
  for (int64_t j = 1; j < classes; ++j) greatest = row[j] > greatest ? row[j] : greatest;
  return greatest;
}

// Scores and derivative are [rows, classes]; gives the value. Accumulates in double. This one is
// for a target by itself, without smoothing and weights.
template <class T>
double OfClasses(const T* scores, const int64_t* targets, int64_t rows, int64_t classes,
                 double weight, T* derivative) {
  double value = 0;
  int64_t counted = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = scores + r * classes;
    T* out = derivative + r * classes;
    const T greatest = Greatest(row, classes);
    for (int64_t j = 0; j < classes; ++j) out[j] = row[j] - greatest;
    if (targets[r] == kIgnoredTarget) continue;
    if (targets[r] < 0 || targets[r] >= classes) {
      ThrowNoSuchClass(CrossEntropy::kind, targets[r], classes);
    }
    ++counted;
    value -= static_cast<double>(out[targets[r]]);
  }
  Exponentiate(derivative, rows * classes);
  const T share = static_cast<T>(weight) / static_cast<T>(counted);
  for (int64_t r = 0; r < rows; ++r) {
    T* out = derivative + r * classes;
    if (targets[r] == kIgnoredTarget) {
      for (int64_t j = 0; j < classes; ++j) out[j] = 0;
      continue;
    }
    T sum = 0;
    for (int64_t j = 0; j < classes; ++j) sum += out[j];
    value += std::log(static_cast<double>(sum));
    const T factor = share / sum;
    for (int64_t j = 0; j < classes; ++j) out[j] *= factor;
    out[targets[r]] -= share;
  }
  return counted == 0 ? 0 : value / static_cast<double>(counted);
}

// Computes with a(r, j) for each number of a row, and divides by `divisor`.
template <class T, class Coefficient>
double Weighted(const T* scores, int64_t rows, int64_t classes, double divisor, double weight,
                Coefficient a, T* derivative) {
  if (divisor == 0) {  // nothing counts
    std::fill_n(derivative, rows * classes, T{0});
    return 0;
  }
  double value = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = scores + r * classes;
    T* out = derivative + r * classes;
    const T greatest = Greatest(row, classes);
    for (int64_t j = 0; j < classes; ++j) {
      out[j] = row[j] - greatest;
      // The product 0·∞ would be NaN.
      if (const T share = a(r, j); share != 0) value -= static_cast<double>(share * out[j]);
    }
  }
  Exponentiate(derivative, rows * classes);
  const T scale = static_cast<T>(weight / divisor);
  for (int64_t r = 0; r < rows; ++r) {
    T* out = derivative + r * classes;
    T sum = 0, total = 0;
    for (int64_t j = 0; j < classes; ++j) {
      sum += out[j];
      total += a(r, j);
    }
    value += static_cast<double>(total) * std::log(static_cast<double>(sum));
    const T factor = scale * total / sum;
    for (int64_t j = 0; j < classes; ++j) out[j] = factor * out[j] - scale * a(r, j);
  }
  return value / divisor;
}

// The options, ready for use: what each class gets of the smoothing, and what it gets as a target.
struct Coefficients {
  std::vector<double> smoothing;  // ε·w_j/classes
  std::vector<double> own;        // (1 − ε)·w_j

  Coefficients(const CrossEntropy& options, size_t classes) {
    for (size_t j = 0; j < classes; ++j) {
      const double w = options.class_weights.empty() ? 1 : options.class_weights[j];
      smoothing.push_back(options.label_smoothing * w / static_cast<double>(classes));
      own.push_back((1 - options.label_smoothing) * w);
    }
  }
};

template <class T>
double OfSmoothedClasses(const CrossEntropy& options, const Coefficients& c, const T* scores,
                         const int64_t* targets, int64_t rows, int64_t classes, double weight,
                         T* derivative) {
  double divisor = 0;
  for (int64_t r = 0; r < rows; ++r) {
    if (targets[r] == kIgnoredTarget) continue;
    if (targets[r] < 0 || targets[r] >= classes) {
      ThrowNoSuchClass(CrossEntropy::kind, targets[r], classes);
    }
    divisor += options.class_weights.empty() ? 1 : options.class_weights[targets[r]];
  }
  return Weighted(
      scores, rows, classes, divisor, weight,
      [&](int64_t r, int64_t j) {
        if (targets[r] == kIgnoredTarget) return T{0};
        return static_cast<T>(targets[r] == j ? c.own[j] + c.smoothing[j] : c.smoothing[j]);
      },
      derivative);
}

template <class T>
double OfProbabilities(const Coefficients& c, const T* scores, const T* targets, int64_t rows,
                       int64_t classes, double weight, T* derivative) {
  return Weighted(
      scores, rows, classes, static_cast<double>(rows), weight,
      [&](int64_t r, int64_t j) {
        return static_cast<T>(c.own[j]) * targets[r * classes + j] + static_cast<T>(c.smoothing[j]);
      },
      derivative);
}

// The same by LibTorch's operators, for a device without loops of our own.
struct Operators {
  at::Tensor smoothing, own, weights;  // [classes]; weights may be undefined
  bool plain;

  Operators(const CrossEntropy& options, const Coefficients& c, const at::TensorOptions& device)
      : smoothing(WeightTensor(c.smoothing, device)),
        own(WeightTensor(c.own, device)),
        weights(WeightTensor(options.class_weights, device)),
        plain(options.label_smoothing == 0 && options.class_weights.empty()) {}

  // scores, logs and derivative are [rows, classes]; targets [rows], or probabilities.
  void Run(const at::Tensor& scores, const at::Tensor& targets, at::Tensor logs,
           at::Tensor derivative, at::Tensor value) const {
    at::_log_softmax_out(logs, scores, 1, /*half_to_float=*/false);
    if (targets.is_floating_point()) {
      const at::Tensor a = own * targets + smoothing;
      const auto rows = static_cast<double>(scores.size(0));
      value.copy_((a * logs).sum().div(-rows));
      at::exp_out(derivative, logs);
      derivative.mul_(a.sum(at::IntArrayRef{1}, /*keepdim=*/true)).sub_(a).div_(rows);
      return;
    }
    const at::Tensor counts = targets.ne(kIgnoredTarget).to(scores.scalar_type());
    const at::Tensor classes = targets.clamp_min(0), places = classes.unsqueeze(1);
    if (plain) {
      at::Tensor total = at::empty({}, scores.options());
      at::nll_loss_forward_out(value, total, logs, targets, {}, at::Reduction::Mean,
                               kIgnoredTarget);
      at::exp_out(derivative, logs);
      derivative.scatter_add_(1, places, -at::ones_like(places, scores.options()));
      const at::Tensor none = total.eq(0);  // the quotient would be 0/0
      derivative.mul_(counts.unsqueeze(1)).div_(total + none);
      value.masked_fill_(none, 0);
      return;
    }
    at::Tensor a = counts.unsqueeze(1) * smoothing;
    a.scatter_add_(1, places, (counts * own.take(classes)).unsqueeze(1));
    at::Tensor divisor = (weights.defined() ? counts * weights.take(classes) : counts).sum();
    const at::Tensor some = divisor.ne(0);
    a.mul_(some);
    divisor.add_(some.logical_not());
    value.copy_((0 - (a * logs).sum()).div(divisor));
    at::exp_out(derivative, logs);
    derivative.mul_(a.sum(at::IntArrayRef{1}, /*keepdim=*/true)).sub_(a).div_(divisor);
  }
};

bool Plan(const CrossEntropy& options, PlanBuilder& plan, const LossPlan& loss) {
  const std::vector<int64_t>& sizes = loss.predictions.sizes();
  const bool fits = loss.predictions.dtype() == plan.dtype() &&
                    (options.probabilities
                         ? sizes.size() >= 2 && sizes == loss.targets.sizes() &&
                               loss.targets.dtype() == plan.dtype() &&
                               (options.class_weights.empty() ||
                                options.class_weights.size() == static_cast<size_t>(sizes.back()))
                         : HasClassShapes(loss, options.class_weights.size()));
  if (!fits) return false;
  const PlanTensor derivative = plan.Contribution(loss.predictions);
  if (!derivative) return false;
  const int64_t classes = sizes.back(), rows = CountOf(loss.predictions) / classes;
  const bool plain =
      options.label_smoothing == 0 && options.class_weights.empty() && !options.probabilities;
  const Coefficients c(options, static_cast<size_t>(classes));
  const bool loops =
      plan.device().is_cpu() && (plan.dtype() == at::kFloat || plan.dtype() == at::kDouble);
  const PlanTensor logs = loops ? PlanTensor() : plan.Scratch({rows, classes});
  std::shared_ptr<const Operators> operators;
  if (!loops) {
    operators = std::make_shared<const Operators>(
        options, c, at::TensorOptions().dtype(plan.dtype()).device(plan.device()));
  }
  plan.Forward({.reads = {loss.predictions, loss.targets, loss.weight.weights},
                .writes = {derivative, loss.value, logs},
                .run = [=] {
                  const bool done = OnCpu(*loss.predictions, [&]<class T>(T*) {
                    const T* scores = loss.predictions->const_data_ptr<T>();
                    T* out = derivative->mutable_data_ptr<T>();
                    const double weight = loss.weight();
                    const double value =
                        options.probabilities
                            ? OfProbabilities(c, scores, loss.targets->const_data_ptr<T>(), rows,
                                              classes, weight, out)
                        : plain ? OfClasses(scores, loss.targets->const_data_ptr<int64_t>(), rows,
                                            classes, weight, out)
                                : OfSmoothedClasses(options, c, scores,
                                                    loss.targets->const_data_ptr<int64_t>(), rows,
                                                    classes, weight, out);
                    *loss.value->mutable_data_ptr<T>() = static_cast<T>(value);
                  });
                  if (done) return;
                  operators->Run(loss.predictions->view({rows, classes}),
                                 options.probabilities ? loss.targets->view({rows, classes})
                                                       : loss.targets->view({rows}),
                                 *logs, derivative->view({rows, classes}), *loss.value);
                  loss.weight.Scale(*derivative);
                }});
  return true;
}

absl::Status Check(const CrossEntropy& options, const Shape& output, const Shape& target) {
  if (!options.probabilities) {
    return CheckClassShapes(CrossEntropy::kind, output, target, options.class_weights.size());
  }
  if (output.empty() || output != target) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cross_entropy: needs one score and one probability per class, but the model gives ",
        ToString(output), " and the targets are ", ToString(target)));
  }
  const Shape rows(output.begin(), output.end() - 1);
  return CheckClassShapes(CrossEntropy::kind, output, rows, options.class_weights.size());
}

}  // namespace

Loss CrossEntropy::Make() const {
  const CrossEntropy options = *this;
  const bool plain = label_smoothing == 0 && class_weights.empty();
  Loss loss{.name = std::string(kind),
            .function =
                [options](const at::Tensor& predictions, const at::Tensor& targets) {
                  if (options.probabilities) {
                    ThrowUnlessEqualShapes(kind, predictions, targets);
                  } else {
                    ThrowUnlessClassShapes(kind, predictions, targets);
                  }
                  const at::Tensor rows = RowsOf(predictions);
                  const auto mean = [&](const at::Tensor& t, const at::Tensor& weights) {
                    return at::cross_entropy_loss(rows, t, weights, at::Reduction::Mean,
                                                  kIgnoredTarget, options.label_smoothing);
                  };
                  const at::Tensor weights =
                      WeightTensor(options.class_weights, predictions.options());
                  return options.probabilities ? mean(RowsOf(targets), weights)
                                               : MeanOfClasses(FlatTargets(targets), weights, mean);
                },
            .predicts = probabilities ? Predicts::kProbabilities : Predicts::kClass,
            .likelihood = plain && !probabilities,
            .check = [options](const Shape& output,
                               const Shape& target) { return Check(options, output, target); },
            .plan = [options](PlanBuilder& plan,
                              const LossPlan& loss) { return Plan(options, plan, loss); }};
  loss.probabilities = [](const at::Tensor& scores) { return at::softmax(scores, -1); };
  if (probabilities) {
    loss.target_range = UpToOne("target");
  } else {
    loss.weight = [weights = class_weights](const at::Tensor& targets) {
      return WeightOfTargets(targets, weights);
    };
  }
  return loss;
}

Loss cross_entropy() { return CrossEntropy{}; }

}  // namespace descent
