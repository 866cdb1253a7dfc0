// What is said of specs that are wrong, and where.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/spec_text.h"
#include "proto/rpc_status.h"
#include "tests/client/cpp/spec_texts.h"

namespace descent::client {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(SpecText, ShortFormsAreRefusedWithTheFieldTheyStandFor) {
  EXPECT_THAT(ErrorOf("model: {linear: wide}"),
              HasSubstr("model.linear.out_features: must be a whole number, not `wide`"));
  EXPECT_THAT(ErrorOf("data: {split: a lot}"),
              HasSubstr("data.split.test_fraction: must be a number, not `a lot`"));
  EXPECT_THAT(ErrorOf("data: {normalization: standart}"),
              HasSubstr("data.normalization.kind: `standart` is none of `standard`, `min_max` (did "
                        "you mean `standard`?)"));
  EXPECT_THAT(ErrorOf("model: [lineer]"), HasSubstr("model.sequential.layers[0]: `lineer`"));
  EXPECT_THAT(ErrorOf("model: {conv1d: {padding: same, same_padding: true}}"),
              HasSubstr("given twice, first as `padding` in line 1"));
  EXPECT_THAT(ErrorOf("optimizer: {adam: {lr: 1, step_size: 2}}"),
              HasSubstr("optimizer.adam.step_size: given twice, first as `lr` in line 1"));
  EXPECT_THAT(ErrorOf("device: cuda"), HasSubstr("did you mean `execution.device`?"));
  EXPECT_THAT(ErrorOf("batch_size: 3"), HasSubstr("did you mean `data.batch_size`?"));
  EXPECT_TRUE(Parsed("data: {batch_size: all}").data().full_batch());
}

TEST(SpecText, TabsAreNamed) {
  for (const char* text :
       {"optimizer:\n\tadam:\n\t\tstep_size: 1\n", "optimizer:\n  adam:\n\tstep_size: 1\n",
        "model:\n  sequential:\n\t- relu\n", "\tepochs: 1\n"}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("indented by a tab; YAML takes spaces alone")) << text;
  }
  EXPECT_THAT(ErrorOf("optimizer:\n\tadam:\n"), StartsWith("x.yaml:2:1: "));
  // Elsewhere they are blanks.
  EXPECT_EQ(Parsed("epochs:\t3\t# a comment\n\t\n\t# another\n").epochs(), 3);
}

TEST(SpecText, NumbersThatBeginWithZeroAreNotGuessed) {
  EXPECT_THAT(ErrorOf("seed: 010"),
              HasSubstr("x.yaml:1:7: seed: a number that begins with 0 is read differently by "
                        "different programs: write `10` or, if eight is the base, `0o10`"));
  EXPECT_THAT(ErrorOf("epochs: 09"), EndsWith("write `9`"));
  EXPECT_THAT(ErrorOf("optimizer: {adam: {step_size: -007}}"), EndsWith("write `-7`"));
  EXPECT_THAT(ErrorOf("optimizer: {adam: {epsilon: 01}}"), EndsWith("write `1`"));
  // JSON has no other base.
  EXPECT_THAT(ErrorOf("{\"seed\": 010}", "x.json"), EndsWith("write `10`"));
  EXPECT_THAT(ErrorOf("{\"seed\": 0x10}", "x.json"), HasSubstr("in decimal digits"));
  EXPECT_EQ(Parsed("seed: 0").seed(), 0u);
  EXPECT_EQ(Parsed("optimizer: {adam: {epsilon: 0.5}}").optimizer().adam().epsilon(), 0.5);
}

TEST(SpecText, UnknownFieldsNamePlacePathAndTheNearest) {
  EXPECT_EQ(ErrorOf("optimizer:\n  adam:\n    step_sise: 0.1\n"),
            "x.yaml:3:5: optimizer.adam.step_sise: unknown field (did you mean `step_size`?)");
  EXPECT_EQ(ErrorOf("optimizer: {adam: {lerning_rate: 0.1}}"),
            "x.yaml:1:20: optimizer.adam.lerning_rate: unknown field; known here: `step_size`, "
            "`beta1`, `beta2`, `epsilon`");
  EXPECT_EQ(ErrorOf("objective: {mean_squared_error: {zebra: 1}}"),
            "x.yaml:1:34: objective.mean_squared_error.zebra: unknown field; there are none here: "
            "write `{}`");
  EXPECT_THAT(ErrorOf("data: {zebra: 1}"), HasSubstr("known here: `train`, `test`, `batch_size`"));
  EXPECT_THAT(ErrorOf("model: {sequential: {linear: {out_features: 3}}}"),
              HasSubstr("the layers are a list"));
}

TEST(SpecText, PathsGoThroughLists) {
  EXPECT_EQ(ErrorOf("model:\n  sequential:\n    - relu\n    - linear: {out_features: many}\n"),
            "x.yaml:4:30: model.sequential.layers[1].linear.out_features: must be a whole number, "
            "not `many`");
  const std::string unknown = ErrorOf("model:\n  sequential: [relux]\n");
  EXPECT_EQ(unknown,
            "x.yaml:2:16: model.sequential.layers[0]: `relux` is not known here (did you mean "
            "`relu`?)");
  EXPECT_THAT(ErrorOf("model:\n  sequential: [zebra]\n"),
              HasSubstr("`zebra` is none of `linear`, `relu`, `sequential`, `flatten`, "));
}

TEST(SpecText, KnowsWhatOthersCallIt) {
  EXPECT_THAT(ErrorOf("objective: MSELoss"), EndsWith("(did you mean `mean_squared_error`?)"));
  EXPECT_THAT(ErrorOf("objective: mae"), EndsWith("(did you mean `mean_absolute_error`?)"));
  const std::vector<std::pair<std::string, std::string>> metrics = {
      {"acc", "accuracy"}, {"f1_score", "f1"}, {"top5", "top_k"}, {"mae", "absolute_error"}};
  for (const auto& [given, meant] : metrics) {
    EXPECT_THAT(ErrorOf(absl::StrCat("evaluation: {metrics: [", given, "]}")),
                EndsWith(absl::StrCat(" (did you mean `", meant, "`?)")));
  }
  EXPECT_THAT(ErrorOf("evaluation: {metrics: mse}"),
              EndsWith("`mse` is not known here; as the objective it is `loss`, which every "
                       "evaluation has"));
  EXPECT_THAT(ErrorOf("evaluation: {metrics: [{precision: }]}"),
              HasSubstr("unknown field; `confusion_matrix` tells it"));
  EXPECT_THAT(ErrorOf("optimizer: {adamw: {wd: 1}}"), EndsWith("(did you mean `weight_decay`?)"));
  EXPECT_THAT(ErrorOf("data: {batch_size: full}"),
              EndsWith("data.batch_size: must be a whole number or `all`, not `full`"));
  EXPECT_THAT(ErrorOf("model: [conv2d: {padding: [sam]}]"),
              EndsWith("must be a whole number or `same`, `valid`, not `sam`"));
  EXPECT_THAT(ErrorOf("loss: mse"), EndsWith("unknown field (did you mean `objective`?)"));
  EXPECT_THAT(ErrorOf("optimizer: {adam: {eps: 1}}"), EndsWith("(did you mean `epsilon`?)"));
  EXPECT_THAT(ErrorOf("optimizer: {adam: {step_size: Cosin}}"),
              EndsWith("(did you mean `cosine`?)"));
  EXPECT_THAT(ErrorOf("model: [linear: {units: 3}]"), EndsWith("(did you mean `out_features`?)"));
  EXPECT_THAT(ErrorOf("model: [lstm: {units: 3}]"), EndsWith("(did you mean `hidden_size`?)"));
  EXPECT_THAT(ErrorOf("model: [linear: {in: 3}]"), EndsWith("(did you mean `in_features`?)"));
  EXPECT_THAT(ErrorOf("model: [{Dense: 3}]"), EndsWith("(did you mean `linear`?)"));
  EXPECT_THAT(ErrorOf("model: [swish]"), EndsWith("(did you mean `silu`?)"));
  EXPECT_THAT(ErrorOf("optimizer: {sgd: CosineAnnealingLR}"), EndsWith("(did you mean `cosine`?)"));
  EXPECT_THAT(ErrorOf("optimizer { adam { eps: 1 } }", "x.textproto"),
              EndsWith("(did you mean `epsilon`?)"));
}

TEST(SpecText, SaysWhereElseItIs) {
  for (const char* adam : {"adam: {weight_decay: 0.1}", "radam: {weight_decay: 0.1}"}) {
    EXPECT_THAT(ErrorOf(absl::StrCat("optimizer: {", adam, "}")),
                EndsWith("unknown field; `adamw` has one; around others go the wrappers "
                         "`decoupled_weight_decay` and `coupled_weight_decay`"));
  }
  EXPECT_EQ(Parsed("optimizer: {adamw: {weight_decay: 0.1}}")
                .optimizer()
                .adamw()
                .weight_decay()
                .constant(),
            0.1);
  EXPECT_THAT(ErrorOf("optimizer: {adam: {betas: [0.9, 0.99]}}"),
              EndsWith("unknown field; write `beta1` and `beta2`"));
  EXPECT_THAT(ErrorOf("model: [linear: {out_features: 3, activation: relu}]"),
              EndsWith("an activation is a layer of its own: write `- relu` after this one"));
  EXPECT_THAT(ErrorOf("learning_rate: 0.1"), HasSubstr("unknown field; it is a field of the "
                                                       "optimizer: `optimizer: {adam:"));
}

TEST(SpecText, OneItemOfAListNeedsNoBrackets) {
  ExpectSame(Parsed("evaluation: {metrics: r_squared}\n"
                    "optimizer: {adam: , wrappers: {ema: 0.9}}\n"
                    "objective: {huber: 1, penalties: {l2: 1e-4}}\n"),
             Parsed("evaluation: {metrics: [r_squared]}\n"
                    "optimizer: {adam: , wrappers: [ema: 0.9]}\n"
                    "objective: {huber: 1, penalties: [l2: 1e-4]}\n"));
  EXPECT_THAT(ErrorOf("evaluation: {metrics: r_sqared}"),
              EndsWith("evaluation.metrics[0]: `r_sqared` is not known here (did you mean "
                       "`r_squared`?)"));
  EXPECT_THAT(ErrorOf("optimizer: {wrappers: {ema: 0.9, sam: 1}}"),
              HasSubstr("optimizer.wrappers: must be a list"));
  EXPECT_THAT(ErrorOf("optimizer: {groups: bias}"), HasSubstr("must be a list"));
}

TEST(SpecText, SaysHowNumbersOneAfterAnotherAreWritten) {
  EXPECT_THAT(ErrorOf("optimizer: {adam: {step_size: [0.1, 0.01]}}"),
              EndsWith("must be a number or a sequence, not a list; numbers one after another are "
                       "`list: [...]`"));
  EXPECT_EQ(Parsed("optimizer: {adam: {step_size: {list: [0.1, 0.01]}}}")
                .optimizer()
                .adam()
                .step_size()
                .list()
                .values_size(),
            2);
}

TEST(SpecText, SaysWhatCannotBeSeen) {
  EXPECT_THAT(ErrorOf("model:\u00A0[linear: 10, relu]\n"), HasSubstr("no-break space"));
  EXPECT_THAT(ErrorOf("model { linear { out_features: 1 } }\n"), HasSubstr(".textproto"));
}

TEST(SpecText, AllErrorsAreSaidAtOnceAndAsViolations) {
  const auto spec = ParseSpec("epochs: x\nbatch: 3\nseed: -1\n", "x.yaml");
  EXPECT_EQ(spec.status().message(),
            "x.yaml:1:9: epochs: must be a whole number, not `x`\n"
            "x.yaml:2:1: batch: unknown field; known here: `model`, `objective`, `optimizer`, "
            "`data`, `iterations`, `epochs`, `seed`, `evaluation`, `checkpoints`, `execution`, "
            "`retention`, `stop_when`, `system`, `program`, `on_non_finite`\n"
            "x.yaml:3:7: seed: `-1` is out of range: from 0 to 18446744073709551615");
  const ErrorDetail detail = GetErrorDetail(spec.status());
  ASSERT_EQ(detail.violations.size(), 3u);
  EXPECT_EQ(detail.violations[2].field, "seed");
}

TEST(SpecText, RefusesWhatIsGivenTwice) {
  EXPECT_EQ(ErrorOf("epochs: 1\nseed: 2\nepochs: 3\n"),
            "x.yaml:3:1: `epochs` is given twice, first in line 1");
  EXPECT_THAT(ErrorOf("data: {batch_size: 1,\n batchSize: 2}"),
              HasSubstr("x.yaml:2:2: data.batch_size: given twice, first as `batch_size`"));
  EXPECT_EQ(ErrorOf("optimizer:\n  adam: {}\n  nesterov: {step_size: 1}\n"),
            "x.yaml:3:3: optimizer.nesterov: only one of `adam` (line 2) and `nesterov` can be "
            "given");
}

TEST(SpecText, RefusesWrongKindsOfValues) {
  EXPECT_THAT(ErrorOf("epochs: [1]"),
              HasSubstr("x.yaml:1:9: epochs: must be one value, not a list"));
  EXPECT_THAT(ErrorOf("epochs:\n"), HasSubstr("epochs: has no value"));
  EXPECT_THAT(ErrorOf("epochs: 1.5"), HasSubstr("must be a whole number, not `1.5`"));
  EXPECT_THAT(ErrorOf("epochs: 99999999999999999999"), HasSubstr("is out of range"));
  EXPECT_THAT(ErrorOf("execution: {threads: 3000000000}"),
              HasSubstr("out of range: from -2147483648 to 2147483647"));
  EXPECT_THAT(ErrorOf("data: {shuffle: yes}"), HasSubstr("must be `true` or `false`, not `yes`"));
  EXPECT_THAT(ErrorOf("execution: {dtype: float16}"),
              HasSubstr("`float16` is none of `float32`, `float64`, `bfloat16` (did you mean"));
  EXPECT_THAT(ErrorOf("optimizer: {adam: {step_size: fast}}"),
              HasSubstr("`fast` is neither a number nor one of `cosine`, `nesterov`"));
  EXPECT_THAT(ErrorOf("optimizer: {adam: {step_size: 1e999}}"), HasSubstr("out of a double's"));
  EXPECT_THAT(ErrorOf("data: 3"), HasSubstr("must be a mapping with the fields `train`"));
  EXPECT_THAT(ErrorOf("objective: [huber]"), HasSubstr("not a list"));
  EXPECT_THAT(ErrorOf("model: {sequential: [relu, ~]}"), HasSubstr("layers[1]: is empty"));
  EXPECT_THAT(ErrorOf("- 1"), HasSubstr("a spec is a mapping"));
}

TEST(SpecText, RefusesTextsThatAreNoDocument) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("a: b: c"), StartsWith("x.yaml:1:"));
  EXPECT_THAT(ErrorOf("epochs: 1\n---\nepochs: 2\n"), HasSubstr("second document"));
  EXPECT_EQ(ErrorOf("epochs: 1\nseed: \"a\xFFz\"\n"),
            "x.yaml:2:9: not UTF-8 text; save the file as UTF-8");
  EXPECT_THAT(ErrorOf(std::string("a\0b", 3)), HasSubstr("not UTF-8"));
  EXPECT_THAT(ErrorOf("epochs: !mine 1"), HasSubstr("the tag `!mine`"));
  EXPECT_THAT(ErrorOf("? [a]\n: 1"), HasSubstr("can't be a field's name"));
}

TEST(SpecText, RefusesNestingAndAliasBombs) {
  std::string deep = "model: ";
  for (int i = 0; i < 100; ++i) deep += "{sequential: [";
  for (int i = 0; i < 100; ++i) deep += "]}";
  EXPECT_THAT(ErrorOf(deep), HasSubstr("nested deeper than 64"));
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '[')), HasSubstr("never closed?"));
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [");
    for (int k = 0; k < 10; ++k) absl::StrAppend(&bomb, k > 0 ? ", " : "", "*a", i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(ErrorOf(bomb), HasSubstr("more than 100000 values"));
  EXPECT_THAT(ErrorOf("a: &a [*a]"), HasSubstr("an alias inside the very value"));
  EXPECT_THAT(ErrorOf(std::string((4 << 20) + 1, '#')), HasSubstr("larger than 4 MiB"));
}

TEST(SpecText, TextprotoErrorsHaveTheirPathToo) {
  EXPECT_THAT(ErrorOf("epochs: 3\noptimizer {\n  adam { step_sise: 1 }\n}", "x.textproto"),
              StartsWith("x.textproto:3:19: optimizer.adam.step_sise: unknown field (did you mean "
                         "`step_size`?)"));
  EXPECT_THAT(ErrorOf("model { sequential { layers { relu {} } layers { linear { out_features: "
                      "\"a\" } } } }",
                      "x.txtpb"),
              HasSubstr("model.sequential.layers[1].linear.out_features: "));
  EXPECT_THAT(ErrorOf("epochs: 1 epochs: 2", "x.textproto"), HasSubstr("epochs"));
}

TEST(SpecText, PutsTheServersRefusalsInTheirPlace) {
  FieldMarks marks;
  ASSERT_TRUE(ParseSpec("data:\n  batch_size: 0\n", "x.yaml", SpecFormat::kAuto, &marks).ok());
  EXPECT_EQ(
      WithPlaces(InvalidField("data.batch_size", "must be positive"), "x.yaml", marks).message(),
      "x.yaml:2:3: data.batch_size: must be positive");
  EXPECT_EQ(WithPlaces(InvalidField("data.train", "is missing"), "x.yaml", marks).message(),
            "x.yaml:1:1: data.train: is missing");
  EXPECT_EQ(WithPlaces(InvalidField("job_id", "is taken"), "x.yaml", marks).message(),
            "job_id: is taken");
}

}  // namespace
}  // namespace descent::client
