#include "tests/client/fake/fake_service.h"

#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"

namespace descent::client {
namespace {

// The time is 2026-11-21 10:00:00 UTC; an iteration takes a millisecond.
constexpr uint64_t kStart = 1'795'255'200'000'000'000;

bool Wanted(const v1::WatchJobRequest& request, const v1::Event& event) {
  if (event.has_iteration() && request.every() > 1 &&
      event.iteration().index() % request.every() != 0) {
    return false;
  }
  return request.kinds().empty() ||
         std::find(request.kinds().begin(), request.kinds().end(),
                   static_cast<int>(event.kind_case())) != request.kinds().end();
}

grpc::Status NoSuchJob(const std::string& name) {
  return ToGrpcStatus(
      MakeError(absl::StatusCode::kNotFound, "there is no " + name, reason::kJobNotFound));
}

}  // namespace

FakeService::FakeService(std::shared_ptr<grpc::ServerCredentials> credentials)
    : credentials_(std::move(credentials)) {
  Start(0);
}

FakeService::~FakeService() { Stop(); }

void FakeService::Start(int port) {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = false;
  }
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port), credentials_, &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

void FakeService::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

void FakeService::Restart() {
  const int port = port_;
  Stop();
  Start(port);
}

FakeService::Entry* FakeService::Find(const std::string& name) {
  const auto found = jobs_.find(name);
  return found == jobs_.end() ? nullptr : &found->second;
}

void FakeService::Remember(grpc::ServerContext* context) {
  const auto header = [&](const char* name) {
    const auto found = context->client_metadata().find(name);
    return found == context->client_metadata().end()
               ? std::string()
               : std::string(found->second.data(), found->second.size());
  };
  principal_ = header("x-descent-principal");
  authorization_ = header("authorization");
  trace_ = header("traceparent") + " " + header("tracestate");
}

void FakeService::Append(Entry* entry, v1::Event event) {
  const auto revision = static_cast<int64_t>(entry->events.size()) + 1;
  event.set_revision(revision);
  event.set_attempt(1);
  if (event.time_unix_nanos() == 0) {
    event.set_time_unix_nanos(kStart + static_cast<uint64_t>(revision) * 1'000'000);
  }
  entry->job.set_head_revision(revision);
  if (event.has_series()) *entry->job.mutable_series() = event.series().names();
  if (event.has_iteration()) *entry->job.mutable_last_iteration() = event.iteration();
  if (event.has_evaluation()) *entry->job.mutable_last_evaluation() = event.evaluation();
  if (event.has_state_changed()) {
    entry->job.set_state(event.state_changed().state());
    entry->job.set_state_reason(event.state_changed().reason());
  }
  entry->events.push_back(std::move(event));
}

std::string FakeService::AddJob(const std::string& id) {
  const absl::MutexLock lock(&mutex_);
  const std::string name = "jobs/" + id;
  Entry& entry = jobs_[name];
  entry.job.set_name(name);
  entry.job.set_state(v1::QUEUED);
  entry.job.set_create_time_unix_nanos(kStart);
  v1::SpecSummary& summary = *entry.job.mutable_summary();
  summary.set_parameters(235146);
  summary.set_iterations(4690);
  for (const auto& [path, value] :
       {std::pair("optimizer.adam.step_size", 0.1), std::pair("optimizer.adam.beta1", 0.9)}) {
    summary.add_dials(path);
    v1::DialState& dial = *entry.job.add_dials();
    dial.set_path(path);
    dial.set_value(value);
  }
  v1::Event event;
  *event.mutable_created()->mutable_summary() = summary;
  event.mutable_created()->set_principal("ann@host");
  Append(&entry, event);
  event.mutable_attempt_started()->mutable_worker()->set_device("cpu");
  event.mutable_attempt_started()->mutable_worker()->set_threads(1);
  entry.job.mutable_confinement()->set_memory_limit_bytes(6'400'000'000);
  entry.job.mutable_confinement()->set_no_new_privileges(true);
  entry.job.mutable_confinement()->set_filesystem(true);
  Append(&entry, event);
  event.mutable_state_changed()->set_state(v1::RUNNING);
  Append(&entry, event);
  return name;
}

void FakeService::AddEvent(const std::string& name, v1::Event event) {
  const absl::MutexLock lock(&mutex_);
  Append(Find(name), std::move(event));
}

void FakeService::AddIterations(const std::string& name, int count) {
  const absl::MutexLock lock(&mutex_);
  Entry* entry = Find(name);
  for (int i = 0; i < count; ++i) {
    const int64_t index =
        entry->job.has_last_iteration() ? entry->job.last_iteration().index() + 1 : 0;
    v1::Event event;
    event.mutable_iteration()->set_index(index);
    event.mutable_iteration()->set_value(1.0 / static_cast<double>(1 + index));
    event.mutable_iteration()->set_samples(128 * index);
    if (index > 0) event.mutable_iteration()->set_step_size(entry->job.dials(0).value());
    Append(entry, std::move(event));
  }
}

void FakeService::Finish(const std::string& name, v1::JobState state) {
  v1::Event event;
  event.mutable_state_changed()->set_state(state);
  if (state == v1::FAILED) event.mutable_state_changed()->set_reason("the data \x1b[31mis gone");
  AddEvent(name, event);
}

int64_t FakeService::head(const std::string& name) {
  const absl::MutexLock lock(&mutex_);
  return Find(name)->job.head_revision();
}

void FakeService::SetStalled(const std::string& name, const std::string& why) {
  const absl::MutexLock lock(&mutex_);
  Find(name)->job.set_stalled(why);
}

int FakeService::reads(const std::string& name) {
  const absl::MutexLock lock(&mutex_);
  return Find(name)->reads;
}

int FakeService::messages(const std::string& name) {
  const absl::MutexLock lock(&mutex_);
  return Find(name)->messages;
}

void FakeService::BreakWatches(int after_messages, int times) {
  const absl::MutexLock lock(&mutex_);
  break_after_ = after_messages;
  breaks_ = times;
}

std::vector<v1::WatchJobRequest> FakeService::watches() {
  const absl::MutexLock lock(&mutex_);
  return watches_;
}

std::vector<v1::CommandJobRequest> FakeService::commands() {
  const absl::MutexLock lock(&mutex_);
  return commands_;
}

std::vector<v1::CreateJobRequest> FakeService::creations() {
  const absl::MutexLock lock(&mutex_);
  return creations_;
}

std::string FakeService::last_authorization() {
  const absl::MutexLock lock(&mutex_);
  return authorization_;
}

std::string FakeService::last_trace() {
  const absl::MutexLock lock(&mutex_);
  return trace_;
}

void FakeService::RequireToken(const std::string& token) {
  const absl::MutexLock lock(&mutex_);
  token_ = token;
}

int FakeService::lists() {
  const absl::MutexLock lock(&mutex_);
  return lists_;
}

std::string FakeService::last_principal() {
  const absl::MutexLock lock(&mutex_);
  return principal_;
}

grpc::Status FakeService::CreateJob(grpc::ServerContext* context,
                                    const v1::CreateJobRequest* request, v1::Job* response) {
  {
    const absl::MutexLock lock(&mutex_);
    Remember(context);
    creations_.push_back(*request);
  }
  if (request->job().spec().optimizer().adam().step_size().constant() < 0) {
    return ToGrpcStatus(InvalidField("optimizer.adam.step_size", "must be 0 or more"));
  }
  const std::string name = AddJob(request->job_id().empty() ? "drawn" : request->job_id());
  const absl::MutexLock lock(&mutex_);
  Entry* entry = Find(name);
  *entry->job.mutable_spec() = request->job().spec();
  entry->job.set_display_name(request->job().display_name());
  *entry->job.mutable_labels() = request->job().labels();
  for (const v1::ParameterGroup& group : request->job().spec().optimizer().groups()) {
    if (!group.has_step_size()) continue;
    entry->job.mutable_summary()->add_dials(
        absl::StrCat("optimizer.groups.", group.name(), ".step_size"));
  }
  *response = entry->job;
  return grpc::Status::OK;
}

grpc::Status FakeService::GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request,
                                 v1::Job* response) {
  const absl::MutexLock lock(&mutex_);
  Remember(context);
  Entry* entry = Find(request->name());
  if (entry == nullptr) return NoSuchJob(request->name());
  ++entry->reads;
  *response = entry->job;
  return grpc::Status::OK;
}

// Gives a page for each job, to see that all pages are read.
grpc::Status FakeService::ListJobs(grpc::ServerContext* context, const v1::ListJobsRequest* request,
                                   v1::ListJobsResponse* response) {
  const absl::MutexLock lock(&mutex_);
  Remember(context);
  ++lists_;
  if (!token_.empty() && authorization_ != "Bearer " + token_) {
    return ToGrpcStatus(MakeError(absl::StatusCode::kUnauthenticated, "this lets nobody in",
                                  reason::kUnauthenticated));
  }
  auto next = request->page_token().empty() ? jobs_.begin() : jobs_.find(request->page_token());
  if (next == jobs_.end()) return grpc::Status::OK;
  *response->add_jobs() = next->second.job;
  if (++next != jobs_.end()) response->set_next_page_token(next->first);
  return grpc::Status::OK;
}

grpc::Status FakeService::DeleteJob(grpc::ServerContext*, const v1::DeleteJobRequest* request,
                                    v1::DeleteJobResponse*) {
  const absl::MutexLock lock(&mutex_);
  const Entry* entry = Find(request->name());
  if (entry == nullptr) return NoSuchJob(request->name());
  if (entry->job.state() == v1::RUNNING && !request->force()) {
    return ToGrpcStatus(MakeError(absl::StatusCode::kFailedPrecondition,
                                  request->name() + " is not over: stop it first, or use force",
                                  reason::kJobNotFinished));
  }
  jobs_.erase(request->name());
  return grpc::Status::OK;
}

grpc::Status FakeService::ValidateSpec(grpc::ServerContext*, const v1::ValidateSpecRequest* request,
                                       v1::ValidateSpecResponse* response) {
  *response->mutable_spec() = request->spec();
  v1::SpecSummary& summary = *response->mutable_summary();
  v1::LayerSummary& layer = *summary.add_layers();
  layer.set_name("0");
  layer.set_kind("linear");
  layer.add_output_shape(10);
  layer.set_parameters(7850);
  layer.set_plan(true);
  summary.set_parameters(7850);
  summary.set_parameter_bytes(31400);
  summary.set_iterations(4690);
  summary.add_dials("optimizer.adam.step_size");
  for (const char* name : {"", "bias"}) {
    v1::GroupSummary& group = *summary.add_groups();
    group.set_name(name);
    group.set_frozen(*name != 0);
    group.set_scalars(*name != 0 ? 10 : 7840);
    group.add_parameters(*name != 0 ? "0.bias" : "0.weight");
  }
  for (int i = 0; i < 4; ++i) {
    v1::SequencePoint& point = *summary.add_step_size_preview();
    point.set_iteration(1563 * i);
    point.set_value(0.1 * (4 - i) / 4);
  }
  return grpc::Status::OK;
}

grpc::Status FakeService::WatchJob(grpc::ServerContext* context, const v1::WatchJobRequest* request,
                                   grpc::ServerWriter<v1::WatchJobResponse>* writer) {
  int break_after = 0;
  {
    const absl::MutexLock lock(&mutex_);
    Remember(context);
    watches_.push_back(*request);
    const Entry* entry = Find(request->name());
    if (entry == nullptr) return NoSuchJob(request->name());
    if (request->after_revision() > entry->job.head_revision()) {
      return ToGrpcStatus(
          MakeError(absl::StatusCode::kOutOfRange, "past the head", reason::kCursorOutOfRange));
    }
    if (breaks_ > 0) {
      --breaks_;
      break_after = break_after_;
    }
  }
  int64_t cursor = request->after_revision();
  bool stalled = false;  // was said
  for (int messages = 1;; ++messages) {
    v1::WatchJobResponse response;
    bool final = false;
    {
      const absl::MutexLock lock(&mutex_);
      Entry* entry = Find(request->name());
      const auto ready = [this, entry, cursor, context, stalled]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return stopping_ || context->IsCancelled() || entry->job.head_revision() > cursor ||
               entry->job.stalled().empty() == stalled;
      };
      // Cancelled contexts wake nobody.
      while (!mutex_.AwaitWithTimeout(absl::Condition(&ready), absl::Milliseconds(20))) {
      }
      if (stopping_) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down");
      if (context->IsCancelled()) return grpc::Status::CANCELLED;
      constexpr int64_t kBatch = 7;
      const int64_t end = std::min(entry->job.head_revision(), cursor + kBatch);
      for (; cursor < end; ++cursor) {
        const v1::Event& event = entry->events[static_cast<size_t>(cursor)];
        if (Wanted(*request, event)) *response.add_events() = event;
        const v1::JobState state = event.state_changed().state();
        final = state == v1::SUCCEEDED || state == v1::STOPPED || state == v1::FAILED;
      }
      response.set_scanned_revision(cursor);
      response.set_head_revision(entry->job.head_revision());
      response.set_stalled(entry->job.stalled());
      stalled = !entry->job.stalled().empty();
      ++entry->messages;
    }
    if (!writer->Write(response)) return grpc::Status::CANCELLED;
    if (break_after > 0 && messages >= break_after) {
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection lost");
    }
    if (final) return grpc::Status::OK;
  }
}

grpc::Status FakeService::CommandJob(grpc::ServerContext* context,
                                     const v1::CommandJobRequest* request,
                                     v1::CommandJobResponse* response) {
  const absl::MutexLock lock(&mutex_);
  Remember(context);
  commands_.push_back(*request);
  Entry* entry = Find(request->name());
  if (entry == nullptr) return NoSuchJob(request->name());
  const auto may_be_written = [this, entry]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return stopping_ || entry->job.stalled().empty();
  };
  mutex_.Await(absl::Condition(&may_be_written));
  v1::Event event;
  v1::CommandApplied& applied = *event.mutable_command_applied();
  applied.set_request_id(request->request_id());
  applied.set_principal(principal_);
  applied.set_iteration(entry->job.last_iteration().index());
  for (int i = 0; i < request->commands_size(); ++i) {
    const v1::Command& command = request->commands(i);
    const std::string& path = command.has_scale()     ? command.scale().path()
                              : command.has_release() ? command.release().path()
                                                      : command.set().path();
    if (command.has_set() || command.has_scale() || command.has_release()) {
      v1::DialState* dial = nullptr;
      for (v1::DialState& candidate : *entry->job.mutable_dials()) {
        if (absl::EndsWith(candidate.path(), path)) dial = &candidate;
      }
      const double value = dial == nullptr     ? 0
                           : command.has_set() ? command.set().value()
                                               : dial->value() * command.scale().factor();
      const std::string field = "commands[" + std::to_string(i) + "].set";
      if (dial == nullptr) {
        return ToGrpcStatus(
            InvalidField(field + ".path", "\"" + path + "\" is no dial", reason::kUnknownDial));
      }
      if (!(value >= 0)) return ToGrpcStatus(InvalidField(field, "must be 0 or more"));
      v1::Change& change = *applied.add_changes();
      change.set_path(dial->path());
      change.set_old_value(dial->value());
      change.set_new_value(value);
      dial->set_value(value);
      applied.add_commands(command.has_set() ? "set" : "scale");
    } else if (command.has_evaluate()) {
      v1::Event evaluation;
      evaluation.mutable_evaluation()->set_dataset("test");
      evaluation.mutable_evaluation()->set_request_id(request->request_id());
      v1::Metric& metric = *evaluation.mutable_evaluation()->add_metrics();
      metric.set_name("accuracy");
      metric.set_value(0.8875);
      v1::Metric& matrix = *evaluation.mutable_evaluation()->add_metrics();
      matrix.set_name("confusion_matrix");
      for (const double count : {9, 1, 0, 7}) matrix.add_values(count);
      Append(entry, evaluation);
      applied.add_commands("evaluate");
    } else {
      applied.add_commands(command.has_pause() ? "pause" : command.has_stop() ? "stop" : "other");
    }
  }
  Append(entry, event);
  *response->mutable_event() = entry->events.back();
  return grpc::Status::OK;
}

void FakeService::SetPrediction(std::vector<v1::PredictJobResponse> responses, grpc::Status end) {
  const absl::MutexLock lock(&mutex_);
  prediction_ = std::move(responses);
  prediction_end_ = std::move(end);
}

std::vector<v1::PredictJobRequest> FakeService::predictions() {
  const absl::MutexLock lock(&mutex_);
  return predictions_;
}

grpc::Status FakeService::PredictJob(grpc::ServerContext* context,
                                     const v1::PredictJobRequest* request,
                                     grpc::ServerWriter<v1::PredictJobResponse>* writer) {
  const absl::MutexLock lock(&mutex_);
  Remember(context);
  predictions_.push_back(*request);
  if (Find(request->name()) == nullptr) return NoSuchJob(request->name());
  for (const v1::PredictJobResponse& response : prediction_) writer->Write(response);
  return prediction_end_;
}

}  // namespace descent::client
