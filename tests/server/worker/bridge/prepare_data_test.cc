#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "server/worker/bridge/prepare.h"
#include "tests/server/worker/bridge/prepare_fixture.h"

namespace descent::worker {
namespace {

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

}  // namespace
}  // namespace descent::worker
