#include "server/worker/session/job_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace descent::worker {
namespace {

namespace api = ::descent::v1;

TEST(JobSizeTest, WhatTakesTheMostIsNamed) {
  api::Spec spec;
  api::SpecSummary summary;
  spec.set_iterations(10);
  for (int i = 0; i < 1000; ++i) summary.add_layers()->set_name("layer");
  Violations none;
  CheckJobSize(spec, summary, &none);
  EXPECT_TRUE(none.empty());

  for (int i = 0; i < 200'000; ++i) {
    spec.mutable_objective()->mutable_cross_entropy()->add_class_weights(1);
  }
  Violations in_spec;
  CheckJobSize(spec, summary, &in_spec);
  ASSERT_EQ(in_spec.list().size(), 1u);
  EXPECT_EQ(in_spec.list()[0].field, "objective");
  EXPECT_EQ(in_spec.list()[0].reason, "TOO_LARGE");
  EXPECT_THAT(in_spec.list()[0].description,
              testing::HasSubstr("are 1.6 MB, more than the 1.0 MB"));

  spec.clear_objective();
  for (int i = 0; i < 100'000; ++i) summary.add_layers()->set_kind("batch_norm");
  Violations in_summary;
  CheckJobSize(spec, summary, &in_summary);
  ASSERT_EQ(in_summary.list().size(), 1u);
  EXPECT_EQ(in_summary.list()[0].field, "model");
  EXPECT_THAT(in_summary.list()[0].description, testing::HasSubstr("the summary's layers"));
}

TEST(JobSizeTest, WhatMakesTheSummaryIsNamed) {
  api::Spec spec;
  api::SpecSummary summary;
  for (int i = 0; i < 2000; ++i) {
    spec.mutable_optimizer()->add_groups()->set_pattern("*");
    summary.add_dials(std::string(600, 'x'));
  }
  Violations of_groups;
  CheckJobSize(spec, summary, &of_groups);
  ASSERT_EQ(of_groups.list().size(), 1u);
  EXPECT_EQ(of_groups.list()[0].field, "optimizer.groups");
  EXPECT_THAT(of_groups.list()[0].description, testing::HasSubstr("the summary's dials"));

  *spec.mutable_system()->add_players()->mutable_optimizer() = spec.optimizer();
  spec.clear_optimizer();
  Violations of_system;
  CheckJobSize(spec, summary, &of_system);
  ASSERT_EQ(of_system.list().size(), 1u);
  EXPECT_EQ(of_system.list()[0].field, "system");
}

TEST(JobSizeTest, SoManyDialsAreRefused) {
  api::SpecSummary summary;
  for (int i = 0; i < 10'000; ++i) {
    summary.add_dials("optimizer.groups." + std::to_string(i) + ".step_size");
  }
  Violations violations;
  CheckJobSize({}, summary, &violations);
  ASSERT_EQ(violations.list().size(), 1u);
  EXPECT_EQ(violations.list()[0].field, "optimizer");
  EXPECT_THAT(violations.list()[0].description, testing::HasSubstr("10000 dials"));
}

}  // namespace
}  // namespace descent::worker
