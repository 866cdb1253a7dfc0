// A `Service` is a descentd of one's own, on free loopback ports, with its data in `folder`; it
// ends with this object. Thread-safe after Start.
#ifndef DESCENT_TESTS_BENCHMARKS_SERVICE_H_
#define DESCENT_TESTS_BENCHMARKS_SERVICE_H_

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/training_service.grpc.pb.h"

namespace descent::benchmarks {

class Service {
 public:
  static absl::StatusOr<std::unique_ptr<Service>> Start(const std::string& program,
                                                        const std::string& folder);
  ~Service();

  const std::string& address() const { return address_; }
  pid_t pid() const { return pid_; }
  // Gives a connection of its own.
  std::shared_ptr<grpc::Channel> Connect() const;
  std::unique_ptr<v1::TrainingService::Stub> NewStub() const {
    return v1::TrainingService::NewStub(Connect());
  }

 private:
  Service() = default;

  pid_t pid_ = -1;
  std::string address_;
};

// A job of the service. It ends the program on any error: a benchmark has nothing better to do.
class Job {
 public:
  Job(const Service& service, const std::string& id, const v1::Spec& spec);

  const std::string& name() const { return name_; }
  v1::Job Get() const;
  // Gives the process id of its first worker, once it runs.
  pid_t worker();
  // Returns when the command is in force and durable.
  void Do(v1::Command command);
  void Pause();
  void Resume();
  void Stop();
  void SetStepSize(double value);

 private:
  const std::unique_ptr<v1::TrainingService::Stub> stub_;
  std::string name_;
  pid_t worker_ = 0;
  int requests_ = 0;
};

// Ends the program with the message if the status is an error.
void CheckOk(const grpc::Status& status, const std::string& doing);

}  // namespace descent::benchmarks

#endif  // DESCENT_TESTS_BENCHMARKS_SERVICE_H_
