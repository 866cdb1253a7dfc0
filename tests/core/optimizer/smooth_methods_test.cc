// Tests methods for whole gradients on problems with a known answer: how far they come, and with
// how many evaluations.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ATen/CPUGeneratorImpl.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/diag.h"
#include "ATen/ops/linalg_qr.h"
#include "ATen/ops/linspace.h"
#include "ATen/ops/pow.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros_like.h"
#include "core/functions/functions.h"
#include "core/functions/objective.h"
#include "core/model/model.h"
#include "core/optimizer/accumulate.h"
#include "core/optimizer/any_optimizer.h"
#include "core/optimizer/averages.h"
#include "core/optimizer/barzilai_borwein.h"
#include "core/optimizer/clip.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/lbfgs.h"
#include "core/optimizer/line_search.h"
#include "core/optimizer/nesterov.h"
#include "core/optimizer/nonlinear_cg.h"
#include "core/optimizer/sam.h"
#include "core/optimizer/weight_decay.h"
#include "core/sequence/composed.h"
#include "core/sequence/piecewise.h"
#include "core/sequence/sequence.h"
#include "core/space/tensor_space.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/space/toy_space.h"

namespace descent {
namespace {

using ::testing::HasSubstr;

struct Point {
  at::Tensor x;
  void fields(Fields& list) { list("x", x); }
};

// This is a function of two numbers on the toy space; otherwise it is what FunctionObjective is.
struct OnAnySpace {
  FunctionObjective objective;
  double gradient_into(const at::Tensor& x, at::Tensor& g) { return objective.gradient_into(x, g); }
  double gradient_into(const ModelOf<Point>& x, ModelOf<Point>& g) {
    return objective.gradient_into(x, g);
  }
  double gradient_into(const toy::Pair& x, toy::Pair& g) const {
    return objective.function().evaluate(x.v, g.v);
  }
};

double Greatest(const at::Tensor& x) { return x.abs().max().item<double>(); }

struct Outcome {
  int64_t iterations = 0;
  int64_t evaluations = 0;
  double value = 0;
  double greatest = std::numeric_limits<double>::infinity();
};

// Runs until no number of the gradient exceeds 1e-8, or for 5000 iterations.
template <class O, class F>
Outcome Minimize(const O& optimizer, const at::Tensor& x0, const F& objective) {
  auto run = optimizer(x0, objective);
  Outcome outcome;
  for (const auto& it : run | std::views::take(5001)) {
    outcome = {it.index, run.evaluations(), it.value, Greatest(it.gradient)};
    if (outcome.greatest <= 1e-8) break;
  }
  return outcome;
}

std::vector<Function> Classics() {
  return {*Rosenbrock(2),   *Rosenbrock(100), Beale(),        Himmelblau(),
          PowellSingular(), Wood(),           HelicalValley()};
}

// Gives the reference's evaluations by problem and method: `beale 2 CG`.
std::map<std::string, int64_t> Reference() {
  std::ifstream file("tests/data/evaluations_scipy.txt");
  std::map<std::string, int64_t> reference;
  std::string line, name, dimension, method;
  std::getline(file, line);
  for (int64_t count; file >> name >> dimension >> method >> count;) {
    reference[name + " " + dimension + " " + method] = count;
  }
  return reference;
}

template <class O>
void ExpectAsGoodAsScipy(const O& optimizer, const std::string& method) {
  const std::map<std::string, int64_t> reference = Reference();
  ASSERT_EQ(reference.size(), 14u);
  for (const Function& function : Classics()) {
    const std::string name =
        function.name + " " + std::to_string(function.dimension()) + " " + method;
    const Outcome outcome =
        Minimize(optimizer, at::tensor(function.start), FunctionObjective(function));
    EXPECT_LE(outcome.greatest, 1e-8) << name;
    ASSERT_TRUE(reference.contains(name)) << name;
    EXPECT_LE(static_cast<double>(outcome.evaluations),
              1.5 * static_cast<double>(reference.at(name)))
        << name;
    testing::Test::RecordProperty(name, std::to_string(outcome.evaluations));
    EXPECT_NEAR(outcome.value, function.minimum, 1e-10) << name;
  }
}

TEST(SmoothMethodsTest, LbfgsIsAsGoodAsScipy) { ExpectAsGoodAsScipy(Lbfgs{}, "L-BFGS-B"); }

TEST(SmoothMethodsTest, NonlinearCgIsAsGoodAsScipy) { ExpectAsGoodAsScipy(NonlinearCg{}, "CG"); }

// One start says little, for rounding decides about many an evaluation.
TEST(SmoothMethodsTest, SoIsNonlinearCgFromStartsCloseBy) {
  at::Generator generator = at::detail::createCPUGenerator(5);
  const std::map<std::string, int64_t> reference = Reference();
  for (const Function& function : Classics()) {
    const std::string name = function.name + " " + std::to_string(function.dimension()) + " CG";
    std::vector<int64_t> evaluations;
    for (int i = 0; i < 15; ++i) {
      const at::Tensor x0 = at::tensor(function.start);
      const Outcome outcome =
          Minimize(NonlinearCg{}, x0 + 1e-9 * at::randn(x0.sizes(), generator, at::kDouble),
                   FunctionObjective(function));
      EXPECT_LE(outcome.greatest, 1e-8) << name;
      evaluations.push_back(outcome.evaluations);
    }
    std::ranges::nth_element(evaluations, evaluations.begin() + 7);
    EXPECT_LE(static_cast<double>(evaluations[7]), 1.5 * static_cast<double>(reference.at(name)))
        << name;
  }
}

TEST(SmoothMethodsTest, EveryFormulaAndLineSearchComesToTheMinimum) {
  const std::vector<LineSearch> searches{Backtracking{}, StrongWolfe{.curvature = 0.1},
                                         HagerZhang{.curvature = 0.1}};
  for (const Function& function : {*Rosenbrock(2), Beale(), Himmelblau(), HelicalValley()}) {
    const at::Tensor x0 = at::tensor(function.start);
    for (const LineSearch& search : searches) {
      EXPECT_LE(Minimize(Lbfgs{.line_search = search}, x0, FunctionObjective(function)).greatest,
                1e-8)
          << function.name << " " << search.kind();
      if (search.kind() == Backtracking::kind) continue;  // too inexact for CG
      for (const auto formula : {CgFormula::kHagerZhang, CgFormula::kPolakRibierePlus}) {
        EXPECT_LE(Minimize(NonlinearCg{.formula = formula, .line_search = search}, x0,
                           FunctionObjective(function))
                      .greatest,
                  1e-8)
            << function.name << " " << search.kind();
      }
    }
  }
}

// Its eigenvalues go from 1/condition to 1, evenly spaced in the exponent, in a random basis.
struct IllConditioned {
  at::Tensor matrix, vector;

  explicit IllConditioned(double condition) {
    constexpr int64_t kDimension = 50;
    at::Generator generator = at::detail::createCPUGenerator(5);
    const at::Tensor basis =
        std::get<0>(at::linalg_qr(at::randn({kDimension, kDimension}, generator, at::kDouble)));
    const at::Tensor eigenvalues = at::pow(condition, at::linspace(-1, 0, kDimension, at::kDouble));
    const at::Tensor product = basis.mm(at::diag(eigenvalues)).mm(basis.t());
    matrix = (product + product.t()) / 2;
    vector = -matrix.mv(at::randn({kDimension}, generator, at::kDouble));
  }
  double gradient_into(const at::Tensor& x, at::Tensor& g) const {
    const at::Tensor product = matrix.mv(x);
    g.copy_(product + vector);
    return 0.5 * x.dot(product).item<double>() + x.dot(vector).item<double>();
  }
};

TEST(SmoothMethodsTest, IllConditionedQuadratics) {
  for (const double condition : {1e3, 1e4}) {
    const IllConditioned problem(condition);
    const at::Tensor x0 = at::zeros_like(problem.vector);
    const auto reaches = [&](const auto& optimizer) {
      return Minimize(optimizer, x0, problem).greatest <= 1e-8;
    };
    EXPECT_TRUE(reaches(Lbfgs{})) << condition;
    EXPECT_TRUE(reaches(NonlinearCg{})) << condition;
    EXPECT_TRUE(reaches(BarzilaiBorwein{.step_size = 1})) << condition;
    EXPECT_TRUE(reaches(BarzilaiBorwein{.step_size = 1, .formula = BarzilaiBorweinFormula::kShort}))
        << condition;
  }
}

TEST(SmoothMethodsTest, ARestartMakesNesterovLinearWhereItIsStronglyConvex) {
  const IllConditioned problem(1e3);
  const at::Tensor x0 = at::zeros_like(problem.vector);
  const auto iterations = [&](Restart restart) {
    const Outcome outcome = Minimize(Nesterov{.step_size = 1, .restart = restart}, x0, problem);
    return outcome.greatest <= 1e-8 ? outcome.iterations : 5000;
  };
  EXPECT_GT(iterations(Restart::kNone), 3000);
  EXPECT_LT(iterations(Restart::kFunction), 1000);
  EXPECT_LT(iterations(Restart::kGradient), 1000);
}

TEST(SmoothMethodsTest, RestartsAreReported) {
  const IllConditioned problem(1e3);
  auto run = Nesterov{.step_size = 1, .restart = Restart::kGradient}(at::zeros_like(problem.vector),
                                                                     problem);
  for (int k = 0; k < 500; ++k) run.Advance();
  run.Current();
  run.Report([](std::string_view name, double value) {
    EXPECT_EQ(name, "restarts");
    EXPECT_GT(value, 0);
    EXPECT_LT(value, 20);
  });
}

// Runs the same code on three spaces.
template <class O>
void ExpectTheSameOnEachSpace(const O& optimizer) {
  const Function function = Himmelblau();
  const at::Tensor x0 = at::tensor(function.start);
  const OnAnySpace objective{FunctionObjective(function)};
  auto on_tensor = optimizer(x0, objective);
  auto on_model = optimizer(ModelOf(Point{x0}), objective);
  auto on_toy = optimizer(toy::Pair{{2, 2}}, objective);
  for (int k = 0; k < 8; ++k) {
    const at::Tensor& expected = on_tensor.Current().solution;
    EXPECT_NEAR(norm(expected - on_model.Current().solution->x), 0, 1e-9);
    EXPECT_NEAR(on_toy.Current().solution.v[0], expected[0].template item<double>(), 1e-9);
    EXPECT_NEAR(on_toy.Current().solution.v[1], expected[1].template item<double>(), 1e-9);
    EXPECT_EQ(on_toy.evaluations(), on_tensor.evaluations());
    on_tensor.Advance();
    on_model.Advance();
    on_toy.Advance();
  }
}

TEST(SmoothMethodsTest, AreTheSameOnEverySpace) {
  ExpectTheSameOnEachSpace(Lbfgs{});
  ExpectTheSameOnEachSpace(Lbfgs{.history = 2, .line_search = StrongWolfe{}});
  ExpectTheSameOnEachSpace(NonlinearCg{});
  ExpectTheSameOnEachSpace(NonlinearCg{.formula = CgFormula::kPolakRibierePlus});
  ExpectTheSameOnEachSpace(NonlinearCg{.step_size = 1e-3, .line_search = FixedStep{}});
  ExpectTheSameOnEachSpace(BarzilaiBorwein{.step_size = 1e-3});
  ExpectTheSameOnEachSpace(Nesterov{.step_size = 1e-3, .restart = Restart::kFunction});
}

// Is half the squared distance to (1, 2), scaled by hand; counts its evaluations.
struct Bowl {
  int* evaluations;
  double gradient_into(const toy::Pair& x, toy::Pair& g) const {
    ++*evaluations;
    g = {{x.v[0] - 1, 10 * (x.v[1] - 2)}};
    return ((x.v[0] - 1) * g.v[0] + (x.v[1] - 2) * g.v[1]) / 2;
  }
};

// Has another slope in each iteration.
struct Moving : Bowl {
  int64_t iteration = 0;
  void seek(int64_t k) { iteration = k; }
  double gradient_into(const toy::Pair& x, toy::Pair& g) const {
    const double value = Bowl::gradient_into(x, g);
    axpy(1, toy::Pair{{static_cast<double>(iteration), 0}}, g);
    return value + static_cast<double>(iteration) * x.v[0];
  }
};

TEST(EvaluationsTest, WhatTheLineSearchEvaluatedLastIsNotEvaluatedAgain) {
  for (const LineSearch& search : {LineSearch(FixedStep{}), LineSearch(Backtracking{})}) {
    int evaluations = 0;
    auto run = Lbfgs{.step_size = 0.1, .line_search = search}(toy::Pair{}, Bowl{&evaluations});
    for (const auto& it : run | std::views::take(6)) {
      toy::Pair gradient;
      int ignored = 0;
      EXPECT_EQ(it.value, (Bowl{&ignored}.gradient_into(it.solution, gradient)));
      EXPECT_EQ(it.gradient, gradient);
    }
    EXPECT_EQ(evaluations, 6);
    EXPECT_EQ(run.evaluations(), 6);
  }
}

TEST(EvaluationsTest, ANewBatchIsEvaluated) {
  int evaluations = 0;
  auto run =
      Lbfgs{.step_size = 0.1, .line_search = FixedStep{}}(toy::Pair{}, Moving{{&evaluations}});
  for (const auto& it : run | std::views::take(6)) {
    Moving expected{{&evaluations}, it.index};
    toy::Pair gradient;
    EXPECT_EQ(it.value, expected.gradient_into(it.solution, gradient)) << it.index;
    EXPECT_EQ(it.gradient, gradient);
    --evaluations;
  }
  EXPECT_EQ(evaluations, 6 + 5);
  EXPECT_EQ(run.evaluations(), 6 + 5);
}

TEST(EvaluationsTest, WrappersThatChangeTheObjectiveHaveItEvaluatedAnew) {
  int evaluations = 0;
  const CoupledWeightDecay optimizer{.weight_decay = 1, .optimizer = Lbfgs{}};
  for (const auto& it : optimizer(toy::Pair{}, Bowl{&evaluations}) | std::views::take(10)) {
    toy::Pair gradient;
    int ignored = 0;
    EXPECT_EQ(it.value, (Bowl{&ignored}.gradient_into(it.solution, gradient)));
    EXPECT_EQ(it.gradient, gradient);
    if (it.index < 9) continue;
    // That is the minimum of the bowl and |x|²/2.
    EXPECT_NEAR(it.solution.v[0], 0.5, 1e-8);
    EXPECT_NEAR(it.solution.v[1], 20.0 / 11, 1e-8);
  }
}

TEST(EvaluationsTest, AreReported) {
  int evaluations = 0;
  auto run = NonlinearCg{}(toy::Pair{}, Bowl{&evaluations});
  run.Current();
  std::map<std::string, double> reported;
  const auto report = [&](std::string_view name, double value) {
    reported[std::string(name)] = value;
  };
  run.Report(report);
  EXPECT_EQ(reported, (std::map<std::string, double>{
                          {"evaluations", 1}, {"line_search_evaluations", 0}, {"step_length", 0}}));
  run.Advance();
  run.Current();
  run.Report(report);
  EXPECT_EQ(reported["evaluations"], evaluations);
  EXPECT_EQ(reported["line_search_evaluations"], evaluations - 1);
  EXPECT_GT(reported["step_length"], 0);
}

TEST(SmoothMethodsTest, StayWhereTheGradientIsZeroOrNotFinite) {
  int evaluations = 0;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const AnyOptimizer<toy::Pair> optimizers[] = {Lbfgs{}, NonlinearCg{}};
  for (const auto& optimizer : optimizers) {
    for (const auto& it : optimizer(toy::Pair{{1, 2}}, Bowl{&evaluations}) | std::views::take(5)) {
      EXPECT_EQ(it.solution, (toy::Pair{{1, 2}}));
      EXPECT_EQ(it.value, 0);
    }
    auto run = optimizer(toy::Pair{{nan, 2}}, Bowl{&evaluations});
    for (const auto& it : run | std::views::take(5)) EXPECT_EQ(it.solution.v[1], 2);
  }
}

// Gives the iteration at which the run says that it is stuck, and why.
std::pair<int64_t, std::string> StuckAt(const AnyOptimizer<toy::Pair>& optimizer, toy::Pair x0) {
  int evaluations = 0;
  auto run = optimizer(x0, Bowl{&evaluations});
  for (int64_t k = 0; k < 60; ++k, run.Advance()) {
    const toy::Pair before = run.Current().solution;
    if (run.stuck().empty()) continue;
    const std::string why(run.stuck());
    // It was right: nothing moves any more.
    for (int further = 0; further < 5; ++further, run.Advance()) {
      EXPECT_EQ(run.Current().solution, before);
      EXPECT_EQ(run.stuck(), why);
    }
    return {k, why};
  }
  return {-1, ""};
}

TEST(SmoothMethodsTest, SayWhyTheyDoNotMoveAnyMore) {
  const toy::Pair minimum{{1, 2}}, elsewhere{{-3, 7}};
  const AnyOptimizer<toy::Pair> optimizers[] = {
      Lbfgs{}, Lbfgs{.line_search = StrongWolfe{}}, Lbfgs{.line_search = Backtracking{}},
      NonlinearCg{}, BarzilaiBorwein{},
      // It is told through what goes around it.
      Ema{.optimizer = SkipNonFinite{.optimizer = Lbfgs{}}}};
  for (const auto& optimizer : optimizers) {
    const auto [k, why] = StuckAt(optimizer, minimum);
    EXPECT_GE(k, 1);
    EXPECT_LE(k, 2);
    EXPECT_EQ(why, "the gradient is zero");
    EXPECT_GT(StuckAt(optimizer, elsewhere).first, 1);
  }
  // Rounding swallows this step.
  const toy::Pair far{{1e17, 2}};
  EXPECT_EQ(StuckAt(BarzilaiBorwein{.step_size = 1e-20}, far).second,
            "a step of this size is lost in rounding");
  EXPECT_EQ(StuckAt(Lbfgs{.step_size = 1e-20, .line_search = FixedStep{}}, far).second,
            "a step of this size is lost in rounding");
  // A step size of zero is somebody's wish, and a schedule may have larger ones to come.
  EXPECT_EQ(StuckAt(Lbfgs{.step_size = 0}, elsewhere).first, -1);
  EXPECT_EQ(StuckAt(BarzilaiBorwein{.step_size = 0}, elsewhere).first, -1);
  const Sequence warmup = Warmup{.initial = 1e-40, .iterations = 1000, .then = 1e-30};
  EXPECT_EQ(StuckAt(Lbfgs{.step_size = warmup, .line_search = FixedStep{}}, elsewhere).first, -1);
  // Other optimizers keep moving, or don't know.
  EXPECT_EQ(StuckAt(GradientDescent{.step_size = 0.1}, elsewhere).first, -1);
}

TEST(SmoothMethodsTest, GoOnAfterAStepSizeOfZero) {
  const Sequence step_size = PiecewiseConstant{.values = {1, 0, 1}, .boundaries = {2, 4}};
  const AnyOptimizer<toy::Pair> optimizers[] = {Lbfgs{.step_size = step_size},
                                                NonlinearCg{.step_size = step_size}};
  for (const auto& optimizer : optimizers) {
    int evaluations = 0;
    toy::Pair stood;
    for (const auto& it :
         optimizer(toy::Pair{{-3, 7}}, Bowl{&evaluations}) | std::views::take(31)) {
      if (it.index == 2) stood = it.solution;
      if (it.index == 3 || it.index == 4) {
        EXPECT_EQ(it.solution, stood);
      }
      if (it.index < 30) continue;
      EXPECT_NEAR(it.solution.v[0], 1, 1e-6);
      EXPECT_NEAR(it.solution.v[1], 2, 1e-6);
    }
  }
}

TEST(SmoothMethodsTest, WrappersThatMakeNoSenseAreRefused) {
  int evaluations = 0;
  const auto message = [&](const auto& optimizer) -> std::string {
    try {
      optimizer(toy::Pair{}, Bowl{&evaluations});
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message(ClipByNorm{.optimizer = Lbfgs{}}), HasSubstr("clip_by_norm: the optimizer"));
  EXPECT_THAT(message(Accumulate{.optimizer = NonlinearCg{}}), HasSubstr("accumulate: the"));
  EXPECT_THAT(message(Sam{.optimizer = Lbfgs{}}), HasSubstr("sam: the optimizer inside"));
  EXPECT_THAT(message(Sam{.optimizer = Nesterov{.step_size = 1, .restart = Restart::kFunction}}),
              HasSubstr("sam: the optimizer inside"));
  EXPECT_THAT(message(Lookahead{.optimizer = Lbfgs{}}), HasSubstr("lookahead: it moves"));
  EXPECT_THAT(message(DecoupledWeightDecay{.optimizer = NonlinearCg{}}),
              HasSubstr("decoupled_weight_decay: it decays"));
  EXPECT_EQ(message(Ema{.optimizer = Lbfgs{}}), "accepted");
  EXPECT_EQ(message(SkipNonFinite{.optimizer = NonlinearCg{}}), "accepted");
  EXPECT_EQ(message(ClipByNorm{.optimizer = BarzilaiBorwein{}}), "accepted");
}

TEST(SmoothMethodsTest, WrongFieldsAreRefusedByName) {
  EXPECT_THAT(Lbfgs{.history = 0}.Validate().ToString(), HasSubstr("history"));
  EXPECT_THAT(Lbfgs{.line_search = StrongWolfe{.curvature = 2}}.Validate().ToString(),
              HasSubstr("line_search.strong_wolfe.curvature: 2"));
  EXPECT_THAT(NonlinearCg{.step_size = -1}.Validate().ToString(), HasSubstr("step_size"));
  EXPECT_THAT(BarzilaiBorwein{.step_size = -1}.Validate().ToString(), HasSubstr("step_size"));
}

TEST(SmoothMethodsTest, FieldsAreSetByNameAndEnumsByTheirNames) {
  NonlinearCg options;
  EXPECT_TRUE(SetField("formula", std::string("POLAK_RIBIERE_PLUS"), options).ok());
  EXPECT_EQ(options.formula, CgFormula::kPolakRibierePlus);
  EXPECT_THAT(SetField("formula", std::string("OTHER"), options).ToString(),
              HasSubstr("formula: there is no OTHER; give one of HAGER_ZHANG, POLAK_RIBIERE_PLUS"));
  EXPECT_THAT(SetField("formula", 1.0, options).ToString(), HasSubstr("give a name"));
  EXPECT_TRUE(SetField("line_search", LineSearch(Backtracking{}), options).ok());
  EXPECT_THAT(SetField("line_search", LineSearch(HagerZhang{.gamma = 1}), options).ToString(),
              HasSubstr("line_search.hager_zhang.gamma"));
  EXPECT_EQ(options.line_search.kind(), Backtracking::kind);
}

TEST(SmoothMethodsTest, ALineSearchThatThrowsLeavesTheMethodAsItWas) {
  struct Fragile : Bowl {
    int* fail_at;
    double gradient_into(const toy::Pair& x, toy::Pair& g) const {
      if (*evaluations + 1 == *fail_at) {
        ++*evaluations;
        throw std::runtime_error("no memory");
      }
      return Bowl::gradient_into(x, g);
    }
  };
  const AnyOptimizer<toy::Pair> optimizers[] = {
      Lbfgs{}, NonlinearCg{}, Nesterov{.step_size = 0.05, .restart = Restart::kFunction}};
  for (const auto& optimizer : optimizers) {
    int evaluations = 0, undisturbed_evaluations = 0, fail_at = 4, never = -1;
    auto run = optimizer(toy::Pair{{-3, 7}}, Fragile{{&evaluations}, &fail_at});
    auto undisturbed = optimizer(toy::Pair{{-3, 7}}, Fragile{{&undisturbed_evaluations}, &never});
    int failures = 0;
    for (int k = 0; k < 6; ++k) {
      const toy::Pair expected = undisturbed.Current().solution;
      undisturbed.Advance();
      try {
        run.Current();
      } catch (const std::runtime_error&) {
        ++failures;
      }
      EXPECT_EQ(run.Current().solution, expected);
      run.Advance();
    }
    EXPECT_EQ(failures, 1);
  }
}

}  // namespace
}  // namespace descent
