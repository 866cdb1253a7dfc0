// A server and a clock that tests of the client make up.
#ifndef DESCENT_TESTS_CLIENT_FAKE_FAKE_STUB_H_
#define DESCENT_TESTS_CLIENT_FAKE_FAKE_STUB_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/cpp/clock.h"
#include "client/cpp/stub.h"
#include "descent/v1/training_service.pb.h"
#include "proto/rpc_status.h"

namespace descent::client {

// A clock on which a sleep takes no time. One thread at a time.
class FakeClock final : public Clock {
 public:
  absl::Time Now() const override { return now_; }
  void Sleep(absl::Duration duration, const absl::Notification*) override {
    sleeps.push_back(duration);
    now_ += duration;
    if (on_sleep) on_sleep();
  }

  std::vector<absl::Duration> sleeps;
  std::function<void()> on_sleep;

 private:
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
};

// A stream that ends as it was told, without a message.
template <class Response>
class FakeReader final : public grpc::ClientReaderInterface<Response> {
 public:
  explicit FakeReader(grpc::Status end) : end_(std::move(end)) {}

  bool Read(Response*) override { return false; }
  bool NextMessageSize(uint32_t*) override { return false; }
  void WaitForInitialMetadata() override {}
  grpc::Status Finish() override { return end_; }

 private:
  const grpc::Status end_;
};

// A server that answers with one status after the other, whatever it is asked; then OK, empty.
// One thread at a time.
class FakeStub final : public Stub {
 public:
  // What the stub was told, and is to say: it outlives the stub, which its user owns.
  struct Script {
    std::deque<absl::Status> answers;
    std::vector<std::string> calls = {};  // names of methods
    std::vector<absl::Time> deadlines = {};
    std::vector<std::string> request_ids = {};
  };

  explicit FakeStub(Script* script) : script_(*script) {}

  absl::StatusOr<v1::Job> CreateJob(grpc::ClientContext* context,
                                    const v1::CreateJobRequest& request) override {
    script_.request_ids.push_back(request.request_id());
    return Answer<v1::Job>("CreateJob", context);
  }
  absl::StatusOr<v1::Job> GetJob(grpc::ClientContext* context, const v1::GetJobRequest&) override {
    return Answer<v1::Job>("GetJob", context);
  }
  absl::StatusOr<v1::ListJobsResponse> ListJobs(grpc::ClientContext* context,
                                                const v1::ListJobsRequest&) override {
    return Answer<v1::ListJobsResponse>("ListJobs", context);
  }
  absl::StatusOr<v1::Dataset> CreateDataset(grpc::ClientContext* context,
                                            const v1::CreateDatasetRequest&) override {
    return Answer<v1::Dataset>("CreateDataset", context);
  }
  absl::StatusOr<v1::Dataset> WriteDataset(grpc::ClientContext* context,
                                           const v1::WriteDatasetRequest&) override {
    return Answer<v1::Dataset>("WriteDataset", context);
  }
  absl::StatusOr<v1::Dataset> GetDataset(grpc::ClientContext* context,
                                         const v1::GetDatasetRequest&) override {
    return Answer<v1::Dataset>("GetDataset", context);
  }
  absl::StatusOr<v1::ListDatasetsResponse> ListDatasets(grpc::ClientContext* context,
                                                        const v1::ListDatasetsRequest&) override {
    return Answer<v1::ListDatasetsResponse>("ListDatasets", context);
  }
  absl::StatusOr<v1::DeleteDatasetResponse> DeleteDataset(
      grpc::ClientContext* context, const v1::DeleteDatasetRequest&) override {
    return Answer<v1::DeleteDatasetResponse>("DeleteDataset", context);
  }
  absl::StatusOr<v1::DeleteJobResponse> DeleteJob(grpc::ClientContext* context,
                                                  const v1::DeleteJobRequest&) override {
    return Answer<v1::DeleteJobResponse>("DeleteJob", context);
  }
  absl::StatusOr<v1::ValidateSpecResponse> ValidateSpec(grpc::ClientContext* context,
                                                        const v1::ValidateSpecRequest&) override {
    return Answer<v1::ValidateSpecResponse>("ValidateSpec", context);
  }
  absl::StatusOr<v1::CommandJobResponse> CommandJob(grpc::ClientContext* context,
                                                    const v1::CommandJobRequest& request) override {
    script_.request_ids.push_back(request.request_id());
    return Answer<v1::CommandJobResponse>("CommandJob", context);
  }
  Reader<v1::WatchJobResponse> WatchJob(grpc::ClientContext* context,
                                        const v1::WatchJobRequest&) override {
    return std::make_unique<FakeReader<v1::WatchJobResponse>>(
        ToGrpcStatus(Answer<v1::WatchJobResponse>("WatchJob", context).status()));
  }
  Reader<v1::PredictJobResponse> PredictJob(grpc::ClientContext* context,
                                            const v1::PredictJobRequest&) override {
    return std::make_unique<FakeReader<v1::PredictJobResponse>>(
        ToGrpcStatus(Answer<v1::PredictJobResponse>("PredictJob", context).status()));
  }
  absl::StatusOr<v1::ListAuditEntriesResponse> ListAuditEntries(
      grpc::ClientContext* context, const v1::ListAuditEntriesRequest&) override {
    return Answer<v1::ListAuditEntriesResponse>("ListAuditEntries", context);
  }
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(grpc::ClientContext* context,
                                                      const v1::CreateTokenRequest&) override {
    return Answer<v1::CreateTokenResponse>("CreateToken", context);
  }
  absl::StatusOr<v1::ListTokensResponse> ListTokens(grpc::ClientContext* context,
                                                    const v1::ListTokensRequest&) override {
    return Answer<v1::ListTokensResponse>("ListTokens", context);
  }
  absl::StatusOr<v1::RevokeTokenResponse> RevokeToken(grpc::ClientContext* context,
                                                      const v1::RevokeTokenRequest&) override {
    return Answer<v1::RevokeTokenResponse>("RevokeToken", context);
  }
  absl::StatusOr<v1::CreateLoginCodeResponse> CreateLoginCode(
      grpc::ClientContext* context, const v1::CreateLoginCodeRequest&) override {
    return Answer<v1::CreateLoginCodeResponse>("CreateLoginCode", context);
  }

 private:
  template <class Response>
  absl::StatusOr<Response> Answer(const std::string& method, grpc::ClientContext* context) {
    script_.calls.push_back(method);
    script_.deadlines.push_back(absl::FromChrono(context->deadline()));
    if (script_.answers.empty()) return Response();
    const absl::Status status = script_.answers.front();
    script_.answers.pop_front();
    if (!status.ok()) return status;
    return Response();
  }

  Script& script_;
};

}  // namespace descent::client

#endif  // DESCENT_TESTS_CLIENT_FAKE_FAKE_STUB_H_
