// Compares wrappers, groups and frozen parameters in every order with a reference in plain double
// loops, and every optimizer that has frozen parameters with the problem without these.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/sequential.h"
#include "core/model/tanh.h"
#include "core/optimizer/kinds.h"
#include "core/optimizer/model_run.h"
#include "core/sequence/sequence.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent {
namespace {

using ::testing::HasSubstr;

// These are numbers by the parameter's name.
using Numbers = std::map<std::string, std::vector<double>>;

Numbers NumbersOf(const Model& x) {
  Numbers numbers;
  for (const Parameter& p : x.parameters()) {
    const double* data = p.tensor.const_data_ptr<double>();
    numbers[p.name].assign(data, data + p.tensor.numel());
  }
  return numbers;
}

bool IsWeight(const std::string& name) { return name.ends_with(".weight"); }
// The tests freeze these parameters.
bool IsFrozen(const std::string& name) { return name.starts_with("2."); }

// This is f(x) = Σ h/2·(x − t)² + (Σ w·x)²/2 with fixed h, t, w for each number of each parameter.
class Bowl {
 public:
  // `constants` are parameters that stay where they are, and of which the objective is no function.
  explicit Bowl(Numbers constants = {}) : constants_(std::move(constants)) {}

  double Gradient(const Numbers& given, Numbers* gradient) const {
    Numbers x = constants_;
    x.insert(given.begin(), given.end());
    double sum = 0, value = 0;
    int i = 0;
    for (const auto& [name, numbers] : x) {
      for (const double number : numbers) sum += Weight(++i) * number;
    }
    i = 0;
    gradient->clear();
    for (const auto& [name, numbers] : x) {
      for (const double number : numbers) {
        ++i;
        const double off = number - std::sin(3.0 * i), bend = 1 + 0.5 * std::cos(2.0 * i);
        value += bend / 2 * off * off;
        (*gradient)[name].push_back(bend * off + sum * Weight(i));
      }
    }
    for (const auto& [name, numbers] : constants_) gradient->erase(name);
    return value + sum * sum / 2;
  }

  double gradient_into(const Model& x, Model& g) const {
    Numbers gradient;
    const double value = Gradient(NumbersOf(x), &gradient);
    for (const Parameter& p : g.parameters()) {
      std::copy(gradient[p.name].begin(), gradient[p.name].end(),
                p.tensor.mutable_data_ptr<double>());
    }
    return value;
  }

 private:
  static double Weight(int i) { return 0.3 * std::cos(5.0 * i); }

  Numbers constants_;
};

// Makes the starting point of `0.weight`, `0.bias`, `2.weight`, `2.bias`, or of the first two
// alone.
Model Start(bool whole) {
  Sequential layers{{Linear{.out_features = 4}, Tanh{}}};
  if (whole) layers.layers.push_back(Linear{.out_features = 2});
  auto built =
      BuildModel({.root = std::move(layers), .input_shape = {3}, .dtype = at::kDouble, .seed = 4});
  EXPECT_TRUE(built.ok()) << built.status();
  return std::move(built->model);
}

OptimizerOptions Wrap(const std::string& kind, const OptimizerOptions& inner,
                      FieldValues values = {}) {
  const auto set = [&](const char* name, FieldValue value) {
    values.emplace_back(name, std::move(value));
  };
  if (kind == "clip_by_norm") set("max_norm", Sequence(0.7));
  if (kind == "clip_by_parameter_norm") set("max_norm", Sequence(0.4));
  if (kind == "clip_by_value") set("max_value", Sequence(0.3));
  if (kind == "accumulate") set("iterations", int64_t{2});
  if (kind == "lookahead") set("period", int64_t{3});
  if (kind == "ema") set("decay", Sequence(0.8));
  if (kind == "swa") set("start", int64_t{2});
  if (kind.ends_with("weight_decay")) set("weight_decay", Sequence(0.3));
  if (kind == "coupled_weight_decay") set("pattern", std::string("*.weight"));
  absl::StatusOr<OptimizerOptions> made = MakeWrapper(kind, values, inner);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

const std::vector<std::string>& Wrappers() {
  static const auto* names = new std::vector<std::string>{"coupled_weight_decay",
                                                          "decoupled_weight_decay",
                                                          "clip_by_norm",
                                                          "clip_by_parameter_norm",
                                                          "clip_by_value",
                                                          "accumulate",
                                                          "skip_nonfinite",
                                                          "lookahead",
                                                          "ema",
                                                          "swa",
                                                          "sam"};
  return *names;
}

TEST(CompositionTest, ListsEveryWrapper) {
  EXPECT_EQ(Wrappers().size() + 2, WrapperKinds().size());  // and freeze and mask
}

// This says how the parameters `2.*` are frozen.
enum class Way { kNot, kGroup, kFreezeOutside, kFreezeBetween, kFreezeInside, kMask };
constexpr Way kWays[] = {Way::kNot,           Way::kGroup,        Way::kFreezeOutside,
                         Way::kFreezeBetween, Way::kFreezeInside, Way::kMask};

// Makes the groups, in which the weights have a step size of their own if one is given.
std::vector<ParameterGroup> GroupsOf(Way way, std::optional<double> step_size) {
  std::vector<ParameterGroup> groups;
  if (way == Way::kGroup) groups.push_back({.name = "still", .pattern = "2.*", .frozen = true});
  groups.push_back({.name = "own", .pattern = "*.weight"});
  if (step_size) groups.back().values = {{"step_size", Sequence(*step_size)}};
  return groups;
}

// Puts the wrappers, outermost first, around the optimizer.
OptimizerOptions Compose(OptimizerOptions options, std::vector<std::string> wrappers, Way way) {
  const auto at = [&](size_t place, const char* kind) {
    wrappers.insert(wrappers.begin() + static_cast<int64_t>(std::min(place, wrappers.size())),
                    kind);
  };
  if (way == Way::kFreezeOutside) at(0, "freeze");
  if (way == Way::kFreezeBetween) at(1, "freeze");
  if (way == Way::kFreezeInside) at(wrappers.size(), "freeze");
  if (way == Way::kMask) at(1, "mask");
  for (auto kind = wrappers.rbegin(); kind != wrappers.rend(); ++kind) {
    FieldValues values;
    if (*kind == "freeze") values.emplace_back("pattern", std::string("2.*"));
    if (*kind == "mask") values.emplace_back("pattern", std::string("0.*"));
    options = Wrap(*kind, options, values);
  }
  return options;
}

// --- The reference.

constexpr double kOwnStepSize = 0.02, kMomentum = 0.9;
double StepSizeAt(int64_t k) { return 0.1 / (1 + 0.25 * static_cast<double>(k)); }

class Reference {
 public:
  Reference(const std::string& optimizer, std::vector<std::string> wrappers, Way way, Numbers start)
      : optimizer_(optimizer), wrappers_(std::move(wrappers)), x_(std::move(start)) {
    for (const auto& [name, numbers] : x_) {
      if (way != Way::kNot && IsFrozen(name)) continue;
      moving_.push_back(name);
    }
    memories_.resize(wrappers_.size());
    for (Memory& memory : memories_) memory.slow = memory.average = x_;
  }

  const Numbers& x() const { return x_; }
  const Numbers& gradient() const { return gradient_; }
  double gradient_norm() const { return Norm(gradient_); }
  // Gives what the outermost average holds.
  const Numbers& average() const {
    for (size_t i = 0; i < wrappers_.size(); ++i) {
      if (wrappers_[i] == "ema") return memories_[i].average;
      if (wrappers_[i] == "swa") return memories_[i].count > 0 ? memories_[i].average : x_;
    }
    return x_;
  }

  // Takes value and gradient at x_k.
  void Look() { gradient_ = GradientAt(x_); }
  void Step() {
    StepFrom(0, gradient_);
    ++k_;
  }

 private:
  struct Memory {
    int64_t count = 0, steps = 0;
    Numbers mean, slow, average;
  };

  Numbers GradientAt(const Numbers& x) const {
    Numbers all, moving;
    objective_.Gradient(x, &all);
    for (const std::string& name : moving_) moving[name] = all[name];
    return moving;
  }

  static double Norm(const Numbers& g) {
    double sum = 0;
    for (const auto& [name, numbers] : g) {
      for (const double number : numbers) sum += number * number;
    }
    return std::sqrt(sum);
  }

  double StepSize(const std::string& name) const {
    return IsWeight(name) ? kOwnStepSize : StepSizeAt(k_);
  }

  // Calls change(name, x, g) for each number that may move.
  template <class Change>
  void Each(Numbers& x, Numbers& g, Change change) const {
    for (const std::string& name : moving_) {
      for (size_t i = 0; i < x[name].size(); ++i) change(name, x[name][i], g[name][i]);
    }
  }

  void AddDecay(Numbers& x, Numbers& g) const {
    Each(x, g, [](const std::string& name, double& number, double& d) {
      if (IsWeight(name)) d += 0.3 * number;
    });
  }

  void StepFrom(size_t w, Numbers g) {
    if (w == wrappers_.size()) return Move(g);
    const std::string& kind = wrappers_[w];
    Memory& memory = memories_[w];
    if (kind == "coupled_weight_decay") {
      AddDecay(x_, g);
    } else if (kind == "decoupled_weight_decay") {
      Each(x_, g,
           [&](const std::string& name, double& x, double&) { x -= StepSize(name) * 0.3 * x; });
    } else if (kind == "clip_by_norm") {
      const double norm = Norm(g);
      if (norm > 0.7) {
        Each(x_, g, [&](const std::string&, double&, double& d) { d *= 0.7 / norm; });
      }
    } else if (kind == "clip_by_parameter_norm") {
      for (auto& [name, numbers] : g) {
        const double norm = Norm({{name, numbers}});
        if (norm > 0.4) {
          for (double& d : numbers) d *= 0.4 / norm;
        }
      }
    } else if (kind == "clip_by_value") {
      Each(x_, g, [](const std::string&, double&, double& d) { d = std::clamp(d, -0.3, 0.3); });
    } else if (kind == "accumulate") {
      if (memory.count == 0) memory.mean = Times(0, g);
      ++memory.count;
      Each(memory.mean, g, [](const std::string&, double& mean, double& d) { mean += d / 2; });
      if (memory.count < 2) return;
      memory.count = 0;
      g = memory.mean;
    } else if (kind == "sam") {
      Numbers up = x_;
      const double norm = Norm(g);
      Each(up, g, [&](const std::string&, double& x, double& d) { x += 0.05 * d / norm; });
      g = GradientAt(up);
      // The gradient is that of the function that a decay outside makes of it.
      for (size_t outer = 0; outer < w; ++outer) {
        if (wrappers_[outer] == "coupled_weight_decay") AddDecay(up, g);
      }
    }
    StepFrom(w + 1, g);
    After(kind, &memory);
  }

  // Does what wrappers do once the step inside is made.
  void After(const std::string& kind, Memory* memory) {
    ++memory->steps;
    if (kind == "lookahead" && memory->steps % 3 == 0) {
      Each(x_, memory->slow, [](const std::string&, double& x, double& slow) {
        slow += 0.5 * (x - slow);
        x = slow;
      });
    } else if (kind == "ema") {
      const double decay = memory->steps == 1 ? 0 : 0.8;
      Each(x_, memory->average, [&](const std::string&, double& x, double& average) {
        average = decay * average + (1 - decay) * x;
      });
    } else if (kind == "swa" && memory->steps >= 2) {
      const auto count = static_cast<double>(++memory->count);
      Each(x_, memory->average, [&](const std::string&, double& x, double& average) {
        average += (x - average) / count;
      });
    }
  }

  static Numbers Times(double a, Numbers g) {
    for (auto& [name, numbers] : g) {
      for (double& number : numbers) number *= a;
    }
    return g;
  }

  void Move(Numbers& g) {
    ++t_;
    if (t_ == 1) first_ = second_ = Times(0, g);
    for (const std::string& name : moving_) {
      for (size_t i = 0; i < g[name].size(); ++i) {
        double &x = x_[name][i], &m = first_[name][i], &v = second_[name][i];
        const double d = g[name][i], step_size = StepSize(name);
        if (optimizer_ == "sgd") {
          m = kMomentum * m + d;
          x -= step_size * m;
          continue;
        }
        // This is RAdam as the paper has it.
        const double b1 = 0.9, b2 = 0.999, t = static_cast<double>(t_);
        m = b1 * m + (1 - b1) * d;
        v = b2 * v + (1 - b2) * d * d;
        const double mean = m / (1 - std::pow(b1, t)), limit = 2 / (1 - b2) - 1;
        const double rho = limit - 2 * t * std::pow(b2, t) / (1 - std::pow(b2, t));
        if (rho > 5) {
          const double r =
              std::sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho));
          x -= step_size * mean * r * std::sqrt(1 - std::pow(b2, t)) / (std::sqrt(v) + 1e-8);
        } else {
          x -= step_size * mean;
        }
      }
    }
  }

  const Bowl objective_;
  const std::string optimizer_;
  const std::vector<std::string> wrappers_;
  std::vector<std::string> moving_;
  std::vector<Memory> memories_;
  Numbers x_, gradient_, first_, second_;
  int64_t k_ = 0;  // iterations
  int64_t t_ = 0;  // steps of the optimizer inside
};

void ExpectNear(const Numbers& expected, const Numbers& actual, const std::string& what) {
  for (const auto& [name, numbers] : expected) {
    const auto found = actual.find(name);
    ASSERT_NE(found, actual.end()) << what << " " << name;
    for (size_t i = 0; i < numbers.size(); ++i) {
      ASSERT_NEAR(numbers[i], found->second[i], 1e-11) << what << " " << name << "[" << i << "]";
    }
  }
}

// Fails unless those of `all` that are frozen are the same to the bit.
void ExpectStill(const Numbers& start, const Numbers& now, const std::string& what) {
  for (const auto& [name, numbers] : start) {
    if (!IsFrozen(name)) continue;
    ASSERT_EQ(numbers, now.at(name)) << what << " " << name;
  }
}

// True where the wrappers don't go together: of those inside, sam evaluates by itself, and
// lookahead and decoupled decay only move.
bool Refused(const std::vector<std::string>& wrappers) {
  bool evaluates = false, refused = false;
  for (auto kind = wrappers.rbegin(); kind != wrappers.rend(); ++kind) {
    refused |= evaluates && (kind->starts_with("clip") || *kind == "accumulate" || *kind == "sam");
    evaluates |= *kind == "sam";
  }
  return refused;
}

void ExpectAsTheReference(const std::string& optimizer, const std::vector<std::string>& wrappers,
                          Way way) {
  std::string what;
  for (const std::string& kind : wrappers) what += kind + " around ";
  what += optimizer + ", way " + std::to_string(static_cast<int>(way));
  FieldValues values = {{"step_size", Sequence(StepSizeAt)}};
  if (optimizer == "sgd") values.emplace_back("momentum", Sequence(kMomentum));
  auto inner = MakeOptimizer(optimizer, values, GroupsOf(way, kOwnStepSize));
  ASSERT_TRUE(inner.ok()) << inner.status();
  const Model x0 = Start(/*whole=*/true);
  auto run = ModelRun::Create(Compose(*inner, wrappers, way), x0, Bowl());
  if (Refused(wrappers)) {
    EXPECT_THAT(run.status().ToString(), HasSubstr("the optimizer inside evaluates")) << what;
    return;
  }
  ASSERT_TRUE(run.ok()) << what << ": " << run.status();
  const Numbers start = NumbersOf(x0);
  Reference reference(optimizer, wrappers, way, start);
  for (int k = 0; k < 9; ++k) {
    const auto it = (*run)->current();
    ASSERT_TRUE(it.ok()) << what << ": " << it.status();
    reference.Look();
    const std::string here = what + ", iteration " + std::to_string(k);
    const Numbers solution = NumbersOf(it->solution), average = NumbersOf(it->average);
    ASSERT_NO_FATAL_FAILURE(ExpectNear(reference.x(), solution, here));
    ASSERT_NO_FATAL_FAILURE(ExpectNear(reference.average(), average, here + ", average"));
    ASSERT_NO_FATAL_FAILURE(ExpectNear(reference.gradient(), NumbersOf(it->gradient), here));
    ASSERT_NEAR(reference.gradient_norm(), it->gradient_norm, 1e-11) << here;
    if (way != Way::kNot) {
      ASSERT_NO_FATAL_FAILURE(ExpectStill(start, solution, here));
      ASSERT_NO_FATAL_FAILURE(ExpectStill(start, average, here + ", average"));
    }
    ASSERT_TRUE((*run)->advance().ok());
    reference.Step();
  }
}

TEST(CompositionTest, EveryPairOfWrappersIsAsTheReferenceHasItWithGroupsAndFrozenParameters) {
  for (const char* optimizer : {"sgd", "radam"}) {
    for (const Way way : kWays) {
      ExpectAsTheReference(optimizer, {}, way);
      for (const std::string& outer : Wrappers()) {
        ExpectAsTheReference(optimizer, {outer}, way);
        for (const std::string& inner : Wrappers()) {
          ExpectAsTheReference(optimizer, {outer, inner}, way);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

// --- Every optimizer: as if the frozen parameters were none.

void ExpectAsWithoutThem(std::string_view kind, const std::vector<std::string>& wrappers, Way way) {
  std::string what;
  for (const std::string& wrapper : wrappers) what += wrapper + " around ";
  what += std::string(kind) + ", way " + std::to_string(static_cast<int>(way));
  FieldValues values;
  const std::unique_ptr<OptimizerForm> form = NewOptimizer(kind);
  const bool steps = form->fields().Find("step_size") != nullptr;
  if (steps) values.emplace_back("step_size", Sequence(0.05));
  std::vector<ParameterGroup> some, all;
  if (form->has_groups()) {
    const auto own = steps ? std::optional(0.02) : std::nullopt;
    some = GroupsOf(Way::kNot, own);
    all = GroupsOf(way, own);
  } else if (way == Way::kGroup) {
    return;
  }
  auto with = MakeOptimizer(kind, values, all), without = MakeOptimizer(kind, values, some);
  ASSERT_TRUE(with.ok() && without.ok()) << what << ": " << with.status();
  const Model x0 = Start(/*whole=*/true), part0 = Start(/*whole=*/false);
  const Numbers start = NumbersOf(x0);
  Numbers constants;
  for (const auto& [name, numbers] : start) {
    if (IsFrozen(name)) constants[name] = numbers;
  }
  auto run = ModelRun::Create(Compose(*with, wrappers, way), x0, Bowl());
  auto part = ModelRun::Create(Compose(*without, wrappers, Way::kNot), part0, Bowl(constants));
  ASSERT_EQ(run.ok(), part.ok()) << what << ": " << run.status() << " " << part.status();
  if (!run.ok()) return;
  for (int k = 0; k < 10; ++k) {
    const auto it = (*run)->current(), its = (*part)->current();
    ASSERT_TRUE(it.ok() && its.ok()) << what << ": " << it.status();
    const std::string here = what + ", iteration " + std::to_string(k);
    ASSERT_NO_FATAL_FAILURE(ExpectNear(NumbersOf(its->solution), NumbersOf(it->solution), here));
    ASSERT_NO_FATAL_FAILURE(
        ExpectNear(NumbersOf(its->average), NumbersOf(it->average), here + ", average"));
    ASSERT_NO_FATAL_FAILURE(ExpectStill(start, NumbersOf(it->solution), here));
    ASSERT_NO_FATAL_FAILURE(ExpectStill(start, NumbersOf(it->average), here + ", average"));
    ASSERT_NEAR(it->value, its->value, 1e-11) << here;
    ASSERT_NEAR(it->gradient_norm, its->gradient_norm, 1e-11) << here;
    const auto numbers = (*run)->numbers(), others = (*part)->numbers();
    ASSERT_EQ(numbers.size(), others.size());
    for (size_t i = 0; i < numbers.size(); ++i) {
      ASSERT_NEAR(numbers[i].value, others[i].value, 1e-9) << here << " " << numbers[i].name;
    }
    ASSERT_TRUE((*run)->advance().ok() && (*part)->advance().ok());
  }
}

TEST(CompositionTest, EveryOptimizerGoesOnAsIfFrozenParametersWereConstants) {
  for (const std::string_view kind : OptimizerKinds()) {
    for (const Way way : kWays) {
      if (way == Way::kNot) continue;
      ExpectAsWithoutThem(kind, {}, way);
      for (const std::string& wrapper : Wrappers()) {
        ExpectAsWithoutThem(kind, {wrapper}, way);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(CompositionTest, AGradientThatIsNoNumberCountsNowhereWhereItIsFrozen) {
  struct Undefined {
    double gradient_into(const Model& x, Model& g) const {
      const double value = Bowl().gradient_into(x, g);
      for (const Parameter& p : g.parameters()) {
        if (IsFrozen(p.name)) p.tensor.fill_(std::nan(""));
      }
      return value;
    }
  };
  const OptimizerOptions sgd = *MakeOptimizer("sgd", {});
  auto run = ModelRun::Create(Compose(sgd, {"skip_nonfinite", "clip_by_norm"}, Way::kFreezeInside),
                              Start(true), Undefined());
  ASSERT_TRUE(run.ok()) << run.status();
  for (int k = 0; k < 3; ++k) {
    const auto it = (*run)->current();
    ASSERT_TRUE(it.ok()) << it.status();
    EXPECT_TRUE(std::isfinite(it->gradient_norm));
    ASSERT_TRUE((*run)->advance().ok());
  }
  for (const NamedNumber& number : (*run)->numbers()) {
    EXPECT_EQ(number.value, number.name == "clip_by_norm.clipped" ? 1 : 0) << number.name;
  }
}

TEST(CompositionTest, EverythingMayBeFrozen) {
  for (const std::string& wrapper : Wrappers()) {
    const OptimizerOptions adam = *MakeOptimizer("adamw", {});
    auto run = ModelRun::Create(
        Wrap("freeze", Wrap(wrapper, adam), {{"pattern", std::string("*")}}), Start(true), Bowl());
    ASSERT_TRUE(run.ok()) << run.status();
    for (int k = 0; k < 4; ++k) {
      const auto it = (*run)->current();
      ASSERT_TRUE(it.ok()) << it.status();
      EXPECT_EQ(it->gradient_norm, 0);
      EXPECT_EQ(NumbersOf(it->solution), NumbersOf(Start(true))) << wrapper;
      ASSERT_TRUE((*run)->advance().ok());
    }
    for (const NamedNumber& number : (*run)->numbers()) {
      EXPECT_TRUE(std::isfinite(number.value)) << number.name;
    }
  }
}

}  // namespace
}  // namespace descent
