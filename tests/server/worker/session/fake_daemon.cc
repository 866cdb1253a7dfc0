#include "tests/server/worker/session/fake_daemon.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

extern char** environ;

namespace descent::worker {
namespace {

constexpr std::chrono::seconds kPatience(60);

std::string MakeFolder() {
  // This is not TEST_TMPDIR, for the path of a unix socket is limited to 107 characters.
  char name[] = "/tmp/dworker.XXXXXX";
  return mkdtemp(name);
}

}  // namespace

FakeDaemon::FakeDaemon() : folder_(MakeFolder()) { Live(); }

FakeDaemon::~FakeDaemon() {
  Die();
  std::filesystem::remove_all(folder_);
}

void FakeDaemon::Live() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket(), grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr);
}

void FakeDaemon::Die() {
  if (!server_) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

void FakeDaemon::set_acknowledge(bool acknowledge) {
  std::lock_guard lock(mutex_);
  acknowledge_ = acknowledge;
}

void FakeDaemon::set_acknowledged(int64_t sequence) {
  std::lock_guard lock(mutex_);
  acknowledged_ = sequence;
}

grpc::Status FakeDaemon::Session(grpc::ServerContext* context, Stream* stream) {
  v1::WorkerMessage message;
  if (!stream->Read(&message) || !message.has_hello()) return grpc::Status::OK;
  {
    std::lock_guard lock(mutex_);
    v1::DaemonMessage welcome;
    welcome.mutable_welcome()->set_protocol_version(1);
    welcome.mutable_welcome()->set_lease_seconds(10);
    if (!message.hello().job().empty()) {
      if (acknowledged_ >= 0) events_.resize(static_cast<size_t>(acknowledged_));
      acknowledged_ = -1;
      welcome.mutable_welcome()->set_acknowledged_sequence(static_cast<int64_t>(events_.size()));
    }
    if (change_welcome) change_welcome(welcome.mutable_welcome());
    stream->Write(welcome);
    stream_ = stream;
    context_ = context;
    hellos_.push_back(message.hello());
    changed_.notify_all();
  }
  while (stream->Read(&message)) {
    std::lock_guard lock(mutex_);
    if (message.has_unreadable()) unreadable_.push_back(message.unreadable());
    if (message.has_validated()) validated_.push_back(message.validated());
    if (message.has_prediction()) predictions_.push_back(message.prediction());
    if (message.has_events()) {
      Take(message.events());
      if (acknowledge_) {
        v1::DaemonMessage ack;
        ack.mutable_ack()->set_sequence(static_cast<int64_t>(events_.size()));
        stream->Write(ack);
      }
    }
    changed_.notify_all();
  }
  std::lock_guard lock(mutex_);
  if (stream_ == stream) {
    stream_ = nullptr;
    context_ = nullptr;
  }
  return grpc::Status::OK;
}

void FakeDaemon::Take(const v1::EventBatch& batch) {
  EXPECT_EQ(batch.first_sequence(), static_cast<int64_t>(events_.size()) + 1);
  for (const std::string& bytes : batch.events()) {
    Event event;
    ASSERT_TRUE(event.ParseFromString(bytes));
    EXPECT_EQ(event.sequence(), static_cast<int64_t>(events_.size()) + 1);
    EXPECT_EQ(event.attempt(), batch.attempt());
    EXPECT_GT(event.time_unix_nanos(), 0u);
    events_.push_back(std::move(event));
  }
}

void FakeDaemon::Send(const v1::DaemonMessage& message) {
  std::unique_lock lock(mutex_);
  if (Wait(lock, [&] { return stream_ != nullptr; }, "a connection")) stream_->Write(message);
}

void FakeDaemon::DropConnection() {
  std::lock_guard lock(mutex_);
  if (context_) context_->TryCancel();
}

FakeDaemon::Events FakeDaemon::NextAttempt() {
  std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

bool FakeDaemon::Wait(std::unique_lock<std::mutex>& lock, const std::function<bool()>& condition,
                      const char* what) {
  const bool met = changed_.wait_for(lock, kPatience, condition);
  EXPECT_TRUE(met) << "waited in vain for " << what;
  return met;
}

v1::Hello FakeDaemon::WaitForHello(int number) {
  std::unique_lock lock(mutex_);
  if (!Wait(lock, [&] { return static_cast<int>(hellos_.size()) >= number; }, "Hello")) return {};
  return hellos_[number - 1];
}

int FakeDaemon::hellos() {
  std::lock_guard lock(mutex_);
  return static_cast<int>(hellos_.size());
}

v1::Validated FakeDaemon::WaitForValidated(const std::string& id) {
  std::unique_lock lock(mutex_);
  Wait(lock, [&] { return !validated_.empty() && validated_.back().id() == id; }, "Validated");
  return validated_.empty() ? v1::Validated() : validated_.back();
}

v1::Unreadable FakeDaemon::WaitForUnreadable(int number) {
  std::unique_lock lock(mutex_);
  const auto came = [&] { return static_cast<int>(unreadable_.size()) >= number; };
  if (!Wait(lock, came, "Unreadable")) return {};
  return unreadable_[static_cast<size_t>(number - 1)];
}

std::vector<v1::Prediction> FakeDaemon::WaitForPrediction(const std::string& id, size_t messages) {
  std::unique_lock lock(mutex_);
  std::vector<v1::Prediction> found;
  const auto came = [&] {
    found.clear();
    for (const v1::Prediction& prediction : predictions_) {
      if (prediction.id() == id) found.push_back(prediction);
    }
    return found.size() >= messages || (!found.empty() && found.back().has_end());
  };
  Wait(lock, came, "a prediction");
  return found;
}

FakeDaemon::Events FakeDaemon::WaitForEvents(const std::function<bool(const Events&)>& enough) {
  std::unique_lock lock(mutex_);
  Wait(lock, [&] { return enough(events_); }, "events");
  return events_;
}

WorkerProcess::WorkerProcess(const FakeDaemon& daemon, std::vector<std::string> flags) {
  std::vector<std::string> arguments = {"server/worker/main/descent-worker", "--socket",
                                        daemon.socket(), "--worker_id", "test"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  setenv("DESCENT_WORKER_SECRET", "sesame", 1);  // NOLINT(concurrency-mt-unsafe)
  if (posix_spawn(&pid_, argv[0], nullptr, nullptr, argv.data(), environ) != 0) pid_ = -1;
  EXPECT_GT(pid_, 0) << "cannot run " << arguments[0];
}

WorkerProcess::~WorkerProcess() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void WorkerProcess::Signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

int WorkerProcess::Wait() {
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  pollfd poll_for{pidfd, POLLIN, 0};
  const int ended = poll(&poll_for, 1, 60'000);
  close(pidfd);
  EXPECT_EQ(ended, 1) << "the worker did not end";
  if (ended != 1) return 1000;
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace descent::worker
