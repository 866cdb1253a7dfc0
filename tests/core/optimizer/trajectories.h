// Compares optimizers step by step with what torch.optim and optax do in float64
// (tests/data/optimizer_trajectories*.py).
//
// The optimizers' types are erased, so that a test costs the compiler a method a space and no more.
#ifndef DESCENT_TESTS_CORE_OPTIMIZER_TRAJECTORIES_H_
#define DESCENT_TESTS_CORE_OPTIMIZER_TRAJECTORIES_H_

#include <cstdint>
#include <map>
#include <string>

#include "ATen/core/Tensor.h"
#include "core/model/model.h"
#include "core/objective/gradient.h"
#include "core/optimizer/any_optimizer.h"
#include "core/space/tensor_space.h"
#include "gtest/gtest.h"
#include "tests/core/space/toy_space.h"

namespace descent {

struct Mlp {
  at::Tensor weight1, bias1, weight2, bias2;
  void fields(Fields& list) {
    list("weight1", weight1)("bias1", bias1)("weight2", weight2)("bias2", bias2);
  }
  at::Tensor operator()(const at::Tensor& x) const;
};

class TrajectoriesTest : public testing::Test {
 protected:
  TrajectoriesTest();

  // Compares on both problems, on the second in two spaces.
  template <class Optimizer>
  void ExpectTrajectory(const std::string& name, const Optimizer& mlp,
                        const Optimizer& rosenbrock) {
    ExpectMlp(name, mlp);
    ExpectRosenbrock(name, rosenbrock);
    ExpectRosenbrockInToySpace(name, rosenbrock);
  }
  template <class Optimizer>
  void ExpectTrajectory(const std::string& name, const Optimizer& optimizer) {
    ExpectTrajectory(name, optimizer, optimizer);
  }

  // Compares optimizers that go by signs, to 1e-6 over 50 steps. Later, roundings decide.
  void CompareSigns();

  void ExpectMlp(const std::string& name, const AnyOptimizer<ModelOf<Mlp>>& optimizer);
  // Compares those parameters of the MLP that are matrices; the others stay.
  void ExpectMatrices(const std::string& name, const AnyOptimizer<ModelOf<Mlp>>& optimizer);
  void ExpectRosenbrock(const std::string& name, const AnyOptimizer<at::Tensor>& optimizer);
  // Compares the same without LibTorch, which is the optimizer's generic form.
  void ExpectRosenbrockInToySpace(const std::string& name,
                                  const AnyOptimizer<toy::Pair>& optimizer);

 private:
  const at::Tensor& Reference(const std::string& name) const;
  // Compares where the reference has the step; returns how many tensors that were.
  int Compare(const std::string& prefix, int64_t step, const std::string& name,
              const at::Tensor& tensor) const;
  // Gives how many of them the reference has.
  int Steps() const;
  ModelOf<Mlp> MlpStart() const;
  at::Tensor MlpValue(const ModelOf<Mlp>& model) const;

  std::map<std::string, at::Tensor> reference_;
  double tolerance_ = 1e-10;
  int64_t last_ = 200;
};

}  // namespace descent

#endif  // DESCENT_TESTS_CORE_OPTIMIZER_TRAJECTORIES_H_
