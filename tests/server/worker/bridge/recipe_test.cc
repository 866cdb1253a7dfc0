// One of each kind of what a job chooses by a name, written by the recipe of core/README.md alone:
// an option struct, its name in a list of kinds, a message with the same fields. The kinds are of
// this test's own, and so are the messages; what reads them is the worker's.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/sources.h"
#include "core/fields/fields.h"
#include "core/fields/form.h"
#include "core/functions/function_kinds.h"
#include "core/functions/objective.h"
#include "core/functions/vector.h"
#include "core/kinds/kind_list.h"
#include "core/model/initializer_kinds.h"
#include "core/model/layer_kinds.h"
#include "core/model/layers.h"
#include "core/model/linear.h"
#include "core/model/sequential.h"
#include "core/objective/loss_kinds.h"
#include "core/objective/metric_kinds.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/gradient_descent.h"
#include "core/optimizer/model_run.h"
#include "core/optimizer/transformation.h"
#include "core/sequence/range.h"
#include "core/sequence/schedule.h"
#include "core/sequence/sequence.h"
#include "server/worker/bridge/sequence_spec.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptorProto;

// A message of the spec for each kind, and their `oneof kind`.
google::protobuf::FileDescriptorProto Messages() {
  google::protobuf::FileDescriptorProto file;
  file.set_name("recipe.proto");
  file.set_package("recipe");
  file.add_dependency(api::Sequence::descriptor()->file()->name());
  google::protobuf::DescriptorProto* spec = file.add_message_type();
  spec->set_name("Spec");
  spec->add_oneof_decl()->set_name("kind");
  const auto add = [&](const std::string& kind, const std::string& field,
                       FieldDescriptorProto::Type type, bool repeated = false) {
    google::protobuf::DescriptorProto* message = nullptr;
    for (google::protobuf::DescriptorProto& known : *file.mutable_message_type()) {
      if (known.name() == kind) message = &known;
    }
    if (message == nullptr) {
      FieldDescriptorProto* member = file.mutable_message_type(0)->add_field();
      member->set_name(kind);
      member->set_number(file.message_type(0).field_size());
      member->set_label(FieldDescriptorProto::LABEL_OPTIONAL);
      member->set_type_name(".recipe." + kind);
      member->set_oneof_index(0);
      message = file.add_message_type();
      message->set_name(kind);
    }
    FieldDescriptorProto* member = message->add_field();
    member->set_name(field);
    member->set_number(message->field_size());
    member->set_type(type);
    if (type == FieldDescriptorProto::TYPE_MESSAGE) member->set_type_name(".descent.v1.Sequence");
    member->set_label(repeated ? FieldDescriptorProto::LABEL_REPEATED
                               : FieldDescriptorProto::LABEL_OPTIONAL);
  };
  add("halving", "initial", FieldDescriptorProto::TYPE_DOUBLE);
  add("halving", "iterations", FieldDescriptorProto::TYPE_INT64);
  add("fourth_power", "factor", FieldDescriptorProto::TYPE_DOUBLE);
  add("near", "distance", FieldDescriptorProto::TYPE_DOUBLE);
  add("scale", "factor", FieldDescriptorProto::TYPE_DOUBLE);
  add("ramp", "step", FieldDescriptorProto::TYPE_DOUBLE);
  add("counting", "examples", FieldDescriptorProto::TYPE_INT64);
  add("bowl", "centre", FieldDescriptorProto::TYPE_DOUBLE, true);
  for (const char* dial : {"step_size", "beta"}) {
    add("sign_descent", dial, FieldDescriptorProto::TYPE_MESSAGE);
  }
  add("unit_gradient", "length", FieldDescriptorProto::TYPE_MESSAGE);
  return file;
}

// Halved every so many positions.
struct Halving {
  static constexpr std::string_view kind = "halving";
  double initial = 0;
  int64_t iterations = 10;
  void Describe(FieldList& fields) {
    fields(Named("initial"), initial).Role(kYielded).Required();
    fields(Whole("iterations", 1), iterations);
  }
  descent::Sequence Make() const {
    return descent::Sequence([*this](int64_t k) {
      return initial * std::pow(0.5, static_cast<double>(k / iterations));
    });
  }
};

// mean(factor·d⁴).
struct FourthPower {
  static constexpr std::string_view kind = "fourth_power";
  double factor = 1;
  void Describe(FieldList& fields) { fields(Positive("factor"), factor); }
  Loss Make() const {
    return {.name = std::string(kind),
            .function = [factor = factor](const at::Tensor& p, const at::Tensor& t) {
              return ((p - t).pow(4) * factor).mean();
            }};
  }
};

// The share of predictions within some distance of the target.
struct Near {
  static constexpr std::string_view kind = "near";
  double distance = 0.5;
  void Describe(FieldList& fields) { fields(Positive("distance"), distance); }
  Metric Make() const {
    return {.name = std::string(kind),
            .better = Better::kGreater,
            .check = [](const Loss&, const Shape&) { return absl::OkStatus(); },
            .start = [distance = distance](const Loss&) -> std::unique_ptr<Tally> {
              return std::make_unique<NearTally>(distance);
            }};
  }

  class NearTally final : public Tally {
   public:
    explicit NearTally(double distance) : distance_(distance) {}
    void Add(const at::Tensor& predictions, const at::Tensor& targets) override {
      near_ += (predictions - targets).abs().le(distance_).sum().item<int64_t>();
      all_ += targets.numel();
    }
    MetricValue Result(double) const override {
      return {std::string(Near::kind), static_cast<double>(near_) / static_cast<double>(all_)};
    }

   private:
    double distance_;
    int64_t near_ = 0, all_ = 0;
  };
};

// y = factor·x.
struct Scale {
  static constexpr std::string_view kind = "scale";
  double factor = 2;
  void Describe(FieldList& fields) { fields(Named("factor"), factor); }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const {
    return BuiltLayer::Of(context, kind, std::make_unique<ScaleLayer>(factor), context.input_shape);
  }

  class ScaleLayer final : public Layer {
   public:
    explicit ScaleLayer(double factor) : factor_(factor) {}
    at::Tensor forward(const at::Tensor& x, const Pass&) const override { return x * factor_; }
    std::unique_ptr<Layer> Clone() const override { return std::make_unique<ScaleLayer>(*this); }

   private:
    double factor_;
  };
};

// 0, step, 2·step, …
struct Ramp {
  static constexpr std::string_view kind = "ramp";
  double step = 1;
  void Describe(FieldList& fields) { fields(Named("step"), step); }
  absl::Status Fill(const Start& start) const {
    if (start.values.is_meta()) return absl::OkStatus();
    at::Tensor values = start.values;
    values.copy_((at::arange(values.numel(), values.options()) * step).view_as(values));
    return absl::OkStatus();
  }
};

// Inputs and targets 0, 1, 2, …
struct Counting {
  static constexpr std::string_view kind = "counting";
  int64_t examples = 0;
  void Describe(FieldList& fields) { fields(Count("examples", 1), examples); }
  absl::StatusOr<Examples> Read(const ReadOptions&) const {
    Examples read;
    read.inputs = at::arange(examples, at::kDouble).view({examples, 1});
    read.targets = read.inputs.clone();
    return read;
  }
};

// Σ(x − centre)².
struct Bowl {
  static constexpr std::string_view kind = "bowl";
  std::vector<double> centre;
  void Describe(FieldList& fields) { fields(Named("centre"), centre).Required(); }
  absl::StatusOr<Function> Make() const {
    Function function{.name = std::string(kind), .start = std::vector<double>(centre.size(), 0)};
    function.evaluate = [centre = centre](std::span<const double> x, std::span<double> gradient) {
      double value = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        gradient[i] = 2 * (x[i] - centre[i]);
        value += (x[i] - centre[i]) * (x[i] - centre[i]);
      }
      return value;
    };
    return function;
  }
};

// x ← x − step_size·sign(average of the gradients).
struct SignDescent {
  static constexpr std::string_view kind = "sign_descent";
  descent::Sequence step_size = 0.1, beta = 0.5;
  void Describe(FieldList& fields) {
    fields(NonNegative("step_size"), step_size);
    fields(UnitInterval("beta"), beta);
  }
  struct Rule {
    double step_size, beta;
    template <class T>
    void operator()(T& x, const T& g, T& average) const {
      average = beta * average + (1 - beta) * g;
      x -= step_size * sign(average);
    }
  };
  static ElementStates States(const SignDescent&) { return {{.name = "average"}}; }
  static Rule At(const Present<SignDescent>& now) {
    return {now[&SignDescent::step_size], now[&SignDescent::beta]};
  }
  DESCENT_ELEMENTWISE_OPTIMIZER(SignDescent)
};

// The gradient, of the given length.
template <class Optimizer>
struct UnitGradient {
  static constexpr std::string_view kind = "unit_gradient";
  descent::Sequence length = 1.0;
  Optimizer optimizer;
  void Describe(FieldList& fields) { fields(Positive("length"), length); }
  template <class X>
  static void Change(const PresentValues<UnitGradient>& now, PassingGradient<X>& gradient) {
    const double present = norm(gradient.given());
    if (present > 0) scale(now[&UnitGradient::length] / present, gradient.changed());
  }
  DESCENT_GRADIENT_TRANSFORMATION(UnitGradient)
};

template <class Source>
class SourceFormOf final : public FormOf<Source, SourceForm> {
 public:
  absl::StatusOr<Examples> Read(const ReadOptions& options) const override {
    return this->options_.Read(options);
  }
};

class RecipeTest : public ::testing::Test {
 protected:
  RecipeTest() : pool_(google::protobuf::DescriptorPool::generated_pool()), factory_(&pool_) {
    factory_.SetDelegateToGeneratedFactory(true);
    EXPECT_NE(pool_.BuildFile(Messages()), nullptr);
  }

  // The kind that the text chooses, filled in from it; `problem_` is its first violation.
  template <class List>
  auto Read(const std::string& text) {
    spec_.reset(factory_.GetPrototype(pool_.FindMessageTypeByName("recipe.Spec"))->New());
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, spec_.get())) << text;
    auto form = List::Make(KindOf(*spec_));
    Violations violations;
    DialsReader(MutableKind(spec_.get()), KindOf(*spec_), &violations).Read(form->fields());
    problem_ =
        violations.empty() ? "" : violations.list()[0].field + " " + violations.list()[0].reason;
    return form;
  }

  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
  std::unique_ptr<google::protobuf::Message> spec_;
  std::string problem_;
};

TEST_F(RecipeTest, ASequence) {
  using Kinds = KindList<Maker<descent::Sequence>, MakerOf<descent::Sequence>::Form, Halving>;
  const auto form = Read<Kinds>("halving { initial: 8 }");
  EXPECT_EQ(problem_, "");
  EXPECT_EQ(spec_->ShortDebugString(), "halving { initial: 8 iterations: 10 }");
  EXPECT_EQ(form->Make().at(20), 2);
  Read<Kinds>("halving { initial: 8 iterations: 0 }");
  EXPECT_EQ(problem_, "halving.iterations OUT_OF_RANGE");
  Read<Kinds>("halving {}");
  EXPECT_EQ(problem_, "halving.initial MISSING_FIELD");
}

TEST_F(RecipeTest, ALoss) {
  using Kinds = KindList<LossForm, MakerOf<Loss>::Form, FourthPower>;
  const Loss loss = Read<Kinds>("fourth_power { factor: 3 }")->Make();
  EXPECT_EQ(problem_, "");
  EXPECT_EQ(loss(at::full({2}, 2.0), at::zeros({2})).item<double>(), 48);
  Read<Kinds>("fourth_power { factor: 0 }");
  EXPECT_EQ(problem_, "fourth_power.factor OUT_OF_RANGE");
}

TEST_F(RecipeTest, AMetric) {
  using Kinds = KindList<MetricForm, MakerOf<Metric>::Form, Near>;
  const Metric metric = Read<Kinds>("near {}")->Make();
  EXPECT_EQ(problem_, "");
  const std::unique_ptr<Tally> tally = metric.start(FourthPower{}.Make());
  tally->Add(at::tensor({0.0, 1.0}), at::tensor({0.4, 3.0}));
  EXPECT_EQ(tally->Result(0).value, 0.5);
}

TEST_F(RecipeTest, ALayerAndAnInitializer) {
  using Layers = KindList<LayerForm, MakerOf<LayerOptions>::Form, Scale>;
  using Initializers = KindList<InitializerForm, MakerOf<Initializer>::Form, Ramp>;
  const LayerOptions scale = Read<Layers>("scale { factor: 10 }")->Make();
  EXPECT_EQ(problem_, "");
  const Initializer ramp = Read<Initializers>("ramp { step: 0.5 }")->Make();
  EXPECT_EQ(problem_, "");
  const absl::StatusOr<BuiltModel> built =
      BuildModel({.root = Sequential{{Linear{.out_features = 1, .weight_init = ramp}, scale}},
                  .input_shape = {3}});
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->model.parameters()[0].tensor.sum().item<double>(), 1.5);
  const at::Tensor zero = built->model(at::zeros({1, 3}), Pass());
  const at::Tensor bias = built->model.parameters()[1].tensor;
  EXPECT_TRUE(at::allclose(zero.view({1}), bias * 10));
}

TEST_F(RecipeTest, ASourceOfData) {
  using Kinds = KindList<SourceForm, SourceFormOf, Counting>;
  const auto source = Read<Kinds>("counting { examples: 4 }");
  EXPECT_EQ(problem_, "");
  const absl::StatusOr<Examples> examples = source->Read({});
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_EQ(examples->targets.sum().item<double>(), 6);
  Read<Kinds>("counting {}");
  EXPECT_EQ(problem_, "counting.examples MISSING_FIELD");
}

TEST_F(RecipeTest, AFunction) {
  using Kinds = KindList<FunctionForm, MakerOf<absl::StatusOr<Function>>::Form, Bowl>;
  const absl::StatusOr<Function> bowl = Read<Kinds>("bowl { centre: [ 1, 2 ] }")->Make();
  EXPECT_EQ(problem_, "");
  ASSERT_TRUE(bowl.ok()) << bowl.status();
  std::vector<double> gradient(2);
  EXPECT_EQ(bowl->evaluate(bowl->start, gradient), 5);
  EXPECT_EQ(gradient[1], -4);
}

// Where the optimizer has come to after so many steps on (x − 1)² + (y − 2)², from 0.
std::vector<double> Solution(const OptimizerOptions& optimizer, int steps) {
  const Function bowl = *Bowl{.centre = {1, 2}}.Make();
  const Model start =
      BuildModel({.root = Vector{bowl.start}, .input_shape = {}, .dtype = at::kDouble})->model;
  const auto run = ModelRun::Create(optimizer, start, FunctionObjective(bowl));
  EXPECT_TRUE(run.ok()) << run.status();
  for (int k = 0; k < steps; ++k) EXPECT_TRUE((*run)->advance().ok());
  const at::Tensor x = (*run)->current()->solution.parameters().front().tensor;
  return {x[0].item<double>(), x[1].item<double>()};
}

TEST_F(RecipeTest, AnOptimizer) {
  using Kinds = KindList<Maker<OptimizerOptions>, MakerOf<OptimizerOptions>::Form, SignDescent>;
  const auto form = Read<Kinds>("sign_descent { step_size { constant: 0.25 } }");
  EXPECT_EQ(problem_, "");
  EXPECT_EQ(Solution(form->Make(), 2), (std::vector<double>{0.5, 0.5}));
  Read<Kinds>("sign_descent { beta { constant: 1 } }");
  EXPECT_EQ(problem_, "sign_descent.beta.constant OUT_OF_RANGE");
}

// Around gradient descent with steps of 1.
struct UnitSteps {
  static constexpr std::string_view kind = UnitGradient<OptimizerOptions>::kind;
  UnitGradient<OptimizerOptions> wrapper{.optimizer = GradientDescent{.step_size = 1.0}};
  void Describe(FieldList& fields) { wrapper.Describe(fields); }
  OptimizerOptions Make() const { return wrapper; }
};

TEST_F(RecipeTest, AWrapper) {
  using Kinds = KindList<Maker<OptimizerOptions>, MakerOf<OptimizerOptions>::Form, UnitSteps>;
  const auto form = Read<Kinds>("unit_gradient { length { constant: 5 } }");
  EXPECT_EQ(problem_, "");
  const std::vector<double> x = Solution(form->Make(), 1);
  EXPECT_NEAR(std::hypot(x[0], x[1]), 5, 1e-12);
  EXPECT_NEAR(x[1], 2 * x[0], 1e-12);
}

}  // namespace
}  // namespace descent::worker
