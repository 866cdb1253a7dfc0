// How much a client may ask for at a time.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>

#include "tests/server/daemon/api/api_testing.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;

class CallLimitsTest : public ApiTest {
 protected:
  explicit CallLimitsTest(const ApiServer::Options& options = {.max_calls = 1}) : ApiTest(options) {
    daemon_.jobs.Add("mnist");
  }

  grpc::Status Get() const {
    grpc::ClientContext context;
    Bound(context);
    v1::GetJobRequest request;
    request.set_name("jobs/mnist");
    v1::Job job;
    return stub_->GetJob(&context, request, &job);
  }
};

TEST_F(CallLimitsTest, SoManyWaitForAnAnswer) {
  using Done = Jobs::Callback<v1::ValidateSpecResponse>;
  std::promise<Done> asked;
  daemon_.jobs.on_validate = [&](const Caller&, const v1::ValidateSpecRequest&, Done done) {
    asked.set_value(std::move(done));
  };
  std::thread waiting([&] {
    grpc::ClientContext context;
    Bound(context);
    v1::ValidateSpecRequest request;
    request.mutable_spec()->set_iterations(1);
    v1::ValidateSpecResponse response;
    EXPECT_TRUE(stub_->ValidateSpec(&context, request, &response).ok());
  });
  Done done = asked.get_future().get();
  const grpc::Status refused = Get();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("1 calls that wait for an answer"));
  done(v1::ValidateSpecResponse());
  waiting.join();
  // The answer's function is held still, as a command's is; the place is free all the same.
  EXPECT_TRUE(Get().ok()) << Get().error_message();
}

class ByteLimitsTest : public CallLimitsTest {
 protected:
  ByteLimitsTest() : CallLimitsTest({.max_request_bytes = 100}) {}
};

TEST_F(ByteLimitsTest, TheirRequestsHaveSoManyBytes) {
  EXPECT_TRUE(Get().ok());
  v1::ValidateSpecRequest request;
  request.mutable_spec()->mutable_model()->set_name(std::string(101, 'x'));
  v1::ValidateSpecResponse response;
  grpc::ClientContext context;
  Bound(context);
  const grpc::Status refused = stub_->ValidateSpec(&context, request, &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("bytes of requests"));
}

}  // namespace
}  // namespace descent::daemon
