// A `Worker` is one worker process, for as long as it lives: connections come and go, the worker
// stays. The supervisor makes it. Thread-safe, but for what is marked as the supervisor's.
#ifndef DESCENT_SERVER_DAEMON_WORKERS_WORKER_H_
#define DESCENT_SERVER_DAEMON_WORKERS_WORKER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/common/mutex.h"
#include "server/daemon/launch/processes.h"
#include "server/daemon/workers/session.h"

namespace descent::daemon {

// Which jobs a worker is for.
enum class WorkerKind {
  kLayers,   // all that are made of known layers: it was launched by the daemon, as a spare
  kProgram,  // the one that it named, as that job's own program
};

class Worker {
 public:
  Worker(std::string id, ProcessId process, WorkerKind kind)
      : id_(std::move(id)), process_(process), kind_(kind) {}

  const std::string& id() const { return id_; }
  const ProcessId& process() const { return process_; }
  WorkerKind kind() const { return kind_; }

  // What the worker can do, as its newest Hello says; nothing before that.
  worker::v1::Capabilities capabilities() const {
    server::MutexLock lock(mutex_);
    return capabilities_;
  }

  // Sends a message. It is dropped while there is no connection: a reconnecting worker is told all
  // it must know.
  void Send(worker::v1::DaemonMessage message) {
    if (const ConnectionPtr connection = this->connection()) connection->Send(std::move(message));
  }
  void SendAck(int64_t sequence) {
    if (const ConnectionPtr connection = this->connection()) connection->SendAck(sequence);
  }

  // From now on nothing of the worker counts, whatever it sends: it is told to exit at once, now
  // and whenever it comes back.
  void Fence(const std::string& reason) {
    fenced_ = true;
    if (const ConnectionPtr connection = this->connection()) connection->Fence(reason);
  }
  bool fenced() const { return fenced_; }

  ConnectionPtr connection() const {
    server::MutexLock lock(mutex_);
    return connection_;
  }

 private:
  friend class Supervisor;

  enum class State {
    kLaunched,    // has not said Hello yet
    kSpare,       // waits for work; a program waits for that of its job
    kValidating,  // a spare that answers Validate
    kPredicting,  // a spare that answers Predict
    kAssigned,    // belongs to an attempt
  };

  const std::string id_;
  const ProcessId process_;
  const WorkerKind kind_;
  std::atomic<bool> fenced_ = false;
  std::atomic<int64_t> heard_nanos_ = 0;  // monotonic
  // How many of its messages wait for the daemon: it is not read, and that it is silent says
  // nothing.
  std::atomic<int> held_back_ = 0;

  mutable server::Mutex mutex_;
  ConnectionPtr connection_ ABSL_GUARDED_BY(mutex_);
  worker::v1::Capabilities capabilities_ ABSL_GUARDED_BY(mutex_);

  // What follows is the supervisor's, confined to its loop:
  State state_ = State::kLaunched;
  v1::WorkerInfo info_;  // as its Hello says it
  v1::Confinement confinement_;
  int64_t spare_since_nanos_ = 0;
  int64_t busy_since_nanos_ = 0;  // since it validates or predicts
  bool replaced_ = false;         // fenced because what it did was no longer wanted
  bool ended_ = false;            // its process was ended, as it was fenced and stayed silent
  bool leaving_ = false;          // it was asked to leave, at shutdown
  bool proven_ = false;           // it has brought its launch's secret
  std::string job_;               // the job's id, for an assigned one and for a program
  std::string log_path_;          // empty if it was not launched by us
};

using WorkerPtr = std::shared_ptr<Worker>;

// A worker that is alive.
struct LiveWorker {
  std::string id;
  ProcessId process;
  std::string job;  // the job's id; empty for a spare
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_WORKERS_WORKER_H_
