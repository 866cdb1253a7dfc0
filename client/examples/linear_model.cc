// This is Descent's core as a plain library, with no service at all: a linear model of one's own,
// an objective of one's own, gradient descent written by hand and the iterator that gives the same
// iterates, and a step size that is turned in mid-loop.
//
//   bazel run //client/examples:linear_model
//
// It checks what it says, and exits with 1 if something isn't so.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ranges>
#include <vector>

#include "ATen/ATen.h"
#include "core/model/model.h"
#include "core/objective/gradient.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/nesterov.h"
#include "core/sequence/cosine.h"
#include "core/sequence/settable.h"
#include "core/space/space.h"

namespace {

// A model is any struct that lists its tensors.
struct Line {
  at::Tensor weight;  // [1, features]
  at::Tensor bias;    // [1]

  void fields(descent::Fields& list) { list("weight", weight)("bias", bias); }
  at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
};

// All parameters are in one flat buffer: an element of an inner product space.
using LinearModel = descent::ModelOf<Line>;

int failures = 0;

void Check(bool holds, const char* what) {
  std::printf("  %s: %s\n", holds ? "ok" : "NOT SO", what);
  if (!holds) ++failures;
}

}  // namespace

int main() {
  at::manual_seed(1);
  const at::Tensor x = at::randn({200, 3}, at::kDouble);
  const at::Tensor truth = at::tensor({1.0, -2.0, 0.5}, at::kDouble).unsqueeze(0);
  const at::Tensor y = at::linear(x, truth) + 0.3 + 0.1 * at::randn({200, 1}, at::kDouble);

  // An objective is any callable of a model: here ridge regression.
  const auto objective = [&](const LinearModel& model) {
    return (model(x) - y).square().mean() + 1e-3 * model->weight.square().sum();
  };
  const LinearModel start(Line{at::zeros({1, 3}, at::kDouble), at::zeros({1}, at::kDouble)});

  std::printf("Gradient descent by hand, and as a range:\n");
  std::vector<LinearModel> by_hand;
  LinearModel model = start;
  for (int k = 0; k < 50; ++k) {
    by_hand.push_back(model);
    const auto [gradient, value] = descent::gradient(objective, model);
    model -= 0.1 * gradient;  // a gradient has the type of its model
  }
  bool same = true;
  double first = 0, last = 0;
  for (const auto& it :
       descent::GradientDescent{.step_size = 0.1}(start, objective) | std::views::take(50)) {
    same = same && descent::norm(it.solution - by_hand[it.index]) <= 1e-14;
    (it.index == 0 ? first : last) = it.value;
    if (it.index % 10 == 0) {
      std::printf("  iteration %2ld   value %.6f   gradient norm %.6f\n",
                  static_cast<long>(it.index), it.value, it.gradient_norm());
    }
  }
  Check(same, "the range yields the iterates of the loop written by hand");
  Check(last < 0.05 * first, "the value fell to less than a twentieth");
  Check(descent::norm(start) == 0, "the starting point is as it was");

  std::printf("Nesterov's method over a cosine schedule, turned in mid-loop:\n");
  auto step_size = descent::settable(descent::cosine(0.1, /*iterations=*/100));
  std::vector<double> used;
  LinearModel solution = start;
  for (const auto& it :
       descent::Nesterov{.step_size = step_size}(start, objective) | std::views::take(101)) {
    used.push_back(it.step_size.value_or(0));
    if (it.index == 10 && !step_size.set(0.02).ok()) ++failures;  // for the step to iterate 11
    if (it.index == 20) step_size.release();                      // the schedule has gone on
    if (it.index == 30 && step_size.set(-1).ok()) ++failures;     // refused, nothing changed
    if (it.index % 10 == 0 || it.index == 11 || it.index == 21) {
      std::printf("  iteration %3ld   value %.6f   step size %.6f\n", static_cast<long>(it.index),
                  it.value, used.back());
    }
    solution = it.solution;
  }
  const descent::Sequence schedule = descent::cosine(0.1, 100);
  Check(used[10] == schedule.at(9) && used[11] == 0.02 && used[20] == 0.02,
        "what was set at iteration 10 is in force from the step to iteration 11");
  Check(used[21] == schedule.at(20), "released at 20, the schedule is at position 20, not 10");
  Check(used[31] == schedule.at(30), "a negative step size was refused");

  std::printf("Found: %.3f %.3f %.3f, bias %.3f   (truth: 1, -2, 0.5, bias 0.3)\n",
              solution->weight[0][0].item<double>(), solution->weight[0][1].item<double>(),
              solution->weight[0][2].item<double>(), solution->bias.item<double>());
  Check((solution->weight - truth).abs().max().item<double>() < 0.05, "the weights are right");
  return failures == 0 ? 0 : 1;
}
