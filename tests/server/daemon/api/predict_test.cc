// Tests TrainingService.PredictJob over gRPC, against jobs made by hand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "proto/rpc_status.h"
#include "tests/server/daemon/api/api_testing.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;

class PredictTest : public ApiTest {
 protected:
  class Handle final : public Prediction {
   public:
    explicit Handle(PredictTest* test) : test_(test) {}
    ~Handle() override { test_->ended_.Notify(); }
    void Taken() override {
      absl::MutexLock lock(&test_->mutex_);
      ++test_->taken_;
    }

   private:
    PredictTest* const test_;
  };

  PredictTest() {
    daemon_.jobs.on_predict = [this](const v1::PredictJobRequest&,
                                     std::shared_ptr<PredictionSink> sink) {
      absl::MutexLock lock(&mutex_);
      sink_ = std::move(sink);
      return std::make_unique<Handle>(this);
    };
    request_.set_name("jobs/a");
  }
  ~PredictTest() override {
    server_ = nullptr;
    sink_ = nullptr;
  }

  std::shared_ptr<PredictionSink> AwaitSink() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](std::shared_ptr<PredictionSink>* sink) { return *sink != nullptr; }, &sink_));
    return sink_;
  }
  void AwaitTaken(int count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&] { return taken_ >= count; };
    mutex_.Await(absl::Condition(&enough));
  }

  static v1::PredictJobResponse Rows(const std::string& values) {
    v1::PredictJobResponse response;
    response.mutable_rows()->set_values(values);
    return response;
  }

  v1::PredictJobRequest request_;
  absl::Mutex mutex_;
  std::shared_ptr<PredictionSink> sink_;
  int taken_ = 0;
  absl::Notification ended_;
};

TEST_F(PredictTest, ResponsesComeInOrderAndAreTakenOneByOne) {
  grpc::ClientContext context;
  Bound(context);
  const auto reader = stub_->PredictJob(&context, request_);
  const auto sink = AwaitSink();
  for (const char* values : {"1", "2", "3"}) sink->OnResponse(Rows(values));
  std::string joined;
  v1::PredictJobResponse response;
  for (int i = 0; i < 3 && reader->Read(&response); ++i) joined += response.rows().values();
  EXPECT_EQ(joined, "123");
  AwaitTaken(3);
  sink->OnEnd(absl::OkStatus());
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(reader->Finish().ok());
  ended_.WaitForNotification();
}

TEST_F(PredictTest, AnErrorComesAfterWhatWasSaidBefore) {
  grpc::ClientContext context;
  Bound(context);
  const auto reader = stub_->PredictJob(&context, request_);
  const auto sink = AwaitSink();
  sink->OnResponse(Rows("1"));
  sink->OnEnd(MakeError(absl::StatusCode::kUnavailable, "it died", "WORKER_DIED"));
  v1::PredictJobResponse response;
  EXPECT_TRUE(reader->Read(&response));
  EXPECT_FALSE(reader->Read(&response));
  const absl::Status status = FromGrpcStatus(reader->Finish());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetErrorDetail(status).reason, "WORKER_DIED");
}

TEST_F(PredictTest, AClientThatGoesAwayEndsIt) {
  grpc::ClientContext context;
  const auto reader = stub_->PredictJob(&context, request_);
  const auto sink = AwaitSink();
  sink->OnResponse(Rows("1"));
  v1::PredictJobResponse response;
  EXPECT_TRUE(reader->Read(&response));
  context.TryCancel();
  ended_.WaitForNotification();
  // Too late for anybody.
  sink->OnResponse(Rows("2"));
  sink->OnEnd(absl::OkStatus());
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(PredictTest, ChecksTheRequestAndSuggestsAName) {
  const auto refusal = [&](const v1::PredictJobRequest& request) {
    grpc::ClientContext context;
    Bound(context);
    const auto reader = stub_->PredictJob(&context, request);
    v1::PredictJobResponse response;
    EXPECT_FALSE(reader->Read(&response));
    return FromGrpcStatus(reader->Finish());
  };
  v1::PredictJobRequest bad;
  bad.set_name("a");
  bad.set_checkpoint("../x");
  bad.set_batch_size(0);
  bad.set_form(static_cast<v1::PredictJobRequest::Form>(9));
  std::vector<std::string> fields;
  for (const FieldViolation& violation : GetErrorDetail(refusal(bad)).violations) {
    fields.push_back(violation.field);
  }
  EXPECT_THAT(fields, ::testing::ElementsAre("name", "checkpoint", "batch_size", "form"));

  daemon_.jobs.Add("mnist");
  request_.set_name("jobs/mnits");
  grpc::ClientContext context;
  Bound(context);
  const auto reader = stub_->PredictJob(&context, request_);
  AwaitSink()->OnEnd(MakeError(absl::StatusCode::kNotFound, "There is none", "JOB_NOT_FOUND"));
  EXPECT_THAT(reader->Finish().error_message(), HasSubstr("did you mean jobs/mnist?"));
}

}  // namespace
}  // namespace descent::daemon
