#include "server/daemon/security/rules.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "proto/rpc_status.h"
#include "server/daemon/http/paths.h"
#include "tests/server/daemon/security/access_testing.h"

namespace descent::daemon {
namespace {

// What has no row is refused to everybody; and a row for nothing is a slip.
TEST(Rules, EveryMethodAndPathHasOneRowAndNoRowIsForNothing) {
  std::set<std::string> served;
  for (const char* name : {"descent.v1.TrainingService", "descent.v1.DatasetService",
                           "descent.v1.TokenService", "descent.v1.AuditService"}) {
    const auto* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i) served.insert(service->method(i)->name());
  }
  for (const auto& [method, expectation] : Expectations()) {
    EXPECT_TRUE(served.contains(method)) << method;
  }
  EXPECT_EQ(served.size(), Expectations().size()) << "a method that the walks leave out";
  for (const PathRow& row : PathRows()) served.insert(std::string(row.rule));
  std::set<std::string> ruled;
  for (const Rule& rule : Rules()) {
    EXPECT_TRUE(ruled.insert(std::string(rule.what)).second) << rule.what;
  }
  EXPECT_EQ(ruled, served);
}

TEST(Rules, WhatHasNoRowIsRefused) {
  const Caller admin{.principal = "root", .role = Role::kAdmin};
  EXPECT_TRUE(absl::IsInternal(CheckRole(admin, "Destroy")));
}

TEST(Rules, EveryRuleHoldsForEveryRoleAndEverybodysJobs) {
  const std::map<std::string, Ownership> jobs = {{"own", {.owner = "ana"}},
                                                 {"group", {.owner = "bob", .group = "lab"}},
                                                 {"other", {.owner = "bob", .group = "club"}}};
  for (const auto& [method, expected] : Expectations()) {
    for (const Role role : {Role::kMetrics, Role::kViewer, Role::kOperator, Role::kAdmin}) {
      const Caller ana{.principal = "ana", .role = role, .groups = {"lab"}};
      for (const auto& [job, ownership] : jobs) {
        absl::Status status = CheckRole(ana, method);
        if (status.ok()) status = CheckOwner(ana, method, "jobs/" + job, ownership);
        EXPECT_EQ(GetErrorDetail(status).reason, ExpectedReason(expected, role, job))
            << method << " of " << job << " by " << RoleName(role) << ": " << status;
      }
    }
  }
}

TEST(Rules, AJobOfNobodyIsTheAdmins) {
  const Caller nameless{.principal = "", .role = Role::kOperator, .groups = {""}};
  EXPECT_FALSE(CheckOwner(nameless, "CommandJob", "jobs/old", {}).ok());
  const Caller admin{.principal = "root", .role = Role::kAdmin};
  EXPECT_TRUE(CheckOwner(admin, "CommandJob", "jobs/old", {}).ok());
}

TEST(Rules, AGroupIsForItsMembers) {
  const Caller ana{.principal = "ana", .role = Role::kOperator, .groups = {"lab"}};
  EXPECT_TRUE(CheckGroup(ana, "").ok());
  EXPECT_TRUE(CheckGroup(ana, "lab").ok());
  EXPECT_EQ(GetErrorDetail(CheckGroup(ana, "club")).reason, "NOT_YOURS");
  EXPECT_TRUE(CheckGroup({.principal = "root", .role = Role::kAdmin}, "club").ok());
}

TEST(Rules, AReplayIsForWhoseRequestItWas) {
  const Caller ana{.principal = "ana", .role = Role::kOperator};
  EXPECT_TRUE(CheckReplay(ana, "r1", "ana").ok());
  EXPECT_EQ(GetErrorDetail(CheckReplay(ana, "r1", "bob")).reason, "NOT_YOURS");
  EXPECT_TRUE(CheckReplay({.principal = "root", .role = Role::kAdmin}, "r1", "bob").ok());
}

}  // namespace
}  // namespace descent::daemon
