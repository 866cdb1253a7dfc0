#include "client/cpp/connection.h"

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/cpp/retry.h"
#include "client/cpp/stub.h"
#include "client/cpp/target.h"
#include "proto/rpc_status.h"
#include "tests/client/fake/fake_service.h"
#include "tests/client/fake/fake_stub.h"

namespace descent::client {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::Not;
using ::testing::SizeIs;

absl::Status Away() { return absl::UnavailableError("connection refused"); }

class ConnectionTest : public ::testing::Test {
 protected:
  // The server answers the calls so, one after the other.
  void Script(std::initializer_list<absl::Status> answers) { script_.answers = answers; }
  void BeAway(int attempts) { script_.answers.assign(attempts, Away()); }

  FakeStub::Script script_;
  FakeClock clock_;
  const Connection connection_{std::make_unique<FakeStub>(&script_),
                               {.call_timeout = absl::Seconds(60), .retry_for = absl::Seconds(2)},
                               &clock_};
};

TEST_F(ConnectionTest, AsksAgainWhileTheServerIsAway) {
  BeAway(3);
  EXPECT_TRUE(connection_.GetJob({}).ok());
  EXPECT_THAT(script_.calls, ElementsAre("GetJob", "GetJob", "GetJob", "GetJob"));
  EXPECT_THAT(clock_.sleeps,
              ElementsAre(absl::Milliseconds(25), absl::Milliseconds(50), absl::Milliseconds(100)));
}

TEST_F(ConnectionTest, GivesUpWhenTheTimeForThatHasPassed) {
  BeAway(1000);
  const absl::Time start = clock_.Now();
  EXPECT_EQ(connection_.GetJob({}).status(), Away());
  EXPECT_EQ(clock_.sleeps.back(), absl::Milliseconds(500));  // the longest wait
  EXPECT_LE(clock_.Now() - start, absl::Seconds(2));
  EXPECT_GT(clock_.Now() - start, absl::Seconds(2) - absl::Milliseconds(500));
}

TEST_F(ConnectionTest, ARefusalIsAnAnswer) {
  for (const absl::Status& refusal :
       {absl::NotFoundError("no"), absl::ResourceExhaustedError("no"), absl::InternalError("no"),
        absl::DeadlineExceededError("no")}) {
    Script({refusal});
    EXPECT_EQ(connection_.CommandJob({}).status(), refusal);
  }
  EXPECT_THAT(clock_.sleeps, IsEmpty());
  EXPECT_THAT(script_.calls, SizeIs(4));
}

TEST_F(ConnectionTest, EveryMethodIsTriedAgain) {
  const auto once_more = [&](const char* method, auto call) {
    BeAway(1);
    script_.calls.clear();
    EXPECT_TRUE(call().ok()) << method;
    EXPECT_THAT(script_.calls, ElementsAre(method, method));
  };
  once_more("CreateJob", [&] { return connection_.CreateJob({}); });
  once_more("GetJob", [&] { return connection_.GetJob({}); });
  once_more("ListJobs", [&] { return connection_.ListJobs({}); });
  once_more("DeleteJob", [&] { return connection_.DeleteJob({}); });
  once_more("ValidateSpec", [&] { return connection_.ValidateSpec({}); });
  once_more("CommandJob", [&] { return connection_.CommandJob({}); });
}

TEST_F(ConnectionTest, AllAttemptsShareOneDeadline) {
  const absl::Time deadline = clock_.Now() + absl::Seconds(60);
  BeAway(4);
  EXPECT_TRUE(connection_.ListJobs({}).ok());
  EXPECT_THAT(script_.deadlines, SizeIs(5));
  // gRPC keeps a deadline to the nanosecond.
  for (const absl::Time each : script_.deadlines) {
    EXPECT_THAT(absl::AbsDuration(each - deadline), Lt(absl::Microseconds(1)));
  }
}

TEST_F(ConnectionTest, ADeletionWhoseAnswerWasLostIsDone) {
  Script({Away(), absl::NotFoundError("there is no jobs/x")});
  EXPECT_TRUE(connection_.DeleteJob({}).ok());
  Script({absl::NotFoundError("there is no jobs/x")});
  EXPECT_TRUE(absl::IsNotFound(connection_.DeleteJob({}).status()));
}

TEST_F(ConnectionTest, AWatchWaitsLongerAndLongerAndGivesUpWhenTold) {
  BeAway(1000);
  const auto watch = connection_.WatchJob({.name = "jobs/x", .give_up_after = absl::Seconds(5)});
  v1::WatchJobResponse batch;
  EXPECT_EQ(watch->Next(&batch).status(), Away());
  EXPECT_THAT(clock_.sleeps, ElementsAre(absl::Milliseconds(50), absl::Milliseconds(100),
                                         absl::Milliseconds(200), absl::Milliseconds(400),
                                         absl::Milliseconds(800), absl::Milliseconds(1600)));
}

TEST_F(ConnectionTest, AWatchThatIsCancelledWaitsNoLonger) {
  BeAway(1000);
  const auto watch = connection_.WatchJob({.name = "jobs/x"});
  clock_.on_sleep = [&] { watch->Cancel(); };
  v1::WatchJobResponse batch;
  EXPECT_TRUE(absl::IsCancelled(watch->Next(&batch).status()));
  EXPECT_THAT(clock_.sleeps, SizeIs(1));
}

TEST_F(ConnectionTest, APredictionIsAskedForAgainForAsLongAsACall) {
  BeAway(10);
  v1::PredictJobResponse response;
  EXPECT_FALSE(connection_.PredictJob({})->Next(&response).value());  // at its end
  EXPECT_THAT(clock_.sleeps, SizeIs(10));
  EXPECT_THAT(clock_.sleeps, Each(absl::Milliseconds(50)));
  BeAway(1000);
  EXPECT_EQ(connection_.PredictJob({})->Next(&response).status(), Away());
}

TEST(Retry, WaitsAreDoubledUpToTheLongest) {
  Backoff backoff(absl::Seconds(1), absl::Seconds(3));
  EXPECT_EQ(backoff.Take(), absl::Seconds(1));
  EXPECT_EQ(backoff.Take(), absl::Seconds(2));
  EXPECT_EQ(backoff.Take(), absl::Seconds(3));
  EXPECT_EQ(backoff.next(), absl::Seconds(3));
}

TEST(Client, DrawsARequestIdOnceForAllAttempts) {
  FakeStub::Script script{.answers = {Away(), Away()}};
  FakeClock clock;
  const Client client({}, std::make_unique<FakeStub>(&script), &clock);
  EXPECT_TRUE(client.CreateJob({}).ok());
  ASSERT_THAT(script.request_ids, SizeIs(3));
  EXPECT_THAT(script.request_ids[0], SizeIs(36));
  EXPECT_THAT(script.request_ids, Each(script.request_ids[0]));

  script.request_ids.clear();
  v1::CommandJobRequest command;
  command.set_request_id("mine");
  EXPECT_TRUE(client.Command(command).ok());
  EXPECT_THAT(script.request_ids, ElementsAre("mine"));
}

TEST(IdentityStub, SaysWithEveryCallWhoAsks) {
  FakeService service;
  const std::string name = service.AddJob("x");
  const std::unique_ptr<Stub> stub =
      MakeIdentityStub(MakeGrpcStub({.server = service.address()}), "ann@test");
  const std::unique_ptr<Stub> other =
      MakeIdentityStub(MakeGrpcStub({.server = service.address()}), "bob@test");
  v1::GetJobRequest get;
  get.set_name(name);
  grpc::ClientContext first;
  EXPECT_TRUE(stub->GetJob(&first, get).ok());
  EXPECT_EQ(service.last_principal(), "ann@test");

  v1::WatchJobRequest watch;
  watch.set_name(name);
  grpc::ClientContext second;
  const auto reader = other->WatchJob(&second, watch);
  v1::WatchJobResponse batch;
  EXPECT_TRUE(reader->Read(&batch));
  EXPECT_EQ(service.last_principal(), "bob@test");
  second.TryCancel();
  reader->Finish();
}

TEST(IdentityStub, BringsTheTokenIfThereIsOne) {
  FakeService service;
  const std::string name = service.AddJob("x");
  v1::GetJobRequest get;
  get.set_name(name);
  const std::unique_ptr<Stub> with =
      MakeIdentityStub(MakeGrpcStub({.server = service.address()}), "ann@test", "descent_abc");
  grpc::ClientContext first;
  EXPECT_TRUE(with->GetJob(&first, get).ok());
  EXPECT_EQ(service.last_authorization(), "Bearer descent_abc");

  const std::unique_ptr<Stub> without =
      MakeIdentityStub(MakeGrpcStub({.server = service.address()}), "ann@test");
  grpc::ClientContext second;
  EXPECT_TRUE(without->GetJob(&second, get).ok());
  EXPECT_EQ(service.last_authorization(), "");
}

TEST(Client, PassesOnTheTraceOfItsEnvironment) {
  FakeService service;
  const std::string name = service.AddJob("x");
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  setenv("TRACEPARENT", parent.c_str(), 1);
  setenv("TRACESTATE", "congo=t61rcWkgMzE", 1);
  const Client traced({.target = {.server = service.address()}});
  setenv("TRACEPARENT", "00-nonsense", 1);
  const Client untraced({.target = {.server = service.address()}});
  unsetenv("TRACEPARENT");
  unsetenv("TRACESTATE");
  EXPECT_TRUE(traced.GetJob(name).ok());
  EXPECT_EQ(service.last_trace(), parent + " congo=t61rcWkgMzE");
  EXPECT_TRUE(untraced.GetJob(name).ok());
  EXPECT_EQ(service.last_trace(), " ");
}

TEST(Target, IsReachedByTlsUnlessItIsHere) {
  EXPECT_FALSE(UsesTls({.server = "unix:/run/x", .ca = "PEM"}));
  EXPECT_FALSE(UsesTls({.server = "127.0.0.1:7600"}));
  EXPECT_FALSE(UsesTls({.server = "localhost:7600"}));
  EXPECT_FALSE(UsesTls({.server = "[::1]:7600"}));
  EXPECT_TRUE(UsesTls({.server = "127.0.0.1:7600", .ca = "PEM"}));
  EXPECT_TRUE(UsesTls({.server = "gpu-box:7600"}));
  EXPECT_TRUE(UsesTls({.server = "127.evil.example:7600"}));
  EXPECT_FALSE(UsesTls({.server = "gpu-box:7600", .insecure = true}));
}

TEST(Target, GetsNoTokenInPlaintext) {
  const std::string token = "descent_abc";
  EXPECT_TRUE(CheckTarget({.server = "unix:/run/x", .token = token}).ok());
  EXPECT_TRUE(CheckTarget({.server = "gpu-box:7600", .token = token}).ok());
  EXPECT_TRUE(CheckTarget({.server = "127.0.0.1:7600", .token = token, .insecure = true}).ok());
  const absl::Status refused = CheckTarget({.server = "127.0.0.1:7600", .token = token});
  EXPECT_EQ(GetErrorDetail(refused).reason, "TOKEN_NEEDS_TLS");
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr(token)));
  EXPECT_EQ(GetErrorDetail(CheckTarget({.server = "unix:/x", .token = "a\nb"})).reason,
            "INVALID_TOKEN");

  FakeService service;
  const std::string name = service.AddJob("x");
  const Client client({.target = {.server = service.address(), .token = token}});
  EXPECT_TRUE(client.GetJob(name).ok());
  EXPECT_EQ(service.last_authorization(), "");
}

}  // namespace
}  // namespace descent::client
