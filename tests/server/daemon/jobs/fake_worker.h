// A worker without LibTorch, which says what a test tells it to.
#ifndef DESCENT_TESTS_SERVER_DAEMON_JOBS_FAKE_WORKER_H_
#define DESCENT_TESTS_SERVER_DAEMON_JOBS_FAKE_WORKER_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "descent/worker/v1/worker.grpc.pb.h"
#include "server/common/mutex.h"
#include "server/daemon/launch/launcher.h"

namespace descent::daemon {

// Waiting for what must happen: long, but not for ever.
inline constexpr auto kPatience = std::chrono::seconds(20);

// A worker in the test's own process: speaks descent.worker.v1, and trains a number. What it
// computes is a function of its seed, the iteration and the dials, as a real run is.
//
// The test moves it: nothing is computed unless Train says so. Used from one thread; messages are
// taken by a thread of its own.
class FakeWorker {
 public:
  FakeWorker(std::string socket, Launch launch, ProcessId process)
      : socket_(std::move(socket)), launch_(std::move(launch)), process_(process) {}
  ~FakeWorker() { Disconnect(); }

  // What a trainer is made of.
  struct State {
    int64_t iteration = -1;  // computed last
    double x = 1;
    double step_size = 0.5;
  };

  const ProcessId& process() const { return process_; }

  // Says Hello: as a spare, or with the attempt that it runs.
  void Connect() {
    Disconnect();
    {
      server::MutexLock lock(mutex_);
      std::erase_if(messages_, [](const auto& message) { return message.has_welcome(); });
    }
    auto session = std::make_shared<Session>();
    session->stub = worker::v1::WorkerService::NewStub(
        grpc::CreateChannel("unix:" + socket_, grpc::InsecureChannelCredentials()));
    session->context.set_wait_for_ready(true);
    session->stream = session->stub->Session(&session->context);
    session_ = session;
    worker::v1::WorkerMessage message;
    worker::v1::Hello& hello = *message.mutable_hello();
    hello.set_protocol_version(protocol_version);
    hello.set_worker_id(launch_.worker_id);
    hello.set_secret(launch_.secret);
    hello.set_role(start_.has_value() ? worker::v1::Hello::RANK : worker::v1::Hello::SPARE);
    if (!program_of.empty()) {
      hello.set_role(worker::v1::Hello::PROGRAM);
      hello.set_job(program_of);
    }
    *hello.mutable_capabilities() = capabilities;
    hello.mutable_worker()->set_build("fake");
    hello.mutable_worker()->set_pid(process_.pid);
    hello.mutable_worker()->set_process_start_ticks(process_.start_ticks);
    if (start_.has_value()) {
      hello.set_job(start_->job());
      hello.set_attempt(start_->attempt());
      hello.set_first_unacknowledged_sequence(first_unacknowledged());
    }
    if (change_hello) change_hello(&hello);
    session->stream->Write(message);
    session->reader = std::thread([this, session] { Read(session); });
  }

  // The connection breaks; the process lives on.
  void Disconnect() {
    if (session_ == nullptr) return;
    session_->context.TryCancel();
    session_->reader.join();
    session_ = nullptr;
  }

  // The next message of this kind, without it being taken by Train.
  worker::v1::DaemonMessage Await(worker::v1::DaemonMessage::KindCase kind) {
    server::MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (true) {
      for (auto it = messages_.begin(); it != messages_.end(); ++it) {
        if (it->kind_case() != kind) continue;
        worker::v1::DaemonMessage message = std::move(*it);
        messages_.erase(it);
        return message;
      }
      if (std::chrono::steady_clock::now() > deadline) return {};
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
  }
  bool Has(worker::v1::DaemonMessage::KindCase kind) {
    server::MutexLock lock(mutex_);
    for (const auto& message : messages_) {
      if (message.kind_case() == kind) return true;
    }
    return false;
  }

  // Until this request is in its hands.
  bool AwaitCommand(const std::string& request_id) {
    server::MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (true) {
      for (const auto& message : messages_) {
        if (message.command().request().request_id() == request_id) return true;
      }
      if (std::chrono::steady_clock::now() > deadline) return false;
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
  }

  // Waits for Start; loads the checkpoint.
  const worker::v1::Start& Begin() {
    const worker::v1::DaemonMessage message = Await(worker::v1::DaemonMessage::kStart);
    start_ = message.start();
    state_ = State{};
    if (!start_->checkpoint().empty()) state_ = (*disk_)[start_->checkpoint()];
    start_iteration_ = state_.iteration;
    for (const auto& accepted : start_->unresolved()) commands_.push_back(accepted);
    v1::Event named;
    for (const std::string& name : series) named.mutable_series()->add_names(name);
    named.mutable_series();
    Emit(named);
    if (start_->recompute_until() < 0) EmitState(v1::RUNNING);
    return *start_;
  }
  const worker::v1::Start& start() const { return *start_; }

  // Computes up to this iteration, taking commands at the boundaries, and sends it as one batch.
  // False: it stopped or paused before.
  bool Train(int64_t until) {
    if (paused_) Boundary(/*again=*/true);
    // The state that was loaded is at its boundary still.
    if (state_.iteration == start_iteration_ && state_.iteration >= 0 && !ended_ && !began_) {
      began_ = true;
      Boundary(false);
    }
    while (state_.iteration < until && !paused_ && !ended_) {
      Step();
      Boundary(false);
    }
    Flush();
    return state_.iteration == until && !paused_;
  }

  // One step, without a boundary.
  void Step() {
    began_ = true;
    ++state_.iteration;
    if (state_.iteration > 0) state_.x *= 1 - state_.step_size / 10;
    if (state_.iteration > 0) state_.x += perturbation;
    v1::Event event;
    v1::Iteration& iteration = *event.mutable_iteration();
    iteration.set_index(state_.iteration);
    iteration.set_value(state_.x * state_.x);
    iteration.set_gradient_norm(2 * state_.x);
    if (state_.iteration > 0) iteration.set_step_size(state_.step_size);
    iteration.set_samples(state_.iteration * 64);
    if (state_.iteration > 0) {
      for (size_t i = 0; i < series.size(); ++i) {
        iteration.add_scalars(0.5 / static_cast<double>(state_.iteration));
      }
    }
    iteration.set_elapsed_seconds(static_cast<double>(process_.pid));  // never the same twice
    Emit(event);
  }

  void SaveCheckpoint(const std::string& request_id = "", std::optional<State> state = {}) {
    const State saved = state.value_or(state_);
    const std::string name = absl::StrCat(start_->branch(), "-", saved.iteration);
    (*disk_)[name] = saved;
    write_file(absl::StrCat(start_->checkpoint_dir(), "/", name, ".safetensors"), name);
    v1::Event event;
    v1::CheckpointSaved& checkpoint = *event.mutable_checkpoint_saved();
    checkpoint.set_checkpoint(name);
    checkpoint.set_iteration(saved.iteration);
    checkpoint.set_sha256("of " + name);
    checkpoint.set_bytes(static_cast<int64_t>(name.size()));
    checkpoint.set_request_id(request_id);
    Emit(event);
  }

  void EmitState(v1::JobState state, const std::string& reason = "") {
    v1::Event event;
    event.mutable_state_changed()->set_state(state);
    event.mutable_state_changed()->set_reason(reason);
    if (state_.iteration >= 0) event.mutable_state_changed()->set_iteration(state_.iteration);
    Emit(event);
  }

  void Finish() {
    EmitState(v1::SUCCEEDED);
    Flush();
  }

  // Adds an event to the next batch.
  void Emit(v1::Event event) {
    event.set_time_unix_nanos(1);
    event.set_attempt(start_->attempt());
    event.set_branch(start_->branch());
    event.set_sequence(++sequence_);
    batch_.push_back(event.SerializeAsString());
  }

  // Sends what was emitted.
  void Flush() {
    if (batch_.empty()) return;
    const int64_t first = sequence_ - static_cast<int64_t>(batch_.size()) + 1;
    {
      server::MutexLock lock(mutex_);
      for (size_t i = 0; i < batch_.size(); ++i) {
        unacknowledged_[first + static_cast<int64_t>(i)] = batch_[i];
      }
    }
    SendBatch(first, batch_);
    batch_.clear();
  }

  // After a reconnection: what is not acknowledged comes again.
  void Resend() {
    const int64_t acknowledged =
        Await(worker::v1::DaemonMessage::kWelcome).welcome().acknowledged_sequence();
    std::vector<std::string> events;
    int64_t first = 0;
    {
      server::MutexLock lock(mutex_);
      unacknowledged_.erase(unacknowledged_.begin(), unacknowledged_.upper_bound(acknowledged));
      for (const auto& [sequence, bytes] : unacknowledged_) events.push_back(bytes);
      if (!unacknowledged_.empty()) first = unacknowledged_.begin()->first;
    }
    if (!events.empty()) SendBatch(first, events);
  }

  void SendBatch(int64_t first_sequence, const std::vector<std::string>& events) {
    worker::v1::WorkerMessage message;
    worker::v1::EventBatch& batch = *message.mutable_events();
    batch.set_job(start_->job());
    batch.set_attempt(start_->attempt());
    batch.set_first_sequence(first_sequence);
    for (const std::string& event : events) batch.add_events(event);
    if (session_ != nullptr) session_->stream->Write(message);
  }

  // Says something of its own.
  void Say(const worker::v1::WorkerMessage& message) {
    if (session_ != nullptr) session_->stream->Write(message);
  }

  void Heartbeat() {
    worker::v1::WorkerMessage message;
    message.mutable_heartbeat();
    session_->stream->Write(message);
  }

  // Until everything sent is acknowledged.
  bool AwaitAcknowledged() {
    if (session_ != nullptr) Heartbeat();
    server::MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!unacknowledged_.empty()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
    return true;
  }

  // What it says to Validate, from now on: that all is well, or this.
  void set_invalid(std::optional<worker::v1::Invalid> invalid) {
    server::MutexLock lock(mutex_);
    invalid_ = std::move(invalid);
  }
  // Instead of such an answer, it says this.
  void set_answer_to_validate(worker::v1::WorkerMessage answer) {
    server::MutexLock lock(mutex_);
    answer_to_validate_ = std::move(answer);
  }
  // It says nothing; Await gives the message.
  void LeaveValidate() {
    server::MutexLock lock(mutex_);
    answers_validate_ = false;
  }

  // How the test's "machine" keeps checkpoints, over workers.
  using Disk = std::map<std::string, State>;
  void set_disk(std::shared_ptr<Disk> disk) { disk_ = std::move(disk); }

  int32_t protocol_version = 2;
  worker::v1::Capabilities capabilities = All();
  // Set: it is this job's program, `jobs/{job}`.
  std::string program_of;
  // The dial that it sets.
  std::string dial = "optimizer.adam.step_size";
  double perturbation = 0;  // not zero: this machine computes differently
  std::function<void(const std::string& path, const std::string& text)> write_file;
  // What its iterations tell besides: 0.5/k each.
  std::vector<std::string> series;
  // Set: changed before it is said.
  std::function<void(worker::v1::Hello*)> change_hello;

  bool paused() const { return paused_; }
  const State& state() const { return state_; }

 private:
  static worker::v1::Capabilities All() {
    worker::v1::Capabilities all;
    all.set_recompute(true);
    all.set_checkpoint(true);
    all.set_evaluate(true);
    return all;
  }

  struct Session {
    std::unique_ptr<worker::v1::WorkerService::Stub> stub;
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReaderWriter<worker::v1::WorkerMessage, worker::v1::DaemonMessage>>
        stream;
    std::thread reader;
  };

  int64_t first_unacknowledged() {
    server::MutexLock lock(mutex_);
    return unacknowledged_.empty() ? sequence_ + 1 : unacknowledged_.begin()->first;
  }

  void Read(const std::shared_ptr<Session>& session) {
    worker::v1::DaemonMessage message;
    while (session->stream->Read(&message)) {
      server::MutexLock lock(mutex_);
      if (message.has_validate() && answers_validate_) {
        session->stream->Write(AnswerTo(message.validate()));
        continue;
      }
      if (message.has_ack()) {
        unacknowledged_.erase(unacknowledged_.begin(),
                              unacknowledged_.upper_bound(message.ack().sequence()));
      } else {
        messages_.push_back(message);
      }
      changed_.SignalAll();
    }
    session->stream->Finish();
  }

  worker::v1::WorkerMessage AnswerTo(const worker::v1::Validate& validate) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (answer_to_validate_.has_value()) return *answer_to_validate_;
    worker::v1::WorkerMessage message;
    worker::v1::Validated& validated = *message.mutable_validated();
    validated.set_id(validate.id());
    if (invalid_.has_value()) {
      *validated.mutable_invalid() = *invalid_;
    } else {
      *validated.mutable_valid()->mutable_spec() = validate.spec();
      validated.mutable_valid()->mutable_spec()->set_seed(17);
      validated.mutable_valid()->mutable_summary()->add_dials("optimizer.adam.step_size");
      validated.mutable_valid()->mutable_summary()->add_dials("optimizer.adam.beta1");
    }
    return message;
  }

  void TakeMessages() {
    server::MutexLock lock(mutex_);
    for (auto it = messages_.begin(); it != messages_.end();) {
      if (it->has_command()) {
        commands_.push_back(it->command().request());
        it = messages_.erase(it);
      } else {
        ++it;
      }
    }
  }

  // The commands' part of boundary k.
  void Boundary(bool again) {
    const State before = state_;
    const int64_t k = state_.iteration;
    if (!again) {
      for (const worker::v1::Scripted& scripted : start_->script()) {
        if (scripted.iteration() != k || resolved_.count(scripted.request().request_id()) > 0) {
          continue;
        }
        Apply(scripted.request(), before,
              scripted.has_reapplied_from() ? std::optional(scripted.reapplied_from())
                                            : std::nullopt);
      }
    }
    if (k < start_->recompute_until()) {
      paused_ = false;  // the journal has what ended the pause
      return;
    }
    if (k == start_->recompute_until() && !again && !paused_) EmitState(v1::RUNNING);
    TakeMessages();
    for (auto it = commands_.begin(); it != commands_.end() && !ended_;) {
      if (it->has_at_iteration() && it->at_iteration() > k) {
        ++it;
        continue;
      }
      if (resolved_.count(it->request_id()) == 0) Apply(*it, before, std::nullopt);
      it = commands_.erase(it);
    }
  }

  void Apply(const v1::CommandAccepted& request, const State& before,
             std::optional<int64_t> reapplied_from) {
    resolved_[request.request_id()] = true;
    v1::Event event;
    v1::CommandApplied& applied = *event.mutable_command_applied();
    applied.set_request_id(request.request_id());
    applied.set_iteration(state_.iteration);
    applied.set_principal(request.principal());
    if (reapplied_from.has_value()) applied.set_reapplied_from(*reapplied_from);
    std::vector<v1::JobState> states;
    for (const v1::Command& command : request.commands()) {
      if (command.has_set()) {
        if (command.set().value() < 0) return Reject(request);
        v1::Change& change = *applied.add_changes();
        change.set_path(dial);
        change.set_old_value(state_.step_size);
        change.set_new_value(command.set().value());
        state_.step_size = command.set().value();
        applied.add_commands("set");
      } else if (command.has_pause()) {
        paused_ = true;
        states.push_back(v1::PAUSED);
        applied.add_commands("pause");
      } else if (command.has_resume()) {
        paused_ = false;
        states.push_back(v1::RUNNING);
        applied.add_commands("resume");
      } else if (command.has_checkpoint()) {
        SaveCheckpoint(request.request_id(), before);
        applied.add_commands("checkpoint");
      } else if (command.has_stop()) {
        SaveCheckpoint(request.request_id(), before);
        ended_ = true;
        states.push_back(v1::STOPPED);
        applied.add_commands("stop");
      }
    }
    Emit(event);
    for (const v1::JobState state : states) EmitState(state);
  }

  void Reject(const v1::CommandAccepted& request) {
    v1::Event event;
    v1::CommandRejected& rejected = *event.mutable_command_rejected();
    rejected.set_request_id(request.request_id());
    rejected.set_code(3);
    rejected.set_message("step_size must be ≥ 0");
    rejected.set_reason("OUT_OF_RANGE");
    rejected.set_field("commands[0].set.value");
    Emit(event);
  }

  const std::string socket_;
  const Launch launch_;
  const ProcessId process_;
  std::shared_ptr<Disk> disk_;
  std::shared_ptr<Session> session_;

  std::optional<worker::v1::Start> start_;
  State state_;
  int64_t start_iteration_ = -1;
  bool began_ = false;
  bool paused_ = false;
  bool ended_ = false;
  std::vector<v1::CommandAccepted> commands_;
  std::map<std::string, bool> resolved_;
  int64_t sequence_ = 0;
  std::vector<std::string> batch_;

  server::Mutex mutex_;
  server::CondVar changed_;
  std::deque<worker::v1::DaemonMessage> messages_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, std::string> unacknowledged_ ABSL_GUARDED_BY(mutex_);
  std::optional<worker::v1::Invalid> invalid_ ABSL_GUARDED_BY(mutex_);
  std::optional<worker::v1::WorkerMessage> answer_to_validate_ ABSL_GUARDED_BY(mutex_);
  bool answers_validate_ ABSL_GUARDED_BY(mutex_) = true;
};

}  // namespace descent::daemon

#endif  // DESCENT_TESTS_SERVER_DAEMON_JOBS_FAKE_WORKER_H_
