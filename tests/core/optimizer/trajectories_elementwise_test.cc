// Compares formulas for each number by itself, Adam's aside.
#include "core/optimizer/adadelta.h"
#include "core/optimizer/adagrad.h"
#include "core/optimizer/asgd.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/heavy_ball.h"
#include "core/optimizer/lion.h"
#include "core/optimizer/rmsprop.h"
#include "core/optimizer/rprop.h"
#include "core/optimizer/schedule_free.h"
#include "core/optimizer/sgd.h"
#include "gtest/gtest.h"
#include "tests/core/optimizer/trajectories.h"

namespace descent {
namespace {

TEST_F(TrajectoriesTest, GradientDescentIsTorchsSgd) {
  ExpectMlp("gradient_descent", GradientDescent{.step_size = 0.05});
  ExpectRosenbrock("gradient_descent", GradientDescent{.step_size = 2e-4});
  ExpectRosenbrockInToySpace("gradient_descent", GradientDescent{.step_size = 2e-4});
}

TEST_F(TrajectoriesTest, HeavyBallIsTorchsSgdWithMomentum) {
  ExpectMlp("heavy_ball", HeavyBall{.step_size = 0.05});
  ExpectRosenbrock("heavy_ball", HeavyBall{.step_size = 2e-4});
  ExpectRosenbrockInToySpace("heavy_ball", HeavyBall{.step_size = 2e-4});
}

TEST_F(TrajectoriesTest, SgdIsTorchs) {
  const auto sgd = [](double step_size) {
    return Sgd{.step_size = step_size, .momentum = 0.8, .dampening = 0.3};
  };
  ExpectTrajectory("sgd", sgd(0.05), sgd(2e-4));
  const auto nesterov = [](double step_size) {
    return Sgd{.step_size = step_size, .momentum = 0.9, .nesterov = true};
  };
  ExpectTrajectory("sgd_nesterov", nesterov(0.05), nesterov(2e-4));
}

TEST_F(TrajectoriesTest, AdaGradIsTorchs) {
  ExpectTrajectory("adagrad",
                   AdaGrad{.step_size = 0.02, .step_size_decay = 0.01, .initial_accumulator = 0.1});
}

TEST_F(TrajectoriesTest, AdaDeltaIsTorchs) { ExpectTrajectory("adadelta", AdaDelta{}); }

TEST_F(TrajectoriesTest, RmsPropIsTorchs) {
  ExpectTrajectory("rmsprop", RmsProp{.step_size = 0.001, .momentum = 0.9});
  ExpectTrajectory("rmsprop_centered", RmsProp{.step_size = 0.002, .centered = true});
}

TEST_F(TrajectoriesTest, RpropIsTorchs) {
  CompareSigns();
  ExpectTrajectory("rprop", Rprop{.initial_step = 0.01});
}

TEST_F(TrajectoriesTest, AsgdAndItsAverageAreTorchs) {
  const auto asgd = [](double step_size) {
    return Asgd{.step_size = step_size, .decay = 0.01, .start = 20};
  };
  ExpectTrajectory("asgd", asgd(0.05), asgd(2e-4));
}

TEST_F(TrajectoriesTest, LionIsOptaxs) {
  CompareSigns();
  ExpectTrajectory("lion", Lion{.step_size = 0.002, .weight_decay = 0.1});
}

TEST_F(TrajectoriesTest, ScheduleFreeOptimizersAndTheirAveragesAreOptaxs) {
  ExpectTrajectory("schedule_free_sgd", ScheduleFreeSgd{.step_size = 0.002});
  ExpectTrajectory("schedule_free_adamw",
                   ScheduleFreeAdamW{.step_size = 0.01, .weight_decay = 0.1});
}

}  // namespace
}  // namespace descent
