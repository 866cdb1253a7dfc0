#include "tests/benchmarks/service.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace descent::benchmarks {

absl::StatusOr<std::unique_ptr<Service>> Service::Start(const std::string& program,
                                                        const std::string& folder) {
  std::unique_ptr<Service> service(new Service);
  const std::string log = folder + "/descentd.log";
  service->pid_ = ::fork();
  if (service->pid_ == 0) {
    const int fd = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
    ::dup2(fd, STDOUT_FILENO);
    ::dup2(fd, STDERR_FILENO);
    ::execl(program.c_str(), "descentd", "--data_dir", folder.c_str(), "--auth", "none", "--listen",
            "127.0.0.1:0", "--http", "127.0.0.1:0", "--max_running_jobs", "4", nullptr);
    ::_exit(127);
  }
  for (int i = 0; i < 500; ++i) {
    std::ifstream file(folder + "/descentd.json");
    const nlohmann::json json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
    if (json.is_object() && json.contains("grpc")) {
      service->address_ = json["grpc"].get<std::string>();
      return service;
    }
    if (::waitpid(service->pid_, nullptr, WNOHANG) != 0) {
      service->pid_ = -1;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return absl::UnavailableError(absl::StrCat(program, " does not start; see ", log));
}

Service::~Service() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

std::shared_ptr<grpc::Channel> Service::Connect() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  return grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(), arguments);
}

Job::Job(const Service& service, const std::string& id, const v1::Spec& spec)
    : stub_(service.NewStub()) {
  v1::CreateJobRequest request;
  request.set_job_id(id);
  *request.mutable_job()->mutable_spec() = spec;
  grpc::ClientContext context;
  v1::Job job;
  CheckOk(stub_->CreateJob(&context, request, &job), "CreateJob");
  name_ = job.name();
}

v1::Job Job::Get() const {
  v1::GetJobRequest request;
  request.set_name(name_);
  grpc::ClientContext context;
  v1::Job job;
  CheckOk(stub_->GetJob(&context, request, &job), "GetJob");
  return job;
}

pid_t Job::worker() {
  if (worker_ != 0) return worker_;
  v1::WatchJobRequest request;
  request.set_name(name_);
  request.add_kinds(v1::ATTEMPT_STARTED);
  grpc::ClientContext context;
  auto reader = stub_->WatchJob(&context, request);
  v1::WatchJobResponse response;
  while (response.events_size() == 0 && reader->Read(&response)) {
  }
  context.TryCancel();
  reader->Finish();
  if (response.events_size() > 0) {
    worker_ = static_cast<pid_t>(response.events(0).attempt_started().worker().pid());
  }
  return worker_;
}

void Job::Do(v1::Command command) {
  v1::CommandJobRequest request;
  request.set_name(name_);
  request.set_request_id(absl::StrCat("benchmark-", ++requests_));
  *request.add_commands() = std::move(command);
  grpc::ClientContext context;
  v1::CommandJobResponse response;
  CheckOk(stub_->CommandJob(&context, request, &response), "CommandJob");
}

void Job::Pause() {
  v1::Command command;
  command.mutable_pause();
  Do(std::move(command));
}

void Job::Resume() {
  v1::Command command;
  command.mutable_resume();
  Do(std::move(command));
}

void Job::Stop() {
  v1::Command command;
  command.mutable_stop();
  Do(std::move(command));
}

void Job::SetStepSize(double value) {
  v1::Command command;
  command.mutable_set()->set_path("step_size");
  command.mutable_set()->set_value(value);
  Do(std::move(command));
}

void CheckOk(const grpc::Status& status, const std::string& doing) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", doing.c_str(), status.error_message().c_str());
  std::_Exit(1);
}

}  // namespace descent::benchmarks
