#include "server/daemon/jobs/compare.h"

#include <gtest/gtest.h>

#include "descent/v1/event.pb.h"

namespace descent::daemon {
namespace {

TEST(CompareTest, EvaluationsAreComparedNumberByNumber) {
  v1::Evaluated journaled;
  v1::Metric* loss = journaled.add_metrics();
  loss->set_name("loss");
  loss->set_value(0.5);
  v1::Metric* matrix = journaled.add_metrics();
  matrix->set_name("confusion_matrix");
  for (const double count : {9, 1, 0, 7}) matrix->add_values(count);
  journaled.set_seconds(1);

  v1::Evaluated recomputed = journaled;
  recomputed.set_seconds(2);
  EXPECT_EQ(Difference(journaled, recomputed), "");
  recomputed.mutable_metrics(1)->set_values(2, 1);
  EXPECT_EQ(Difference(journaled, recomputed), "confusion_matrix[2] 1 instead of 0");
  recomputed.mutable_metrics(1)->mutable_values()->RemoveLast();
  EXPECT_EQ(Difference(journaled, recomputed), "confusion_matrix of 3 numbers instead of 4");
  recomputed.mutable_metrics(0)->set_value(0.25);
  EXPECT_EQ(Difference(journaled, recomputed), "loss 0.25 instead of 0.5");
}

}  // namespace
}  // namespace descent::daemon
