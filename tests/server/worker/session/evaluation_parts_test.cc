#include "server/worker/session/evaluation_parts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/common/limits.h"

namespace descent::worker {
namespace {

namespace api = ::descent::v1;

api::Evaluated About() {
  api::Evaluated about;
  about.set_iteration(7);
  about.set_dataset("test");
  about.set_samples(300'000);
  about.set_request_id("r");
  return about;
}

TEST(EvaluationPartsTest, ASmallOneIsOneEvent) {
  const EvaluationResult result{.loss = 0.5,
                                .metrics = {{.name = "accuracy", .value = 0},
                                            {.name = "confusion_matrix", .values = {1, 2, 3, 4}}}};
  const std::vector<api::Event> events = EvaluationParts(About(), result);
  ASSERT_EQ(events.size(), 1u);
  const api::Evaluated& evaluation = events[0].evaluation();
  EXPECT_EQ(evaluation.parts(), 0);
  EXPECT_EQ(evaluation.iteration(), 7);
  ASSERT_EQ(evaluation.metrics_size(), 3);
  EXPECT_EQ(evaluation.metrics(0).name(), "loss");
  EXPECT_EQ(evaluation.metrics(0).value(), 0.5);
  EXPECT_EQ(evaluation.metrics(2).values_size(), 4);
}

TEST(EvaluationPartsTest, ALargeMatrixGoesOnFromPartToPart) {
  EvaluationResult result{.loss = 0.5, .metrics = {{.name = "confusion_matrix"}, {.name = "last"}}};
  MetricValue& matrix = result.metrics[0];
  matrix.size = 3'000'000'000;
  for (uint32_t i = 0; i < 300'000; ++i) {
    matrix.entries.push_back({4'000'000'000u - i, 3'999'000'000u + i, 1 + i % 3});
  }
  result.metrics[1].value = 2;
  const std::vector<api::Event> events = EvaluationParts(About(), result);
  ASSERT_GT(events.size(), 4u);
  api::Metric whole;
  for (size_t i = 0; i < events.size(); ++i) {
    const api::Evaluated& evaluation = events[i].evaluation();
    EXPECT_LE(events[i].ByteSizeLong(), server::kMaxEventBytes);
    EXPECT_EQ(evaluation.part(), static_cast<int>(i));
    EXPECT_EQ(evaluation.parts(), static_cast<int>(events.size()));
    EXPECT_EQ(evaluation.request_id(), "r");
    for (const api::Metric& metric : evaluation.metrics()) {
      if (metric.name() != "confusion_matrix") continue;
      EXPECT_EQ(metric.size(), 3'000'000'000);
      whole.MergeFrom(metric);
    }
  }
  ASSERT_EQ(whole.rows_size(), 300'000);
  ASSERT_EQ(whole.columns_size(), 300'000);
  ASSERT_EQ(whole.counts_size(), 300'000);
  for (int i = 0; i < 300'000; ++i) {
    ASSERT_EQ(whole.rows(i), matrix.entries[i].row);
    ASSERT_EQ(whole.columns(i), matrix.entries[i].column);
    ASSERT_EQ(whole.counts(i), matrix.entries[i].count);
  }
  EXPECT_EQ(events.front().evaluation().metrics(0).name(), "loss");
  const api::Evaluated& last = events.back().evaluation();
  EXPECT_EQ(last.metrics(last.metrics_size() - 1).value(), 2);
}

}  // namespace
}  // namespace descent::worker
