#include "server/worker/bridge/prepare.h"

#include <ATen/ops/ones.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/checkpoint/safetensors.h"
#include "core/data/data_roots.h"

namespace descent::worker {
namespace {

class PrepareTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  // Writes 100 rows of `a`, `b`, `label` in 0..2 and `y`.
  std::string Table() {
    std::string text = "a,b,label,y\n";
    for (int i = 0; i < 100; ++i) {
      text +=
          std::to_string(i) + ",0.5," + std::to_string(i % 3) + "," + std::to_string(2 * i) + "\n";
    }
    return Write("table.csv", text);
  }

  api::Spec Spec(const std::string& more = "") {
    api::Spec spec;
    const std::string text = R"(
        model { sequential {
            layers { name: "hidden" linear { out_features: 4 } }
            layers { relu {} }
            layers { linear { out_features: 3 } } } }
        objective { cross_entropy {} }
        optimizer { adam {} }
        data { train { csv { path: ")" +
                             table_ + R"(" targets: "label" } } }
        epochs: 10 )" + more;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    return spec;
  }

  api::Spec WithOptimizer(const std::string& text) {
    api::Spec spec = Spec();
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, spec.mutable_optimizer()));
    return spec;
  }

  // Gives field and reason of the first violation; empty if there is none.
  std::string FirstViolation(const api::Spec& spec) {
    std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
    if (std::holds_alternative<Prepared>(result)) return "";
    const Violation& first = std::get<Violations>(result).list().front();
    description_ = first.description;
    EXPECT_NE(first.description, "");
    EXPECT_EQ(first.description.back(), '.') << first.description;
    return first.field + " " + first.reason;
  }

  std::string After(const std::function<void(api::Spec*)>& change) {
    api::Spec spec = Spec();
    change(&spec);
    return FirstViolation(spec);
  }

  const std::string folder_ = [] {
    const char* given = std::getenv("TEST_TMPDIR");
    std::string name = std::string(given ? given : "/tmp") + "/prepare.XXXXXX";
    return std::string(mkdtemp(name.data()));
  }();
  const std::string table_ = Table();
  DataCache cache_;
  std::string description_;
  int64_t per_epoch_ = 0;
};

TEST_F(PrepareTest, ResolvesEveryDefault) {
  std::variant<Prepared, Violations> result = Prepare(Spec(), &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  const api::Spec& spec = std::get<Prepared>(result).spec;
  EXPECT_EQ(spec.data().batch_size(), 64);
  EXPECT_TRUE(spec.data().shuffle());
  EXPECT_EQ(spec.iterations(), 20);
  EXPECT_TRUE(spec.has_seed());
  EXPECT_EQ(spec.optimizer().adam().step_size().constant(), 0.001);
  EXPECT_EQ(spec.optimizer().adam().epsilon(), 1e-8);
  EXPECT_EQ(spec.model().sequential().layers(0).linear().in_features(), 3);
  EXPECT_TRUE(spec.model().sequential().layers(0).linear().bias());
  EXPECT_EQ(spec.model().sequential().layers(2).linear().in_features(), 4);
  EXPECT_EQ(spec.model().sequential().layers(2).name(), "2");
  EXPECT_EQ(spec.execution().device(), "cpu");
  EXPECT_EQ(spec.execution().dtype(), api::Execution::FLOAT32);
  EXPECT_EQ(spec.execution().threads(), 1);
  EXPECT_EQ(spec.checkpoints().every_iterations(), 2);  // an epoch, and a tenth of the run
  EXPECT_EQ(spec.checkpoints().keep(), 3);
  EXPECT_EQ(spec.evaluation().every_epochs(), 1);
  EXPECT_EQ(spec.retention().max_bytes(), 1 << 30);
  EXPECT_EQ(spec.on_non_finite(), api::Spec::STOP);
}

// It makes no step where a number is not finite.
TEST_F(PrepareTest, ARunThatSkipsWhatIsNotFiniteGoesOnThere) {
  std::variant<Prepared, Violations> result =
      Prepare(WithOptimizer("adam {} wrappers { skip_nonfinite {} }"), &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  EXPECT_EQ(std::get<Prepared>(result).spec.on_non_finite(), api::Spec::CONTINUE);
}

TEST_F(PrepareTest, AnEmbeddingHasARowForEachIndex) {
  const std::string text = R"(
      model { sequential {
          layers { embedding { num_embeddings: 2 embedding_dim: 3 } }
          layers { linear { out_features: 5 } } } }
      objective { cross_entropy {} }
      optimizer { adam {} }
      data { train { text { path: ")" +
                           Write("abc.txt", "abcabcabcabc") + R"(" context: 2 } } batch_size: 2 }
      iterations: 3)";
  api::Spec spec;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  EXPECT_EQ(FirstViolation(spec),
            "model.sequential.layers[0].embedding.num_embeddings OUT_OF_RANGE");
  EXPECT_EQ(description_, "It is 2, but the data have indices up to 2; give at least 3.");
  spec.mutable_model()
      ->mutable_sequential()
      ->mutable_layers(0)
      ->mutable_embedding()
      ->set_num_embeddings(3);
  EXPECT_EQ(FirstViolation(spec), "") << description_;
}

TEST_F(PrepareTest, AnEmbeddingTakesIndicesBehindWhatLeavesThemBe) {
  std::string rows = "a,b,label\n";
  for (int i = 0; i < 20; ++i) {
    rows +=
        std::to_string(i % 7) + "," + std::to_string(i % 5) + "," + std::to_string(i % 3) + "\n";
  }
  const std::string table = Write("indices.csv", rows);
  const std::string rest = "layers { flatten {} } layers { linear { out_features: 3 } }";
  const std::string embedding = "embedding { num_embeddings: 7 embedding_dim: 2 }";
  const auto violation = [&](const std::string& model) {
    api::Spec spec;
    const std::string text =
        "model { sequential { " + model + rest +
        R"(} } objective { cross_entropy {} } optimizer { adam {} } iterations: 3
           data { train { csv { path: ")" +
        table + R"(" targets: "label" } } })";
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    return FirstViolation(spec);
  };
  const std::string graph =
      "layers { graph { nodes { name: 'd' layer { dropout { p: 0.1 } } } "
      "nodes { name: 'e' layer { ";
  for (const std::string& model :
       {"layers { " + embedding + " }",
        "layers { dropout { p: 0.1 } } layers { " + embedding + " }",
        "layers { flatten {} } layers { sequential { layers { " + embedding + " } } }",
        graph + embedding + " } } } }",
        "layers { graph { nodes { name: 'x' layer { " + embedding +
            " } } nodes { name: 'y' inputs: 'input' layer { " + embedding +
            " } } nodes { name: 'z' inputs: ['x', 'y'] concat {} } } }"}) {
    EXPECT_EQ(violation(model), "") << model << description_;
  }
  const std::string few = "embedding { num_embeddings: 6 embedding_dim: 2 }";
  EXPECT_EQ(violation("layers { dropout {} } layers { " + few + " }"),
            "model.sequential.layers[1].embedding.num_embeddings OUT_OF_RANGE");
  EXPECT_EQ(violation(graph + few + " } } } }"),
            "model.sequential.layers[0].graph.nodes[1].layer.embedding.num_embeddings "
            "OUT_OF_RANGE");
  // Indices are nothing to compute with.
  EXPECT_NE(violation("layers { graph { nodes { name: 's' inputs: ['input', 'input'] add {} } "
                      "nodes { name: 'e' layer { " +
                      embedding + " } } } }"),
            "");
  const auto in_a_system = [&](const std::string& rows_of_table) {
    api::Spec spec;
    const std::string text =
        "system { players { name: 'reader' model { sequential { " + graph + rows_of_table +
        " } } } } " + rest +
        R"( } } objective { loss { cross_entropy {} } } optimizer { adam {} } } }
           iterations: 3 data { train { csv { path: ")" +
        table + R"(" targets: "label" } } })";
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    return FirstViolation(spec);
  };
  EXPECT_EQ(in_a_system(embedding), "") << description_;
  EXPECT_EQ(in_a_system(few),
            "system.players[0].model.sequential.layers[0].graph.nodes[1].layer.embedding."
            "num_embeddings OUT_OF_RANGE");
}

TEST_F(PrepareTest, ABatchNormRefusesBatchesOfOne) {
  const auto violation = [&](int64_t batch_size, const std::string& layer = "batch_norm {}",
                             bool drop_last = false) {
    api::Spec spec = Spec();
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        "layers { " + layer + " }", spec.mutable_model()->mutable_sequential()))
        << layer;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        "linear { out_features: 3 }", spec.mutable_model()->mutable_sequential()->add_layers()));
    spec.mutable_data()->set_batch_size(batch_size);
    if (drop_last) spec.mutable_data()->mutable_order()->set_last_batch(api::Order::DROP);
    return FirstViolation(spec);
  };
  EXPECT_EQ(violation(1), "data.batch_size BATCH_OF_ONE");
  EXPECT_NE(description_.find("layer `0` (batch_norm)"), std::string::npos) << description_;
  EXPECT_EQ(violation(1, "layer_norm {}"), "");
  EXPECT_EQ(violation(2), "");
  // 100 examples: the last batch has one.
  EXPECT_EQ(violation(9), "data.batch_size BATCH_OF_ONE");
  EXPECT_NE(description_.find("An epoch's last batch has one example (100 in batches of 9)"),
            std::string::npos)
      << description_;
  EXPECT_EQ(violation(10), "");
  EXPECT_EQ(violation(9, "batch_norm {}", /*drop_last=*/true), "");
}

TEST_F(PrepareTest, ResolvingAgainChangesNothing) {
  std::variant<Prepared, Violations> once = Prepare(Spec(), &cache_);
  const api::Spec& spec = std::get<Prepared>(once).spec;
  std::variant<Prepared, Violations> twice = Prepare(spec, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(twice));
  EXPECT_EQ(std::get<Prepared>(twice).spec.DebugString(), spec.DebugString());
  EXPECT_EQ(std::get<Prepared>(twice).summary.DebugString(),
            std::get<Prepared>(once).summary.DebugString());
}

TEST_F(PrepareTest, SummarizesTheOptimizer) {
  std::variant<Prepared, Violations> result = Prepare(WithOptimizer(R"(
                  adam { step_size { cosine { initial: 0.5 } } }
                  groups { name: "bias" pattern: "*.bias" step_size { constant: 0.1 } }
                  groups { name: "last" pattern: "2.*" frozen: true })"),
                                                      &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  const api::SpecSummary& summary = std::get<Prepared>(result).summary;
  ASSERT_EQ(summary.groups_size(), 3);
  EXPECT_EQ(summary.groups(0).ShortDebugString(),
            "name: \"bias\" parameters: \"hidden.bias\" parameters: \"2.bias\" scalars: 7");
  EXPECT_EQ(summary.groups(1).ShortDebugString(),
            "name: \"last\" parameters: \"2.weight\" scalars: 12 frozen: true");
  EXPECT_EQ(summary.groups(2).ShortDebugString(), "parameters: \"hidden.weight\" scalars: 12");
  // 31 numbers of 4 bytes: solution, two averages and the gradient.
  EXPECT_EQ(summary.memory_bytes(), 4 * 31 * 4);
  ASSERT_EQ(summary.step_size_preview_size(), 20);
  EXPECT_EQ(summary.step_size_preview(0).value(), 0.5);
  EXPECT_EQ(summary.step_size_preview(10).iteration(), 10);
  EXPECT_NEAR(summary.step_size_preview(10).value(), 0.25, 1e-15);
  EXPECT_EQ(summary.step_size_preview(19).iteration(), 19);

  api::Spec longer = Spec();
  longer.set_epochs(100'000'000'000);
  result = Prepare(longer, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  const auto& points = std::get<Prepared>(result).summary.step_size_preview();
  EXPECT_LE(points.size(), 500);
  EXPECT_EQ(points[points.size() - 1].iteration(), 199'999'999'999);
}

TEST_F(PrepareTest, APlateauNeedsWhatItGoesBy) {
  const auto plateau = [this](const std::string& metric) {
    return FirstViolation(
        WithOptimizer("sgd { step_size { plateau { initial: 0.1 metric: \"" + metric + "\" } } }"));
  };
  EXPECT_EQ(plateau("value"), "");
  EXPECT_EQ(plateau("loss"), "optimizer.sgd.step_size.plateau.metric MISSING_FIELD");
  EXPECT_NE(description_.find("It goes by `loss`"), std::string::npos) << description_;
  EXPECT_NE(description_.find("data.test"), std::string::npos) << description_;
  EXPECT_EQ(plateau("los"), "optimizer.sgd.step_size.plateau.metric UNKNOWN_METRIC");
  EXPECT_NE(description_.find("no metric `los`; give one of value, loss, accuracy"),
            std::string::npos)
      << description_;
  EXPECT_EQ(FirstViolation(WithOptimizer("sgd { step_size { repeated { iterations: 9 sequence { "
                                         "plateau { initial: 0.1 } } } } }")),
            "optimizer.sgd.step_size.repeated OUT_OF_RANGE");
}

TEST_F(PrepareTest, APlateauLooksTheWayThatItsMetricGoes) {
  const auto plateau = [this](const std::string& fields, int64_t every_epochs = 1) {
    api::Spec spec =
        WithOptimizer("sgd { step_size { warmup { iterations: 3 then { plateau { initial: 0.1 " +
                      fields + " } } } } }");
    spec.mutable_data()->mutable_split()->set_test_fraction(0.25);
    spec.mutable_data()->set_batch_size(2);
    spec.mutable_evaluation()->set_every_epochs(every_epochs);
    for (const char* kind : {"accuracy", "top_k", "perplexity", "confusion_matrix"}) {
      api::EvaluationMetric* metric = spec.mutable_evaluation()->add_metrics();
      const auto* field = metric->GetDescriptor()->FindFieldByName(kind);
      metric->GetReflection()->MutableMessage(metric, field);
    }
    spec.mutable_evaluation()->mutable_metrics(1)->mutable_top_k()->set_k(2);
    return FirstViolation(spec);
  };
  const std::string field = "optimizer.sgd.step_size.warmup.then.plateau.";
  for (const char* grows : {"accuracy", "top_2"}) {
    const std::string metric = absl::StrCat("metric: \"", grows, "\" ");
    EXPECT_EQ(plateau(metric + "maximize: true"), "") << description_;
    EXPECT_EQ(plateau(metric), field + "maximize CONFLICT");
    EXPECT_EQ(plateau(metric + "maximize: false"), field + "maximize CONFLICT");
    EXPECT_NE(
        description_.find(absl::StrCat(grows, " grows as the model becomes better; give true")),
        std::string::npos)
        << description_;
  }
  for (const char* falls : {"loss", "perplexity"}) {
    const std::string metric = absl::StrCat("metric: \"", falls, "\" ");
    EXPECT_EQ(plateau(metric), "") << description_;
    EXPECT_EQ(plateau(metric + "maximize: true"), field + "maximize CONFLICT");
  }
  EXPECT_EQ(plateau("metric: \"confusion_matrix\""), field + "metric UNKNOWN_METRIC");
  EXPECT_EQ(plateau("metric: \"loss\"", 0), field + "metric CONFLICT");
  EXPECT_NE(description_.find("none before the end"), std::string::npos) << description_;
}

TEST_F(PrepareTest, APlateauGoesByEvaluationsOrByTheMeansOfEpochs) {
  const auto plateau = [this](double test_fraction, int64_t epochs, int64_t every_epochs) {
    api::Spec spec = WithOptimizer("sgd { step_size { plateau { initial: 0.1 } } }");
    if (test_fraction > 0) spec.mutable_data()->mutable_split()->set_test_fraction(test_fraction);
    spec.mutable_data()->set_batch_size(2);
    spec.mutable_evaluation()->set_every_epochs(every_epochs);
    spec.set_epochs(epochs);
    std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
    EXPECT_TRUE(std::holds_alternative<Prepared>(result));
    const Prepared& prepared = std::get<Prepared>(result);
    const auto& resolved = prepared.spec.optimizer().sgd().step_size().plateau();
    per_epoch_ = prepared.summary.iterations_per_epoch();
    return absl::StrCat(resolved.metric(), " ", resolved.average());
  };
  EXPECT_EQ(plateau(0.25, 20, 1), "loss 1");
  std::string resolved = plateau(0, 20, 1);
  EXPECT_EQ(resolved, absl::StrCat("value ", per_epoch_));
  EXPECT_GT(per_epoch_, 1);
  // Evaluations at the end alone come too late.
  resolved = plateau(0.25, 20, 0);
  EXPECT_EQ(resolved, absl::StrCat("value ", per_epoch_));
  // However short: by single batches, patience would be used up within an epoch.
  resolved = plateau(0, 2, 1);
  EXPECT_EQ(resolved, absl::StrCat("value ", per_epoch_));
  // One epoch: a hundredth of it, or ten batches.
  EXPECT_EQ(plateau(0, 1, 1), "value 10");

  api::Spec spec;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "objective { function { rosenbrock {} } } iterations: 500 "
      "optimizer { gradient_descent { step_size { plateau { initial: 1e-3 } } } }",
      &spec));
  std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  EXPECT_EQ(std::get<Prepared>(result)
                .spec.optimizer()
                .gradient_descent()
                .step_size()
                .plateau()
                .average(),
            1);
}

TEST_F(PrepareTest, AFunctionNeedsNeitherModelNorData) {
  api::Spec spec;
  const auto parse = [&](const std::string& text) {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  };
  parse("objective { function { rosenbrock {} } } optimizer { lbfgs {} } iterations: 50");
  std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result))
      << std::get<Violations>(result).list()[0].field;
  const Prepared& prepared = std::get<Prepared>(result);
  EXPECT_EQ(prepared.spec.objective().function().rosenbrock().dimension(), 2);
  EXPECT_EQ(prepared.spec.execution().dtype(), api::Execution::FLOAT64);
  EXPECT_FALSE(prepared.spec.has_data());
  EXPECT_FALSE(prepared.spec.has_model());
  EXPECT_EQ(prepared.summary.parameters(), 2);
  EXPECT_EQ(prepared.summary.iterations(), 50);
  EXPECT_EQ(prepared.summary.dials(0), "optimizer.lbfgs.step_size");
  std::variant<Prepared, Violations> again = Prepare(prepared.spec, &cache_);
  EXPECT_EQ(std::get<Prepared>(again).spec.DebugString(), prepared.spec.DebugString());

  auto trainer = MakeTrainer(std::get<Prepared>(std::move(result)));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  EXPECT_NEAR((*trainer)->Current()->value, 24.2, 1e-12);

  const auto first = [&](const std::string& text) {
    parse(text);
    return FirstViolation(spec);
  };
  const std::string rest = " optimizer { lbfgs {} } iterations: 50";
  EXPECT_EQ(first("objective { function {} }" + rest), "objective.function MISSING_FIELD");
  EXPECT_EQ(first("objective { function { rosenbrock { dimension: 1 } } }" + rest),
            "objective.function.rosenbrock.dimension OUT_OF_RANGE");
  EXPECT_EQ(first("objective { function { quadratic { diagonal: -1 } } }" + rest),
            "objective.function.quadratic.diagonal OUT_OF_RANGE");
  EXPECT_EQ(first("objective { function { beale {} start: 1 } }" + rest),
            "objective.function.start SHAPE_MISMATCH");
  EXPECT_EQ(first("objective { function { beale {} } } model { relu {} }" + rest),
            "model CONFLICT");
  EXPECT_EQ(first("objective { function { beale {} } } data { batch_size: 3 }" + rest),
            "data CONFLICT");
  EXPECT_EQ(first("objective { function { beale {} } } epochs: 3" + rest), "epochs CONFLICT");
}

TEST_F(PrepareTest, StopTestsMustBeInRange) {
  EXPECT_EQ(After([](api::Spec* spec) { spec->mutable_stop_when()->set_gradient_norm(-1); }),
            "stop_when.gradient_norm OUT_OF_RANGE");
  EXPECT_EQ(After([](api::Spec* spec) { spec->mutable_stop_when()->set_evaluations(0); }),
            "stop_when.evaluations OUT_OF_RANGE");
  EXPECT_EQ(After([](api::Spec* spec) { spec->mutable_stop_when()->set_value_below(-1e300); }), "");
}

TEST_F(PrepareTest, DrawsAnotherSeedEachTime) {
  std::variant<Prepared, Violations> a = Prepare(Spec(), &cache_);
  std::variant<Prepared, Violations> b = Prepare(Spec(), &cache_);
  EXPECT_NE(std::get<Prepared>(a).spec.seed(), std::get<Prepared>(b).spec.seed());
}

TEST_F(PrepareTest, SummarizesTheModelAndTheData) {
  std::variant<Prepared, Violations> result = Prepare(Spec(), &cache_);
  const api::SpecSummary& summary = std::get<Prepared>(result).summary;
  EXPECT_EQ(summary.layers(0).name(), "hidden");
  EXPECT_EQ(summary.layers(0).kind(), "linear");
  EXPECT_EQ(summary.layers(0).output_shape(0), 4);
  EXPECT_TRUE(summary.layers(0).plan());
  EXPECT_EQ(summary.parameters(), 3 * 4 + 4 + 4 * 3 + 3);
  EXPECT_EQ(summary.parameter_bytes(), 4 * summary.parameters());
  // Adam has two moments.
  EXPECT_EQ(summary.memory_bytes(), 4 * summary.parameter_bytes());
  EXPECT_EQ(summary.train_examples(), 100);
  EXPECT_EQ(summary.test_examples(), 0);
  EXPECT_EQ(summary.iterations_per_epoch(), 2);
  EXPECT_EQ(summary.dials_size(), 3);
  EXPECT_EQ(summary.dials(2), "optimizer.adam.beta2");
  ASSERT_EQ(summary.digests_size(), 1);
  EXPECT_EQ(summary.digests(0).path(), table_);
}

// What a model begins with is an input as the data are.
TEST_F(PrepareTest, AModelsFilesAreInTheDigestsAndInTheRoots) {
  const std::string path = folder_ + "/start.safetensors";
  const absl::StatusOr<SavedFile> saved =
      WriteSafetensors(path, {.tensors = {{"hidden.weight", at::ones({4, 3})}}, .metadata = {}});
  ASSERT_TRUE(saved.ok()) << saved.status();
  api::Spec spec = Spec();
  api::Initializer* start = spec.mutable_model()
                                ->mutable_sequential()
                                ->mutable_layers(0)
                                ->mutable_linear()
                                ->mutable_weight_init();
  start->mutable_file()->set_path(path);
  const std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result)) << FirstViolation(spec) << description_;
  const api::SpecSummary& summary = std::get<Prepared>(result).summary;
  ASSERT_EQ(summary.digests_size(), 2);
  EXPECT_EQ(summary.digests(0).path(), path);
  EXPECT_EQ(summary.digests(0).sha256(), saved->sha256);

  const std::string field = "model.sequential.layers[0].linear.weight_init.file.path ";
  start->mutable_file()->set_path(folder_ + "/none");
  EXPECT_EQ(FirstViolation(spec), field + "FILE_NOT_FOUND");
  // Outside the roots nobody finds out whether it is there.
  const absl::StatusOr<DataRoots> roots = DataRoots::Create({"/usr/share"});
  ASSERT_TRUE(roots.ok()) << roots.status();
  DataCache confined(*roots);
  start->mutable_file()->set_path(path);
  const auto refused = Prepare(spec, &confined);
  ASSERT_TRUE(std::holds_alternative<Violations>(refused));
  const Violation& first = std::get<Violations>(refused).list().front();
  EXPECT_EQ(first.field + " " + first.reason, field + "FILE_UNREADABLE");
}

TEST_F(PrepareTest, BFloat16IsForOneModelOnData) {
  api::Spec spec = Spec();
  spec.mutable_execution()->set_dtype(api::Execution::BFLOAT16);
  const std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  const api::SpecSummary& summary = std::get<Prepared>(result).summary;
  // Float32 parameters, gradient and two moments; a copy of the first two in half as many bytes.
  EXPECT_EQ(summary.memory_bytes(), 5 * summary.parameter_bytes());
  api::Spec function;
  function.mutable_objective()->mutable_function()->mutable_rosenbrock();
  function.mutable_optimizer()->mutable_lbfgs();
  function.set_iterations(3);
  EXPECT_EQ(FirstViolation(function), "");
  function.mutable_execution()->set_dtype(api::Execution::BFLOAT16);
  EXPECT_EQ(FirstViolation(function), "execution.dtype UNSUPPORTED");
}

TEST_F(PrepareTest, ACosineLastsAsLongAsTheRunByDefault) {
  api::Spec spec = Spec();
  spec.mutable_optimizer()->mutable_adam()->mutable_step_size()->mutable_cosine()->set_initial(1);
  std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
  const api::CosineSequence& cosine =
      std::get<Prepared>(result).spec.optimizer().adam().step_size().cosine();
  EXPECT_EQ(cosine.iterations(), 20);
  EXPECT_TRUE(cosine.has_final());
}

TEST_F(PrepareTest, NamesTheFieldThatIsMissing) {
  EXPECT_EQ(After([](auto* s) { s->clear_model(); }), "model MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) { s->clear_objective(); }), "objective MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) { s->clear_optimizer(); }), "optimizer MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) { s->clear_data(); }), "data.train MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) { s->clear_epochs(); }), "iterations MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) { s->mutable_optimizer()->mutable_heavy_ball(); }),
            "optimizer.heavy_ball.step_size MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) { s->mutable_optimizer()->mutable_nesterov()->mutable_step_size(); }),
            "optimizer.nesterov.step_size MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) {
              s->mutable_model()->mutable_sequential()->mutable_layers(2)->clear_linear();
            }),
            "model.sequential.layers[2] MISSING_FIELD");
  EXPECT_EQ(After([](auto* s) {
              s->mutable_model()
                  ->mutable_sequential()
                  ->mutable_layers(2)
                  ->mutable_linear()
                  ->clear_out_features();
            }),
            "model.sequential.layers[2].linear.out_features MISSING_FIELD");
}

TEST_F(PrepareTest, NamesTheFieldThatIsOutOfRange) {
  const auto step_size = [](double value) {
    return [value](api::Spec* spec) {
      spec->mutable_optimizer()->mutable_adam()->mutable_step_size()->set_constant(value);
    };
  };
  for (double bad :
       {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(After(step_size(bad)), "optimizer.adam.step_size.constant OUT_OF_RANGE");
  }
  EXPECT_EQ(After(step_size(0)), "");
  EXPECT_EQ(After([](auto* s) {
              s->mutable_optimizer()->mutable_adam()->mutable_beta1()->set_constant(1);
            }),
            "optimizer.adam.beta1.constant OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->mutable_optimizer()->mutable_adam()->set_epsilon(0); }),
            "optimizer.adam.epsilon OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) {
              auto* cosine =
                  s->mutable_optimizer()->mutable_adam()->mutable_step_size()->mutable_cosine();
              cosine->set_initial(1);
              cosine->set_final(-1);
            }),
            "optimizer.adam.step_size.cosine.final OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->set_epochs(0); }), "epochs OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->set_epochs(1'000'000'000'000); }), "epochs OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->set_iterations(int64_t{1} << 62); }), "iterations OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->set_iterations(7); }), "iterations CONFLICT");
  EXPECT_EQ(After([](auto* s) { s->mutable_data()->set_batch_size(0); }),
            "data.batch_size OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->mutable_data()->set_batch_size(101); }),
            "data.batch_size TOO_FEW_EXAMPLES");
  EXPECT_EQ(description_,
            "A batch is 101 examples, but the training data holds only 100. `batch_size: all` "
            "takes all there are.");
  EXPECT_EQ(After([](auto* s) { s->mutable_execution()->set_threads(0); }),
            "execution.threads OUT_OF_RANGE");
  EXPECT_EQ(After([](auto* s) { s->mutable_execution()->set_device("tpu"); }),
            "execution.device UNSUPPORTED");
}

// What is greater than zero as it is written, but not as it is computed with, guards nothing.
TEST_F(PrepareTest, RefusesNumbersThatTheDtypeDoesNotHold) {
  const auto adam = [](const char* fields) {
    return [fields](api::Spec* spec) {
      EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
          fields, spec->mutable_optimizer()->mutable_adam()));
    };
  };
  EXPECT_EQ(After(adam("epsilon: 1e-50")), "optimizer.adam.epsilon OUT_OF_RANGE");
  EXPECT_EQ(description_,
            "1e-50 is zero in FLOAT32, whose least number is 1.4e-45; "
            "execution.dtype FLOAT64 holds less.");
  EXPECT_EQ(After(adam("step_size { constant: 1e39 }")),
            "optimizer.adam.step_size.constant OUT_OF_RANGE");
  EXPECT_EQ(After(adam("step_size { list { values: [0.1, 1e39] } }")),
            "optimizer.adam.step_size.list.values[1] OUT_OF_RANGE");
  EXPECT_EQ(After(adam("step_size { constant: 1e-60 }")), "");  // where a schedule may end
  EXPECT_EQ(After([](api::Spec* spec) {
              spec->mutable_model()
                  ->mutable_sequential()
                  ->mutable_layers(0)
                  ->mutable_linear()
                  ->mutable_weight_init()
                  ->mutable_normal()
                  ->set_std(1e300);
            }),
            "model.sequential.layers[0].linear.weight_init.normal.std OUT_OF_RANGE");
  EXPECT_EQ(After([&](api::Spec* spec) {
              adam("epsilon: 1e-50")(spec);
              spec->mutable_execution()->set_dtype(api::Execution::FLOAT64);
            }),
            "");
}

TEST_F(PrepareTest, NamesBothLayersThatDoNotFit) {
  EXPECT_EQ(After([](auto* s) {
              s->mutable_model()
                  ->mutable_sequential()
                  ->mutable_layers(2)
                  ->mutable_linear()
                  ->set_in_features(5);
            }),
            "model.sequential.layers[2].linear.in_features SHAPE_MISMATCH");
  EXPECT_NE(description_.find("layer `2` (linear)"), std::string::npos) << description_;
  EXPECT_NE(description_.find("[5]"), std::string::npos) << description_;
  EXPECT_NE(description_.find("layer `1` (relu) gives [4]"), std::string::npos) << description_;
}

TEST_F(PrepareTest, RefusesDimensionsThatOverflowOrDoNotFitInMemory) {
  const auto out_features = [](int64_t value) {
    return [value](api::Spec* spec) {
      spec->mutable_model()
          ->mutable_sequential()
          ->mutable_layers(0)
          ->mutable_linear()
          ->set_out_features(value);
    };
  };
  const std::string field = "model.sequential.layers[0].linear.out_features OUT_OF_RANGE";
  EXPECT_EQ(After(out_features(0)), field);
  EXPECT_EQ(After(out_features(-3)), field);
  EXPECT_EQ(After(out_features(std::numeric_limits<int64_t>::max())), field);
  EXPECT_EQ(After(out_features(int64_t{1} << 40)), "model TOO_LARGE");
  EXPECT_EQ(After([&](auto* s) {
              out_features(int64_t{1} << 40)(s);
              s->mutable_model()
                  ->mutable_sequential()
                  ->mutable_layers(2)
                  ->mutable_linear()
                  ->set_out_features(int64_t{1} << 40);
            }),
            "model.sequential.layers[2].linear TOO_LARGE");
}

TEST_F(PrepareTest, RefusesBadNames) {
  const auto name = [](const std::string& value) {
    return [value](api::Spec* spec) {
      spec->mutable_model()->mutable_sequential()->mutable_layers(1)->set_name(value);
    };
  };
  EXPECT_EQ(After(name("")), "model.sequential.layers[1].name INVALID_NAME");
  EXPECT_EQ(After(name("a.b")), "model.sequential.layers[1].name INVALID_NAME");
  EXPECT_EQ(After(name("hidden")), "model.sequential.layers[1].name DUPLICATE_NAME");
  EXPECT_EQ(After(name("2")), "model.sequential.layers[2].name DUPLICATE_NAME");
}

TEST_F(PrepareTest, RefusesDeepNesting) {
  EXPECT_EQ(After([](auto* s) {
              api::Layer* layer = s->mutable_model();
              layer->Clear();
              for (int i = 0; i < 100; ++i) layer = layer->mutable_sequential()->add_layers();
              layer->mutable_relu();
            }).substr(0, 16),
            "model.sequential");
  EXPECT_NE(description_.find("deep"), std::string::npos);
}

TEST_F(PrepareTest, RefusesUnknownFieldsAtAnyDepth) {
  EXPECT_EQ(After([](auto* s) {
              api::Linear* linear =
                  s->mutable_model()->mutable_sequential()->mutable_layers(2)->mutable_linear();
              linear->GetReflection()->MutableUnknownFields(linear)->AddVarint(99, 1);
            }),
            "model.sequential.layers[2].linear UNKNOWN_FIELD");
}

TEST_F(PrepareTest, NamesTheFileAndFieldOfBadData) {
  const auto csv = [&](const std::string& path) {
    return [path](api::Spec* spec) {
      spec->mutable_data()->mutable_train()->mutable_csv()->set_path(path);
    };
  };
  EXPECT_EQ(After(csv("/nowhere.csv")), "data.train.csv.path FILE_NOT_FOUND");
  EXPECT_EQ(After(csv("relative.csv")), "data.train.csv.path INVALID_PATH");
  EXPECT_EQ(After(csv(folder_)), "data.train.csv.path INVALID_DATA");
  EXPECT_EQ(After(csv(Write("ragged.csv", "a,b,label\n1,2,0\n1,2\n"))),
            "data.train.csv.path INVALID_DATA");
  EXPECT_NE(description_.find("ragged.csv, line 3"), std::string::npos);
  EXPECT_EQ(After(csv(Write("label.csv", "a,b,label\n1,2,0\n1,2,3\n"))),
            "data.train.csv.path LABEL_OUT_OF_RANGE");
  EXPECT_NE(description_.find("label.csv, line 3"), std::string::npos);
  EXPECT_EQ(After([](auto* s) {
              s->mutable_data()->mutable_train()->mutable_csv()->set_targets(0, "none");
            }),
            "data.train.csv.targets INVALID_DATA");

  const std::string images = Write("x", std::string("\0\0\x8\x2\0\0\0\x2\0\0\0\x2\1\2\3\4", 16));
  const std::string cut = Write("cut", std::string("\0\0\x8\x1\0\0\0\x2\1", 9));
  const auto idx = [&](api::Spec* spec, const std::string& inputs, const std::string& targets) {
    auto* files = spec->mutable_data()->mutable_train()->mutable_idx();
    files->set_inputs(inputs);
    files->set_targets(targets);
  };
  EXPECT_EQ(After([&](auto* s) { idx(s, images, cut); }), "data.train.idx.targets FILE_DAMAGED");
  EXPECT_EQ(After([&](auto* s) { idx(s, images, "/none"); }),
            "data.train.idx.targets FILE_NOT_FOUND");
  EXPECT_EQ(After([&](auto* s) { idx(s, table_, cut); }), "data.train.idx.inputs INVALID_DATA");
}

TEST_F(PrepareTest, ChecksThatObjectiveAndTestDataGoWithTheModel) {
  EXPECT_EQ(After([](auto* s) {
              s->mutable_objective()->mutable_mean_squared_error();
              s->mutable_data()->mutable_train()->mutable_csv()->set_targets(0, "y");
            }),
            "objective.mean_squared_error SHAPE_MISMATCH");
  const std::string other = Write("other.csv", "a,label\n1,0\n");
  EXPECT_EQ(After([&](auto* s) {
              auto* csv = s->mutable_data()->mutable_test()->mutable_csv();
              csv->set_path(other);
              csv->add_targets("label");
            }),
            "data.test.csv.path INVALID_DATA");  // it lacks a column
  EXPECT_EQ(After([](auto* s) { s->mutable_data()->mutable_test()->mutable_spirals(); }),
            "data.test SHAPE_MISMATCH");
}

TEST_F(PrepareTest, CategoriesThatAreTakenForQuantitiesAreNoted) {
  api::Spec spec = Spec();
  spec.mutable_data()->mutable_train()->mutable_csv()->add_categorical("label");
  std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
  EXPECT_EQ(std::get<Prepared>(result).summary.notes_size(), 0);
  spec.mutable_objective()->mutable_mean_squared_error();
  spec.mutable_model()->mutable_sequential()->mutable_layers(2)->mutable_linear()->set_out_features(
      1);
  result = Prepare(spec, &cache_);
  const api::SpecSummary& summary = std::get<Prepared>(result).summary;
  ASSERT_EQ(summary.notes_size(), 1);
  EXPECT_EQ(summary.notes(0),
            "The target \"label\" is categorical, and the objective takes its categories for the "
            "numbers 0 (0) to 2 (2), in the order of their names; cross_entropy takes them for "
            "classes.");
}

// The same holds in a sum, and for a player.
TEST_F(PrepareTest, CategoriesThatArePartlyTakenForQuantitiesAreNoted) {
  const std::string data =
      "data { train { csv { path: '" + table_ + "' targets: 'label' categorical: 'label' } } }";
  const std::string model = "model { linear { out_features: 1 } }";
  const std::string optimizer = "optimizer { adam {} }";
  for (const std::string& text :
       {model + optimizer + data +
            "objective { sum { terms { name: 'near' objective { huber {} } } terms { name: 'far' "
            "objective { mean_absolute_error {} } } } } iterations: 3",
        "system { players { name: 'one' " + model + optimizer +
            "objective { loss { mean_squared_error {} } } } } iterations: 3 " + data}) {
    api::Spec spec;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
    ASSERT_TRUE(std::holds_alternative<Prepared>(result))
        << std::get<Violations>(result).list().front().description;
    const api::SpecSummary& summary = std::get<Prepared>(result).summary;
    ASSERT_EQ(summary.notes_size(), 1) << text;
    EXPECT_NE(summary.notes(0).find("is categorical, and the objective takes"), std::string::npos);
  }
}

TEST_F(PrepareTest, ASystemsTargetsAreNormalizedWhereTheyAreNumbers) {
  const std::string linear = "train { linear {} } ", normalized = "target_normalization {} ";
  const auto player = [](const std::string& name, const std::string& loss,
                         const std::string& more = "") {
    return "players { name: '" + name +
           "' model { linear { out_features: 1 } } optimizer { adam {} } " + "objective { loss { " +
           loss + " {} } " + more + " } ";
  };
  const auto outcome = [&](const std::string& players, const std::string& rest) {
    api::Spec spec;
    const std::string text = "system { " + players + " } iterations: 3 seed: 7 " + rest;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
    std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
    if (const auto* prepared = std::get_if<Prepared>(&result)) {
      const at::Tensor targets = prepared->players[0].train.targets.to(at::kDouble);
      return targets.mean().abs().item<double>() < 1e-3 ? std::string("normalized") : "as they are";
    }
    const Violation& first = std::get<Violations>(result).list().front();
    return first.field + " " + first.reason + ": " + first.description;
  };
  const std::string one = player("one", "mean_squared_error") + "} ";
  const std::string data = "data { " + linear + normalized + "} ";
  EXPECT_EQ(outcome(one, data), "normalized");
  EXPECT_EQ(outcome(one, "data { " + linear + "} "), "as they are");
  EXPECT_EQ(outcome(player("one", "cross_entropy") + "} ", data),
            "data.target_normalization CONFLICT: The objective's targets are classes or "
            "probabilities, not to be normalized.");
  EXPECT_EQ(outcome(one + player("two", "hinge") + "} ", data),
            "data.target_normalization CONFLICT: The term hinge of two compares with classes or "
            "probabilities, not to be normalized.");
  EXPECT_EQ(outcome(player("one", "mean_squared_error", "inputs: true") + "} ", data),
            "data.target_normalization CONFLICT: Nothing is compared with these targets: leave it "
            "out.");
  EXPECT_EQ(outcome(one + player("two", "mean_squared_error") +
                        "objective { name: 'other' through: 'one' loss { huber {} } } data { " +
                        linear + "} } ",
                    data),
            "system.players[1].data.target_normalization CONFLICT: What comes out of the model of "
            "one is compared with these targets and with those of data: normalize neither.");
  // What the targets are is known of data that players share, too.
  EXPECT_EQ(
      outcome("players { name: 'one' model { linear { out_features: 3 } } optimizer { adam {} } "
              "objective { loss { cross_entropy {} } } } ",
              "data { train { spirals {} } ignore_index: 7 } "),
      "as they are");
  const std::string train = "evaluation { training_data: true } ";
  EXPECT_EQ(outcome(one, "data { " + linear + "split { test_fraction: 0.5 } } " + train),
            "as they are");
  EXPECT_EQ(outcome(one, "data { " + linear + "} " + train),
            "evaluation.training_data CONFLICT: It is evaluated beside the test data: give "
            "data.test or data.split.");
}

TEST_F(PrepareTest, ASingleClassIsNoted) {
  api::Spec spec = Spec();
  auto* csv = spec.mutable_data()->mutable_train()->mutable_csv();
  csv->set_path(Write("one.csv", "a,label\n1,cat\n2,cat\n"));
  csv->add_categorical("label");
  std::variant<Prepared, Violations> result = Prepare(spec, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  const api::SpecSummary& summary = std::get<Prepared>(result).summary;
  ASSERT_EQ(summary.notes_size(), 1);
  EXPECT_EQ(summary.notes(0), folder_ +
                                  "/one.csv: the training data hold one class alone, 0 (cat), "
                                  "which is then the answer to everything.");
}

TEST_F(PrepareTest, LabelsThatDoNotCountFromZeroCanBeNumbered) {
  const std::string text = "a,label\n1,1\n2,2\n3,3\n";
  const std::string table = Write("from_one.csv", text);
  const auto from_one = [&](api::Spec* spec) {
    spec->mutable_data()->mutable_train()->mutable_csv()->set_path(table);
  };
  EXPECT_EQ(After(from_one), "data.train.csv.path LABEL_OUT_OF_RANGE");
  EXPECT_EQ(description_,
            table +
                ", line 4: the label 3 is out of range: the model's output has 3 classes (0 to "
                "2). `categorical: label` numbers the classes that there are.");
  Write("from_one.csv", text + "4,0\n");  // four classes
  EXPECT_EQ(After(from_one), "data.train.csv.path LABEL_OUT_OF_RANGE");
  EXPECT_TRUE(description_.ends_with("(0 to 2).")) << description_;
}

TEST_F(PrepareTest, RowsThatWereLeftOutExplainARefusal) {
  const std::string table = Write("gaps.csv", "a,b,label\n1,,0\n2,3,1\n,,2\n4,5,2\n");
  const auto gaps = [&](api::Spec* spec) {
    auto* csv = spec->mutable_data()->mutable_train()->mutable_csv();
    csv->set_path(table);
    csv->mutable_missing()->mutable_drop();
  };
  const std::string note =
      table + ": 2 of 4 rows are left out: they lack something, most often \"b\" (2).";
  EXPECT_EQ(After([&](api::Spec* spec) {
              gaps(spec);
              spec->mutable_data()->set_batch_size(4);
            }),
            "data.batch_size TOO_FEW_EXAMPLES");
  EXPECT_EQ(description_, "A batch is 4 examples, but the training data holds only 2. " + note +
                              " `batch_size: all` takes all there are.");
  EXPECT_EQ(After([&](api::Spec* spec) {
              gaps(spec);
              spec->mutable_data()->mutable_split()->set_test_fraction(0.1);
            }),
            "data.split.test_fraction TOO_FEW_EXAMPLES");
  EXPECT_TRUE(description_.ends_with(note)) << description_;
  api::Spec all = Spec();
  gaps(&all);
  all.mutable_data()->set_full_batch(true);
  std::variant<Prepared, Violations> result = Prepare(all, &cache_);
  ASSERT_TRUE(std::holds_alternative<Prepared>(result));
  all = std::get<Prepared>(result).spec;
  EXPECT_EQ(all.data().batch_size(), 2);
  EXPECT_EQ(FirstViolation(all), "");  // what is resolved stays as it is
  all.mutable_data()->set_batch_size(1);
  EXPECT_EQ(FirstViolation(all), "data.batch_size CONFLICT");
}

TEST_F(PrepareTest, NoticesThatDataHasChanged) {
  std::variant<Prepared, Violations> before = Prepare(Spec(), &cache_);
  const api::SpecSummary summary = std::get<Prepared>(before).summary;
  EXPECT_TRUE(CheckDigests(std::get<Prepared>(before), summary).ok());
  std::ofstream(table_, std::ios::app) << "1,1,1,1\n";
  std::variant<Prepared, Violations> after = Prepare(Spec(), &cache_);
  EXPECT_EQ(std::get<Prepared>(after).summary.train_examples(), 101);
  const absl::Status status = CheckDigests(std::get<Prepared>(after), summary);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(table_ + " has changed"), absl::string_view::npos);
}

TEST_F(PrepareTest, NoticesThatDataThatCanNotBePreparedHaveChanged) {
  std::variant<Prepared, Violations> before = Prepare(Spec(), &cache_);
  const api::SpecSummary summary = std::get<Prepared>(before).summary;
  EXPECT_TRUE(CheckFiles(summary, {}).ok());
  Write("table.csv", "a,b,label,y\n1,2\n");
  EXPECT_EQ(FirstViolation(Spec()), "data.train.csv.path INVALID_DATA");
  absl::Status status = CheckFiles(summary, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(table_ + " has changed"), absl::string_view::npos);
  Write("table.csv", "");
  EXPECT_EQ(CheckFiles(summary, {}).code(), absl::StatusCode::kDataLoss);
  // One that is not there need not be another.
  std::remove(table_.c_str());
  EXPECT_TRUE(CheckFiles(summary, {}).ok());
}

}  // namespace
}  // namespace descent::worker
