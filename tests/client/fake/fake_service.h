// A `FakeService` is a TrainingService with jobs made by hand, on a port of its own: clients are
// tested against it. Thread-safe.
#ifndef DESCENT_TESTS_CLIENT_FAKE_FAKE_SERVICE_H_
#define DESCENT_TESTS_CLIENT_FAKE_FAKE_SERVICE_H_

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "descent/v1/training_service.grpc.pb.h"

namespace descent::client {

class FakeService final : public v1::TrainingService::Service {
 public:
  explicit FakeService(
      std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials());
  ~FakeService() override;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // Ends the server, streams included, and starts it again on the same port.
  void Restart();

  // Adds a RUNNING job with dials step_size (0.1) and beta1 (0.9) of optimizer.adam, and its first
  // events: created, attempt_started, state_changed{RUNNING}.
  std::string AddJob(const std::string& id);
  void AddEvent(const std::string& name, v1::Event event);
  void AddIterations(const std::string& name, int count);
  // Appends the final state.
  void Finish(const std::string& name, v1::JobState state);
  int64_t head(const std::string& name);
  // Sets Job.stalled; until it is empty again, commands wait for their answers.
  void SetStalled(const std::string& name, const std::string& why);
  // How often GetJob was asked for it.
  int reads(const std::string& name);
  // How many messages its watches have been sent.
  int messages(const std::string& name);

  // Each watch breaks off UNAVAILABLE after so many messages, this many times.
  void BreakWatches(int after_messages, int times);
  // What WatchJob was called with, in order.
  std::vector<v1::WatchJobRequest> watches();
  std::vector<v1::CommandJobRequest> commands();
  std::vector<v1::CreateJobRequest> creations();
  std::string last_principal();
  std::string last_authorization();
  std::string last_trace();  // `{traceparent} {tracestate}`
  // From now on who lists jobs must bring this token.
  void RequireToken(const std::string& token);
  // How often jobs were listed, whether they were shown or not.
  int lists();

  // What PredictJob sends, and how it ends then.
  void SetPrediction(std::vector<v1::PredictJobResponse> responses,
                     grpc::Status end = grpc::Status::OK);
  std::vector<v1::PredictJobRequest> predictions();

  grpc::Status CreateJob(grpc::ServerContext*, const v1::CreateJobRequest*, v1::Job*) override;
  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest*, v1::Job*) override;
  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest*,
                        v1::ListJobsResponse*) override;
  grpc::Status DeleteJob(grpc::ServerContext*, const v1::DeleteJobRequest*,
                         v1::DeleteJobResponse*) override;
  grpc::Status ValidateSpec(grpc::ServerContext*, const v1::ValidateSpecRequest*,
                            v1::ValidateSpecResponse*) override;
  grpc::Status WatchJob(grpc::ServerContext*, const v1::WatchJobRequest*,
                        grpc::ServerWriter<v1::WatchJobResponse>*) override;
  grpc::Status CommandJob(grpc::ServerContext*, const v1::CommandJobRequest*,
                          v1::CommandJobResponse*) override;
  grpc::Status PredictJob(grpc::ServerContext*, const v1::PredictJobRequest*,
                          grpc::ServerWriter<v1::PredictJobResponse>*) override;

 private:
  struct Entry {
    v1::Job job;
    std::vector<v1::Event> events;
    int reads = 0;
    int messages = 0;
  };

  void Start(int port);
  void Stop();
  void Append(Entry* entry, v1::Event event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Entry* Find(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remember(grpc::ServerContext* context) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<grpc::ServerCredentials> credentials_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;

  absl::Mutex mutex_;
  std::map<std::string, Entry> jobs_ ABSL_GUARDED_BY(mutex_);
  int break_after_ ABSL_GUARDED_BY(mutex_) = 0;
  int breaks_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<v1::WatchJobRequest> watches_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::CommandJobRequest> commands_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::CreateJobRequest> creations_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::PredictJobRequest> predictions_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::PredictJobResponse> prediction_ ABSL_GUARDED_BY(mutex_);
  grpc::Status prediction_end_ ABSL_GUARDED_BY(mutex_);
  std::string principal_ ABSL_GUARDED_BY(mutex_);
  std::string authorization_ ABSL_GUARDED_BY(mutex_);
  std::string trace_ ABSL_GUARDED_BY(mutex_);
  std::string token_ ABSL_GUARDED_BY(mutex_);
  int lists_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace descent::client

#endif  // DESCENT_TESTS_CLIENT_FAKE_FAKE_SERVICE_H_
