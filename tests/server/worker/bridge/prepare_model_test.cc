#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "tests/server/worker/bridge/prepare_fixture.h"

namespace descent::worker {
namespace {

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
  // Of 100 examples the last batch has one.
  EXPECT_EQ(violation(9), "data.batch_size BATCH_OF_ONE");
  EXPECT_NE(description_.find("An epoch's last batch has one example (100 in batches of 9)"),
            std::string::npos)
      << description_;
  EXPECT_EQ(violation(10), "");
  EXPECT_EQ(violation(9, "batch_norm {}", /*drop_last=*/true), "");
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

}  // namespace
}  // namespace descent::worker
