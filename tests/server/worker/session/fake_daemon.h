// This is the daemon's side of descent.worker.v1 as far as a test of a worker needs it: a real gRPC
// server on a unix socket that keeps what the worker sends in order, acknowledges it unless told
// not to, and sends what the test wants. Fails the test if a sequence is missing or out of order.
// Thread-safe.
#ifndef DESCENT_TESTS_SERVER_WORKER_SESSION_FAKE_DAEMON_H_
#define DESCENT_TESTS_SERVER_WORKER_SESSION_FAKE_DAEMON_H_

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "descent/v1/event.pb.h"
#include "descent/worker/v1/worker.grpc.pb.h"

namespace descent::worker {

class FakeDaemon final : public v1::WorkerService::Service {
 public:
  using Event = ::descent::v1::Event;
  using Events = std::vector<Event>;

  FakeDaemon();
  ~FakeDaemon() override;

  // Gives a short folder of its own for the socket and files.
  const std::string& folder() const { return folder_; }
  std::string socket() const { return folder_ + "/s"; }

  // Ends the server, as if the daemon died; all connections break.
  void Die();
  // Begins a new server on the same socket.
  void Live();

  void set_acknowledge(bool acknowledge);
  // Sets what Welcome says is durable: by default everything that has come.
  void set_acknowledged(int64_t sequence);

  void Send(const v1::DaemonMessage& message);
  void DropConnection();
  // From now on events are those of the next attempt, from sequence 1; gives back those so far.
  Events NextAttempt();

  // Each waits up to a minute, and fails the test then.
  v1::Hello WaitForHello(int number);  // the number-th, from 1
  v1::Validated WaitForValidated(const std::string& id);
  v1::Unreadable WaitForUnreadable(int number);  // the number-th, from 1
  // Gives all that came for that prediction, once so many messages did, or the end.
  std::vector<v1::Prediction> WaitForPrediction(const std::string& id, size_t messages = SIZE_MAX);
  Events WaitForEvents(const std::function<bool(const Events&)>& enough);

  int hellos();

  // It is set before the first Hello, and changes Welcome before it is sent.
  std::function<void(v1::Welcome*)> change_welcome;

 private:
  using Stream = grpc::ServerReaderWriter<v1::DaemonMessage, v1::WorkerMessage>;

  grpc::Status Session(grpc::ServerContext* context, Stream* stream) override;
  bool Wait(std::unique_lock<std::mutex>& lock, const std::function<bool()>& condition,
            const char* what);
  void Take(const v1::EventBatch& batch);

  const std::string folder_;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool acknowledge_ = true;
  int64_t acknowledged_ = -1;
  std::vector<v1::Hello> hellos_;
  std::vector<v1::Validated> validated_;
  std::vector<v1::Unreadable> unreadable_;
  std::vector<v1::Prediction> predictions_;
  Events events_;
  Stream* stream_ = nullptr;
  grpc::ServerContext* context_ = nullptr;
};

// This is a descent-worker as a child process, which is killed at the end unless it has ended.
class WorkerProcess {
 public:
  explicit WorkerProcess(const FakeDaemon& daemon, std::vector<std::string> flags = {});
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  void Signal(int number) const;
  // Waits for its end, at most a minute; gives its exit code, or −signal.
  int Wait();

 private:
  int pid_ = -1;
};

}  // namespace descent::worker

#endif  // DESCENT_TESTS_SERVER_WORKER_SESSION_FAKE_DAEMON_H_
