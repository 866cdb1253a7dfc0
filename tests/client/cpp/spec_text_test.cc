// Specs as texts: how people write them, and how they are printed.

#include "client/cpp/spec_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/client/cpp/spec_texts.h"

namespace descent::client {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(SpecText, ReadsWhatPeopleWrite) {
  ExpectSame(Parsed(R"(
model: {sequential: [linear: {out_features: 256}, relu, linear: {out_features: 10}]}
objective: cross_entropy
optimizer:
  adam:
    step_size: 1e-3
    beta1: {constant: .9}
    epsilon: 1E-8
data:
  train:
    csv: {path: /data/x.csv, targets: y}
  shuffle: false
execution: {dtype: float64}
epochs: 10
seed: 18446744073709551615
)"),
             FromText(R"(
model { sequential { layers { linear { out_features: 256 } } layers { relu {} }
                     layers { linear { out_features: 10 } } } }
objective { cross_entropy {} }
optimizer { adam { step_size { constant: 1e-3 } beta1 { constant: 0.9 } epsilon: 1e-8 } }
data { train { csv { path: "/data/x.csv" targets: "y" } } shuffle: false }
execution { dtype: FLOAT64 }
epochs: 10
seed: 18446744073709551615
)"));
}

TEST(SpecText, ReadsJson) {
  ExpectSame(
      Parsed("{\"model\":{\"sequential\":{\"layers\":[{\"linear\":{\"outFeatures\":\"3\"}},"
             "\n\t{\"name\":\"a\\u00e9\\ud83d\\ude00\",\"relu\":{}}]}},"
             "\"optimizer\":{\"gradient_descent\":{\"step_size\":{\"constant\":\"Infinity\"}}},"
             "\"data\":{\"train\":{\"csv\":{\"path\":\"\\/a\\/b\"}}}}"),
      FromText(R"(
model { sequential { layers { linear { out_features: 3 } } layers { name: "aé😀" relu {} } } }
optimizer { gradient_descent { step_size { constant: inf } } }
data { train { csv { path: "/a/b" } } }
)"));
}

TEST(SpecText, ReadsTextproto) {
  const auto spec =
      ParseSpec("# comment\noptimizer { adam { step_size { constant: 0.1 } } }", "x.textproto");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->optimizer().adam().step_size().constant(), 0.1);
}

TEST(SpecText, EmptyValuesChooseAMemberOrAreAsIfNotWritten) {
  ExpectSame(Parsed("optimizer:\n  adam:\nevaluation:\nmodel: {relu: }\n"),
             FromText("optimizer { adam {} } model { relu {} }"));
}

TEST(SpecText, AliasesStandForTheirAnchors) {
  const v1::Spec spec = Parsed("data:\n  train: &d {csv: {path: /x}}\n  test: *d\n");
  EXPECT_EQ(spec.data().test().csv().path(), "/x");
}

TEST(SpecText, ReadsTheShortFormsThatPeopleWrite) {
  ExpectSame(Parsed(R"(
model:
  - conv2d: {out_channels: 8, kernel_size: 3, padding: same}
  - max_pool2d: 2
  - avg_pool2d: [2, 1]
  - conv1d: {out_channels: 8, kernel_size: 3, padding: valid}
  - {name: hidden, linear: 10}
  - leaky_relu: 0.1
  - dropout: 0.2
  - residual: [layer_norm, relu]
  - residual: relu
  - lstm: 16
  - linear: {out_features: 3, weight_init: 0}
objective: {cross_entropy: 0.1}
optimizer:
  adamw: {lr: {cosine: 1e-3}, weight_decay: 0}
  wrappers: [clip_by_norm: 1.0, {ema: 0.9}, accumulate: 4]
  groups: [{name: b, pattern: "*.bias", learning_rate: 0.1}]
data:
  train: {csv: x.csv}
  test: {image_folder: pictures}
  split: 0.2
  normalization: min_max
evaluation: {metrics: [accuracy, top_k: 3]}
checkpoints: 100
execution: cuda
)"),
             FromText(R"(
model { sequential {
  layers { conv2d { out_channels: 8 kernel_size: 3 same_padding: true } }
  layers { max_pool2d { kernel_size: 2 } }
  layers { avg_pool2d { kernel_size: 2 kernel_size: 1 } }
  layers { conv1d { out_channels: 8 kernel_size: 3 same_padding: false } }
  layers { name: "hidden" linear { out_features: 10 } }
  layers { leaky_relu { negative_slope: 0.1 } }
  layers { dropout { p: 0.2 } }
  layers { residual { layer { sequential { layers { layer_norm {} } layers { relu {} } } } } }
  layers { residual { layer { relu {} } } }
  layers { lstm { hidden_size: 16 } }
  layers { linear { out_features: 3 weight_init { constant: 0 } } } } }
objective { cross_entropy { label_smoothing: 0.1 } }
optimizer {
  adamw { step_size { cosine { initial: 1e-3 } } weight_decay { constant: 0 } }
  wrappers { clip_by_norm { max_norm { constant: 1 } } }
  wrappers { ema { decay { constant: 0.9 } } }
  wrappers { accumulate { iterations: 4 } }
  groups { name: "b" pattern: "*.bias" step_size { constant: 0.1 } } }
data {
  train { csv { path: "x.csv" } }
  test { image_folder { path: "pictures" } }
  split { test_fraction: 0.2 }
  normalization { kind: MIN_MAX } }
evaluation { metrics { accuracy {} } metrics { top_k { k: 3 } } }
checkpoints { every_iterations: 100 }
execution { device: "cuda" }
)"));
  EXPECT_EQ(Parsed("optimizer: {sgd: 0.1}").optimizer().sgd().step_size().constant(), 0.1);
  EXPECT_TRUE(Parsed("optimizer: {adam: cosine}").optimizer().adam().step_size().has_cosine());
}

TEST(SpecText, MergeKeysBringEntriesIn) {
  ExpectSame(Parsed(R"(
system:
  players:
    - name: a
      optimizer: &usual {adam: &adam {step_size: 1e-3, beta1: 0.5}}
    - name: b
      optimizer: {adam: {<<: *adam, beta1: 0.9}}
    - name: c
      optimizer:
        adam:
          epsilon: 1e-6
          <<: [{step_size: 1}, *adam]
    - {name: d, <<: {optimizer: *usual}}
)"),
             FromText(R"(
system {
  players { name: "a" optimizer { adam { step_size { constant: 1e-3 } beta1 { constant: 0.5 } } } }
  players { name: "b" optimizer { adam { step_size { constant: 1e-3 } beta1 { constant: 0.9 } } } }
  players { name: "c" optimizer { adam { step_size { constant: 1 } beta1 { constant: 0.5 }
                                         epsilon: 1e-6 } } }
  players { name: "d" optimizer { adam { step_size { constant: 1e-3 } beta1 { constant: 0.5 } } } }
})"));
  EXPECT_THAT(ErrorOf("optimizer: {<<: adam}"), HasSubstr("x.yaml:1:17: `<<` merges mappings"));
  EXPECT_THAT(ErrorOf("optimizer: {adam: {<<: {step_sise: 1}}}"),
              HasSubstr("optimizer.adam.step_sise: unknown field"));
  EXPECT_THAT(ErrorOf("{\"optimizer\": {\"<<\": {\"adam\": {}}}}"), HasSubstr("unknown field"));
  // Merged mappings count, so that they can't grow without bound.
  std::string bomb = "a0: &a0 {x: 1}\n";
  for (int i = 1; i < 30; ++i) {
    const std::string last = absl::StrCat("*a", i - 1);
    absl::StrAppend(&bomb, "a", i, ": &a", i, " {b: ", last, ", <<: {c: ", last, "}}\n");
  }
  EXPECT_THAT(ErrorOf(bomb), HasSubstr("values, aliases expanded"));
}

TEST(SpecText, InfinitiesAreNumbers) {
  EXPECT_EQ(
      Parsed("optimizer: {adam: {step_size: .inf}}").optimizer().adam().step_size().constant(),
      HUGE_VAL);
}

TEST(SpecText, KeysOfTheRootThatBeginWithXHoldAnchors) {
  EXPECT_EQ(Parsed("x-base: &base {step_size: 0.5}\noptimizer: {adam: *base}\n")
                .optimizer()
                .adam()
                .step_size()
                .constant(),
            0.5);
  EXPECT_THAT(ErrorOf("data: {x-base: 1}"), HasSubstr("unknown field"));
}

TEST(SpecText, ReadsAnEnumsFirstValueUnlessItSaysThatNoneIsGiven) {
  const auto spec = ParseSpec("optimizer: {nesterov: {restart: none}}", "x.yaml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_TRUE(spec->optimizer().nesterov().has_restart());
  EXPECT_THAT(ErrorOf("execution: {dtype: dtype_unspecified}"), HasSubstr("is none of"));
}

TEST(SpecText, PrintsWhatItReads) {
  const std::string text = R"(model:
  sequential:
    - flatten
    - name: hidden
      linear: {out_features: 256, bias: false}
    - relu
    - sequential:
        - linear: {out_features: 10}
objective: cross_entropy
optimizer:
  adam:
    step_size:
      cosine: {initial: 0.001, final: 1e-05, iterations: 4690}
    beta1: 0.9
    epsilon: 1e-08
data:
  train:
    idx:
      inputs: /data/images.gz
      targets: "/data/with a space: yes"
  test: {csv: {path: /data/x.csv, targets: [label, "no", "3"]}}
  batch_size: 64
  shuffle: true
iterations: 100
seed: 7
evaluation: {}
execution:
  device: cpu
  dtype: float32
)";
  EXPECT_EQ(PrintSpec(Parsed(text)), text);
}

TEST(SpecText, PrintsSoThatItReadsBack) {
  for (const char* text : {
           "",
           "model { relu {} }",
           "model { sequential {} }",
           "model { name: \"true\" sequential { layers { sequential { layers {} } } } }",
           "optimizer { nesterov { step_size { constant: inf } momentum { nesterov {} } } }",
           "optimizer { heavy_ball { step_size { constant: -0.0 } momentum {} } }",
           "data { train { csv { path: \"\\\"a\\\\b\\n\\t\\x01é~\" targets: \"\" } } }",
           "data { test {} } checkpoints {} iterations: -9223372036854775808",
       }) {
    const v1::Spec spec = FromText(text);
    const auto back = ParseSpec(PrintSpec(spec), "x.yaml");
    ASSERT_TRUE(back.ok()) << back.status() << PrintSpec(spec);
    ExpectSame(*back, spec);
  }
}

TEST(SpecText, ResolvesRelativePathsAgainstTheSpecsFolder) {
  v1::Spec spec = Parsed(
      "data: {train: {idx: {inputs: a.gz, targets: ../b.gz}}, test: {csv: {path: /abs/c.csv}}}");
  ResolvePaths("/specs/here", &spec);
  EXPECT_EQ(spec.data().train().idx().inputs(), "/specs/here/a.gz");
  EXPECT_EQ(spec.data().train().idx().targets(), "/specs/b.gz");
  EXPECT_EQ(spec.data().test().csv().path(), "/abs/c.csv");
}

TEST(SpecText, PathsInADatasetStayAsTheyAre) {
  v1::Spec spec =
      Parsed("data: {train: {dataset: titanic, csv: 2026/train.csv}, test: {csv: test.csv}}");
  ResolvePaths("/specs/here", &spec);
  EXPECT_EQ(spec.data().train().dataset(), "titanic");
  EXPECT_EQ(spec.data().train().csv().path(), "2026/train.csv");
  EXPECT_EQ(spec.data().test().csv().path(), "/specs/here/test.csv");
}

TEST(SpecText, ReadsFilesAndSaysWhichOneIsMissing) {
  const auto missing = ReadSpecFile("/nonexistent/x.yaml", {});
  EXPECT_EQ(missing.status().message(), "/nonexistent/x.yaml: No such file or directory");
  EXPECT_THAT(std::string(ReadSpecFile("/tmp", {}).status().message()), HasSubstr("a folder"));
}

TEST(SpecText, TheExamplesAreSpecs) {
  for (const char* name : {"fashion_mnist_mlp", "linear_regression"}) {
    const std::string path = absl::StrCat("client/examples/", name, ".yaml");
    const auto spec = ReadSpecFile(path, {});
    ASSERT_TRUE(spec.ok()) << spec.status();
    EXPECT_TRUE(spec->has_model() && spec->has_optimizer() && spec->has_objective());
    ExpectSame(Parsed(PrintSpec(*spec)), *spec);
    EXPECT_THAT(ReadAll(path), StartsWith("# "));
  }
}

}  // namespace
}  // namespace descent::client
