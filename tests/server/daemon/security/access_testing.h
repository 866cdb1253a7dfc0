// An `AccessDaemon` has fake jobs of several people, and a token of each role: what the tests of
// all doors walk through.
#ifndef DESCENT_TESTS_SERVER_DAEMON_SECURITY_ACCESS_TESTING_H_
#define DESCENT_TESTS_SERVER_DAEMON_SECURITY_ACCESS_TESTING_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "descent/v1/dataset_service.pb.h"
#include "descent/v1/token_service.pb.h"
#include "descent/v1/training_service.pb.h"
#include "proto/rpc_status.h"
#include "server/common/executor.h"
#include "server/daemon/datasets/store.h"
#include "server/daemon/security/access.h"
#include "server/daemon/security/caller.h"
#include "tests/server/daemon/datasets/dataset_testing.h"
#include "tests/server/daemon/fake_jobs.h"

namespace descent::daemon {

// Whose the jobs are, seen by the operator `ana`, who is in the group `lab`.
inline constexpr const char* kJobsOfAll[] = {"own", "group", "other"};

// What each method takes, written down once more: by hand, not from the table of rules.
struct Expectation {
  Role least = Role::kAdmin;
  bool own = false;
};
inline const std::map<std::string, Expectation>& Expectations() {
  static const auto& all = *new std::map<std::string, Expectation>{
      {"CreateJob", {Role::kOperator}},
      {"GetJob", {Role::kViewer}},
      {"ListJobs", {Role::kViewer}},
      {"DeleteJob", {Role::kOperator, true}},
      {"ValidateSpec", {Role::kOperator}},
      {"WatchJob", {Role::kViewer}},
      {"CommandJob", {Role::kOperator, true}},
      {"PredictJob", {Role::kOperator}},
      {"CreateToken", {Role::kAdmin}},
      {"ListTokens", {Role::kAdmin}},
      {"RevokeToken", {Role::kAdmin}},
      {"CreateLoginCode", {Role::kViewer}},
      {"CreateDataset", {Role::kOperator}},
      {"WriteDataset", {Role::kOperator, true}},
      {"GetDataset", {Role::kViewer}},
      {"ListDatasets", {Role::kViewer}},
      {"DeleteDataset", {Role::kOperator, true}},
      {"ListAuditEntries", {Role::kOperator}},
  };
  return all;
}

// Gives the reason that a caller of this role is refused with, or nothing.
inline std::string ExpectedReason(const Expectation& expected, Role role, const std::string& job) {
  if (role < expected.least) return "ROLE_TOO_LOW";
  if (expected.own && role != Role::kAdmin && job == "other") return "NOT_YOURS";
  return "";
}

// Gives the dataset that is called as the job is.
inline TestDataset DatasetOf(const std::string& job) { return {job, {{"a.csv", job}}}; }

// True if whoever got this was let in: what he asked for may not be there, or be in use.
inline bool WasLetIn(const absl::Status& status) {
  const std::string reason = GetErrorDetail(status).reason;
  return status.ok() || reason == "TOKEN_NOT_FOUND" || reason == "DATASET_IN_USE";
}

// Gives a request of this method that is right by itself, as bytes.
inline std::string RequestFor(const std::string& method, const std::string& job) {
  if (method == "CreateJob") {
    v1::CreateJobRequest request;
    request.mutable_job()->mutable_spec();
    return request.SerializeAsString();
  }
  if (method == "ValidateSpec") {
    v1::ValidateSpecRequest request;
    request.mutable_spec();
    return request.SerializeAsString();
  }
  if (method == "CommandJob") {
    v1::CommandJobRequest request;
    request.set_name("jobs/" + job);
    request.set_request_id("r");
    request.add_commands()->mutable_pause();
    return request.SerializeAsString();
  }
  if (method == "CreateToken") {
    v1::CreateTokenRequest request;
    request.set_role(v1::VIEWER);
    return request.SerializeAsString();
  }
  if (method == "RevokeToken") {
    v1::RevokeTokenRequest request;
    request.set_id("00000000");  // there is none: NOT_FOUND for those who may ask
    return request.SerializeAsString();
  }
  const TestDataset dataset = DatasetOf(job.empty() ? "own" : job);
  if (method == "CreateDataset") {
    v1::CreateDatasetRequest request = TestDataset("new", {{"a.csv", "a"}}).CreateRequest();
    return request.SerializeAsString();
  }
  if (method == "WriteDataset") {
    return dataset.WriteRequest(0, dataset.content.size()).SerializeAsString();
  }
  if (method == "GetDataset" || method == "DeleteDataset") {
    v1::GetDatasetRequest request;
    request.set_name(dataset.name);
    return request.SerializeAsString();
  }
  // The name is the first field of all that have one.
  v1::GetJobRequest request;
  const bool named =
      method == "GetJob" || method == "DeleteJob" || method == "WatchJob" || method == "PredictJob";
  if (named) request.set_name("jobs/" + job);
  return request.SerializeAsString();
}

struct AccessDaemon {
  AccessDaemon() {
    auto opened = Access::Open(daemon.folder.path(), &clock);
    EXPECT_TRUE(opened.ok()) << opened.status();
    access = *std::move(opened);
    for (const v1::Role role : {v1::METRICS, v1::VIEWER, v1::OPERATOR, v1::ADMIN}) {
      v1::CreateTokenRequest request;
      request.set_role(role);
      request.set_owner("ana");
      request.add_groups("lab");
      const v1::CreateTokenResponse made =
          access->CreateToken({.principal = "root", .role = Role::kAdmin}, request).value();
      const auto known = static_cast<Role>(static_cast<int>(role) - 1);
      tokens[known] = made.token();
      ids[known] = made.info().id();
    }
    AddJob("own", "ana", "");
    AddJob("group", "bob", "lab");
    AddJob("other", "bob", "club");
    auto store = DatasetStore::Open({.data_dir = daemon.folder.path(), .reserve_bytes = 0});
    EXPECT_TRUE(store.ok()) << store.status();
    datasets = *std::move(store);
    AddDataset("own", "ana", "");
    AddDataset("group", "bob", "lab");
    AddDataset("other", "bob", "club");
    daemon.jobs.on_create = [](const Caller&, const v1::CreateJobRequest&,
                               Jobs::Callback<v1::Job> done) { done(v1::Job()); };
    daemon.jobs.on_command = [](const Caller&, const v1::CommandJobRequest&,
                                Jobs::Callback<v1::CommandJobResponse> done) {
      done(v1::CommandJobResponse());
    };
    daemon.jobs.on_predict = [this](const v1::PredictJobRequest&,
                                    std::shared_ptr<PredictionSink> sink) {
      predicting.Post([sink] { sink->OnEnd(absl::OkStatus()); });
      return nullptr;
    };
  }

  void AddJob(const std::string& id, const std::string& owner, const std::string& group) {
    daemon.jobs.Add(id);
    v1::Job job;
    job.set_name("jobs/" + id);
    job.set_state(v1::RUNNING);
    job.set_owner(owner);
    job.set_group(group);
    daemon.jobs.Set(job);
  }

  // It is used, so that nobody deletes it.
  void AddDataset(const std::string& id, const std::string& owner, const std::string& group) {
    PutDataset(*datasets, DatasetOf(id), owner, group);
    held.push_back(datasets->Use(id, "", "jobs/" + id).value().held);
  }

  void Revoke(Role role) {
    v1::RevokeTokenRequest request;
    request.set_id(ids[role]);
    ASSERT_TRUE(access->RevokeToken({.principal = "root", .role = Role::kAdmin}, request).ok());
  }

  FakeDaemon daemon;
  TestClock clock;
  std::unique_ptr<Access> access;
  std::unique_ptr<DatasetStore> datasets;
  std::vector<DatasetUse> held;
  std::map<Role, std::string> tokens;  // all are ana's
  std::map<Role, std::string> ids;
  server::Executor predicting{1};
};

}  // namespace descent::daemon

#endif  // DESCENT_TESTS_SERVER_DAEMON_SECURITY_ACCESS_TESTING_H_
