#include "server/daemon/security/shares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/rpc_status.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;

constexpr Shares::Kind kKind = {
    .name = "watches", .flag = "--max_watches", .advice = "end some", .reason = "TOO_MANY"};

TEST(SharesTest, OnePrincipalHasThreeQuarters) {
  Shares shares(kKind, 8);
  std::vector<Share> anns;
  for (int i = 0; i < 6; ++i) {
    absl::StatusOr<Share> share = shares.Take("ann");
    ASSERT_TRUE(share.ok()) << share.status();
    anns.push_back(*std::move(share));
  }
  const absl::Status refused = shares.Take("ann").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetail(refused).reason, "TOO_MANY");
  EXPECT_EQ(std::string(refused.message()),
            "\"ann\" has 6 watches of the 8 that descentd may have (--max_watches), of which one "
            "principal has three quarters at most; end some");
  anns.pop_back();
  EXPECT_TRUE(shares.Take("ann").ok());
}

TEST(SharesTest, AllTogetherHaveSoMany) {
  Shares shares(kKind, 4);
  const absl::StatusOr<Share> ann = shares.Take("ann", 2);
  const absl::StatusOr<Share> bob = shares.Take("bob", 2);
  ASSERT_TRUE(ann.ok() && bob.ok());
  EXPECT_EQ(std::string(shares.Take("cleo").status().message()),
            "descentd has 4 watches, and may have no more than 4 (--max_watches); end some");
}

TEST(SharesTest, WhatIsThereAlreadyCounts) {
  Shares shares(kKind, 1);
  std::optional<Share> first = shares.TakeAnyway("ann");
  const Share second = shares.TakeAnyway("ann");
  first.reset();
  EXPECT_FALSE(shares.Take("bob").ok());
}

TEST(SharesTest, PlacesMayOutliveThem) {
  std::optional<Shares> shares(std::in_place, kKind, 1);
  absl::StatusOr<Share> share = shares->Take("ann");
  ASSERT_TRUE(share.ok());
  Share moved = *std::move(share);
  EXPECT_FALSE(shares->Take("bob").ok());
  shares.reset();
  moved = Share();
}

TEST(SharesTest, WithoutAFlagNoneIsNamed) {
  Shares shares({.name = "calls", .flag = "", .advice = "wait", .reason = "TOO_MANY"}, 1);
  EXPECT_THAT(std::string(shares.Take("ann", 2).status().message()),
              HasSubstr("no more than 1; wait"));
}

}  // namespace
}  // namespace descent::daemon
