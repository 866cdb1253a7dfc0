#include "tests/benchmarks/watcher.h"

#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <utility>

namespace descent::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

v1::WatchJobRequest RequestOf(const std::string& job, int64_t after_revision) {
  v1::WatchJobRequest request;
  request.set_name(job);
  request.set_after_revision(after_revision);
  return request;
}

double CatchUpParsed(const Service& service, const std::string& job, int64_t* events) {
  auto stub = service.NewStub();
  grpc::ClientContext context;
  const auto start = Clock::now();
  auto reader = stub->WatchJob(&context, RequestOf(job, 0));
  v1::WatchJobResponse response;
  *events = 0;
  while (reader->Read(&response)) *events += response.events_size();
  const double seconds = Seconds(start);
  CheckOk(reader->Finish(), "WatchJob");
  return seconds;
}

double CatchUpRaw(const Service& service, const std::string& job) {
  grpc::GenericStub stub(service.Connect());
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  const std::string request = RequestOf(job, 0).SerializeAsString();
  const grpc::Slice slice(request);
  const grpc::ByteBuffer request_buffer(&slice, 1);
  void* tag = nullptr;
  bool ok = false;
  const auto next = [&] { return queue.Next(&tag, &ok) && ok; };

  const auto start = Clock::now();
  auto call = stub.PrepareCall(&context, "/descent.v1.TrainingService/WatchJob", &queue);
  call->StartCall(nullptr);
  next();
  call->Write(request_buffer, nullptr);
  next();
  call->WritesDone(nullptr);
  next();
  grpc::ByteBuffer response;
  while (true) {
    call->Read(&response, nullptr);
    if (!next()) break;
  }
  const double seconds = Seconds(start);
  grpc::Status status;
  call->Finish(&status, nullptr);
  next();
  CheckOk(status, "WatchJob");
  return seconds;
}

}  // namespace

Watcher::Watcher(const Service& service, const std::string& job, const Options& options,
                 OnEvents on_events)
    : stub_(service.NewStub()),
      reader_(stub_->WatchJob(&context_, RequestOf(job, options.after_revision))) {
  if (options.never_reads) return;
  thread_ = std::thread([this, on_events = std::move(on_events)] {
    v1::WatchJobResponse response;
    while (reader_->Read(&response)) on_events(response);
  });
}

Watcher::~Watcher() {
  context_.TryCancel();
  if (thread_.joinable()) thread_.join();
  reader_->Finish();
}

CatchUp MeasureCatchUp(const Service& service, const std::string& job) {
  CatchUp result;
  const double parsed = CatchUpParsed(service, job, &result.events);
  const double raw = CatchUpRaw(service, job);
  result.parsed = static_cast<double>(result.events) / parsed;
  result.raw = static_cast<double>(result.events) / raw;
  return result;
}

}  // namespace descent::benchmarks
