// Tests predictions: spares make them, never the worker that trains, and within bounds.

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proto/rpc_status.h"
#include "tests/server/daemon/jobs/harness.h"

namespace descent::daemon {
namespace {

using testing::HasSubstr;
using worker::v1::DaemonMessage;

class Sink final : public PredictionSink {
 public:
  void OnResponse(v1::PredictJobResponse response) override {
    server::MutexLock lock(mutex_);
    responses_.push_back(std::move(response));
    changed_.SignalAll();
  }
  void OnEnd(const absl::Status& status) override {
    server::MutexLock lock(mutex_);
    EXPECT_FALSE(end_.has_value());
    end_ = status;
    changed_.SignalAll();
  }

  size_t AwaitResponses(size_t count) {
    server::MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (responses_.size() < count && std::chrono::steady_clock::now() < deadline) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
    return responses_.size();
  }
  absl::Status AwaitEnd() {
    server::MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!end_.has_value() && std::chrono::steady_clock::now() < deadline) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
    return end_.value_or(absl::DeadlineExceededError("the test has waited for too long"));
  }
  bool ended() {
    server::MutexLock lock(mutex_);
    return end_.has_value();
  }

 private:
  server::Mutex mutex_;
  server::CondVar changed_;
  std::vector<v1::PredictJobResponse> responses_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

class PredictTest : public JobsTest {
 protected:
  // Makes a job under way, with a checkpoint of iteration 4.
  std::shared_ptr<FakeWorker> Trained(const std::string& id) {
    auto worker = RunJob(id);
    worker->Train(4);
    worker->SaveCheckpoint();
    worker->Flush();
    EXPECT_TRUE(worker->AwaitAcknowledged());
    return worker;
  }

  static v1::PredictJobRequest RequestOf(const std::string& id,
                                         const std::string& checkpoint = "") {
    v1::PredictJobRequest request;
    request.set_name("jobs/" + id);
    request.set_checkpoint(checkpoint);
    request.mutable_data()->mutable_moons();
    return request;
  }

  struct Call {
    std::shared_ptr<Sink> sink = std::make_shared<Sink>();
    std::unique_ptr<Prediction> prediction;
  };
  Call Predict(const v1::PredictJobRequest& request) {
    Call call;
    call.prediction = jobs_->Predict(Ann(), request, call.sink);
    return call;
  }

  static void Respond(FakeWorker& worker, const std::string& id) {
    worker::v1::WorkerMessage message;
    message.mutable_prediction()->set_id(id);
    message.mutable_prediction()->mutable_response()->mutable_rows()->set_values("1234");
    worker.Say(message);
  }
  static void End(FakeWorker& worker, const std::string& id, int code = 0) {
    worker::v1::WorkerMessage message;
    message.mutable_prediction()->set_id(id);
    message.mutable_prediction()->mutable_end()->set_code(code);
    worker.Say(message);
  }
};

TEST_F(PredictTest, ASpareDoesIt) {
  auto trainer = Trained("a");
  auto spare = ConnectSpare();
  v1::PredictJobRequest request = RequestOf("a");
  request.set_batch_size(7);
  request.set_form(v1::PredictJobRequest::CLASSES);
  Call call = Predict(request);
  const worker::v1::Predict predict = spare->Await(DaemonMessage::kPredict).predict();
  EXPECT_EQ(predict.checkpoint(), "0-4");
  EXPECT_EQ(predict.checkpoint_sha256(), "of 0-4");
  EXPECT_EQ(predict.checkpoint_dir(), trainer->start().checkpoint_dir());
  EXPECT_EQ(predict.spec().seed(), 17U);
  EXPECT_TRUE(predict.data().has_moons());
  EXPECT_EQ(predict.batch_size(), 7);
  EXPECT_EQ(predict.form(), v1::PredictJobRequest::CLASSES);
  EXPECT_GT(predict.credits(), 0);
  EXPECT_FALSE(trainer->Has(DaemonMessage::kPredict));
  Respond(*spare, predict.id());
  Respond(*spare, predict.id());
  EXPECT_EQ(call.sink->AwaitResponses(2), 2U);
  call.prediction->Taken();
  EXPECT_EQ(spare->Await(DaemonMessage::kPredictMore).predict_more().id(), predict.id());
  End(*spare, predict.id());
  EXPECT_TRUE(call.sink->AwaitEnd().ok());
  Settle();
  // It is a spare as before, and none was launched for that.
  EXPECT_EQ(jobs_->statistics(Ann()).spares, 1);
  EXPECT_EQ(processes_.launches(), 2);
  // The journal knows nothing of it.
  EXPECT_EQ(Events("a").back().kind_case(), v1::Event::kCheckpointSaved);
}

TEST_F(PredictTest, AnotherSpareComesIfItTakesLongOrSomebodyWaits) {
  auto trainer = Trained("a");
  auto spare = ConnectSpare();
  Call call = Predict(RequestOf("a"));
  const std::string id = spare->Await(DaemonMessage::kPredict).predict().id();
  Settle();
  EXPECT_EQ(processes_.launches(), 2);
  auto created = Create("b");  // to be validated
  auto second = ConnectSpare();
  EXPECT_TRUE(created.Get().ok());
  Call another = Predict(RequestOf("a"));
  second->Await(DaemonMessage::kPredict);
  Advance(2);
  EXPECT_EQ(processes_.launches(), 4);
  auto third = ConnectSpare();
  // No more than two at a time.
  Call waiting = Predict(RequestOf("a"));
  Settle();
  EXPECT_FALSE(third->Has(DaemonMessage::kPredict));
  // Of one principal: there is one left for others.
  auto sink = std::make_shared<Sink>();
  const auto other = jobs_->Predict(CallerOf("bob"), RequestOf("a"), sink);
  End(*third, third->Await(DaemonMessage::kPredict).predict().id());
  EXPECT_TRUE(sink->AwaitEnd().ok());
  End(*spare, id);
  EXPECT_TRUE(call.sink->AwaitEnd().ok());
  EXPECT_FALSE(waiting.sink->ended());
}

TEST_F(PredictTest, WhoGoesAwayEndsIt) {
  Trained("a");
  auto spare = ConnectSpare();
  Call call = Predict(RequestOf("a"));
  const std::string id = spare->Await(DaemonMessage::kPredict).predict().id();
  call.prediction = nullptr;
  EXPECT_EQ(spare->Await(DaemonMessage::kCancelPredict).cancel_predict().id(), id);
  Respond(*spare, id);
  EXPECT_EQ(jobs_->statistics(Ann()).spares, 0);
  End(*spare, id, 1);
  Call next = Predict(RequestOf("a"));
  EXPECT_NE(spare->Await(DaemonMessage::kPredict).predict().id(), id);
  EXPECT_FALSE(call.sink->ended());
  EXPECT_EQ(call.sink->AwaitResponses(0), 0U);
}

TEST_F(PredictTest, AWorkerThatDiesOrLosesItsConnectionLosesIt) {
  Trained("a");
  auto spare = ConnectSpare();
  Call call = Predict(RequestOf("a"));
  const std::string id = spare->Await(DaemonMessage::kPredict).predict().id();
  Respond(*spare, id);
  spare->Connect();
  absl::Status status = call.sink->AwaitEnd();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("lost the connection"));
  // What it had begun to say before does no harm.
  Respond(*spare, id);
  End(*spare, id);

  Call second = Predict(RequestOf("a"));
  spare->Await(DaemonMessage::kPredict);
  Kill(*spare);
  status = second.sink->AwaitEnd();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("SIGKILL"));
  EXPECT_EQ(GetErrorDetail(status).reason, "WORKER_DIED");
  Advance(1);
  auto third = ConnectSpare();
  Call again = Predict(RequestOf("a"));
  EXPECT_TRUE(third->Await(DaemonMessage::kPredict).has_predict());
}

TEST_F(PredictTest, TheDaemonsEndEndsIt) {
  Trained("a");
  auto spare = ConnectSpare();
  Call under_way = Predict(RequestOf("a"));
  spare->Await(DaemonMessage::kPredict);
  jobs_->Shutdown(std::chrono::steady_clock::now());
  EXPECT_EQ(under_way.sink->AwaitEnd().code(), absl::StatusCode::kUnavailable);
  Call late = Predict(RequestOf("a"));
  EXPECT_EQ(late.sink->AwaitEnd().code(), absl::StatusCode::kUnavailable);
}

TEST_F(PredictTest, RefusesWhatCannotBe) {
  auto trainer = RunJob("a");
  const auto refusal = [&](const v1::PredictJobRequest& request) {
    return Predict(request).sink->AwaitEnd();
  };
  EXPECT_EQ(refusal(RequestOf("a")).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(refusal(RequestOf("b")).code(), absl::StatusCode::kNotFound);
  trainer->Train(4);
  trainer->SaveCheckpoint();
  trainer->Train(8);
  trainer->SaveCheckpoint();
  trainer->Flush();
  EXPECT_TRUE(trainer->AwaitAcknowledged());
  for (const char* unknown : {"5", "1-4", "0-5"}) {
    const absl::Status status = refusal(RequestOf("a", unknown));
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(status.message()), HasSubstr("it has 0-4, 0-8"));
  }
  v1::PredictJobRequest no_data = RequestOf("a");
  no_data.clear_data();
  absl::Status status = refusal(no_data);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetail(status).violations.at(0).field, "data");

  auto spare = ConnectSpare();
  for (const auto& [given, meant] :
       {std::pair("4", "0-4"), std::pair("0-4", "0-4"), std::pair("", "0-8")}) {
    Call call = Predict(RequestOf("a", given));
    const worker::v1::Predict predict = spare->Await(DaemonMessage::kPredict).predict();
    EXPECT_EQ(predict.checkpoint(), meant);
    End(*spare, predict.id(), 15);
    EXPECT_EQ(call.sink->AwaitEnd().code(), absl::StatusCode::kDataLoss);
  }

  v1::CreateJobRequest function;
  function.set_job_id("f");
  *function.mutable_job()->mutable_spec() = SmallSpec();
  function.mutable_job()->mutable_spec()->mutable_objective()->mutable_function();
  ASSERT_TRUE(Create(function).Get().ok());
  status = refusal(RequestOf("f"));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no model"));
}

TEST_F(PredictTest, ACheckpointStaysWhileItIsRead) {
  auto trainer = Trained("a");
  auto spare = ConnectSpare();
  Call call = Predict(RequestOf("a"));
  const std::string id = spare->Await(DaemonMessage::kPredict).predict().id();
  const std::string path = trainer->start().checkpoint_dir() + "/0-4.safetensors";
  const auto save = [&](int64_t iteration) {
    trainer->Train(iteration);
    trainer->SaveCheckpoint();
    trainer->Flush();
    EXPECT_TRUE(trainer->AwaitAcknowledged());
    Settle();
  };
  for (int64_t k = 5; k < 10; ++k) save(k);
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(trainer->start().checkpoint_dir() + "/0-5.safetensors"));
  End(*spare, id);
  EXPECT_TRUE(call.sink->AwaitEnd().ok());
  Settle();
  save(10);
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace descent::daemon
