// An `Outbox` holds what the worker has to say, between the trainer, which hands events over and
// goes on, and the session, which sends them. Events stay here until the daemon has acknowledged
// them as durable, so that a new connection can go on after the last one that is.
//
// Thread-safe, but for these: `Append` is called by one thread (the trainer), `Next` by one thread
// (the sender).
//
// Events are sent at once while iterations are slow, and gathered as they get fast: there is no
// wait below 2,000 events a second, and one of up to 20 ms at 25,000, because a wake-up costs about
// as much as a small iteration. Urgent events (all but iterations) take what waits with them.
#ifndef DESCENT_SERVER_WORKER_SESSION_OUTBOX_H_
#define DESCENT_SERVER_WORKER_SESSION_OUTBOX_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/common/clock.h"
#include "server/common/mutex.h"

namespace descent::worker {

using server::Clock;
using server::CondVar;
using server::Mutex;
using server::MutexLock;

class Outbox {
 public:
  struct Identity {
    std::string job;  // empty for a spare
    int32_t attempt = 0;
    int64_t first_unacknowledged_sequence = 1;
  };

  Outbox(size_t max_bytes, Clock* clock) : max_bytes_(max_bytes), clock_(clock) {}

  // From now on the worker is this attempt; sequences count from 1.
  void Begin(const std::string& job, int32_t attempt);
  Identity identity() const;

  // Takes serialized events, each with the next sequence in order; several at once stay together in
  // one batch. Blocks while more than max_bytes are not acknowledged, until Abandon.
  void Append(const std::vector<std::string_view>& events, bool urgent);
  // Takes one iteration's event, which is what nearly all calls are for.
  void Append(std::string_view event);

  // Takes anything else, which is sent before waiting events.
  void Send(v1::WorkerMessage message);

  enum class Taken { kMessage, kTimeout, kInterrupted };
  // Waits for something to send on this connection, at most until the timeout. It is interrupted if
  // the connection is not the latest, or the outbox is closed. `message` is reused.
  Taken Next(int64_t connection, int64_t timeout_nanos, v1::WorkerMessage* message);

  // Notes that events up to this sequence are durable.
  void Acknowledge(int64_t sequence);
  // Begins a new connection: everything after `acknowledged` is sent again, and what else was
  // waiting for the old connection is dropped. Gives the connection's number.
  int64_t NewConnection(int64_t acknowledged);

  // Gives true once all events are acknowledged, and false if the timeout came first, or Abandon.
  bool WaitAcknowledged(int64_t timeout_nanos);

  // Nobody will acknowledge any more: Append no longer blocks.
  void Abandon();
  // Ends Next.
  void Close();

 private:
  struct Chunk {
    int64_t first_sequence;
    std::string bytes;
    std::vector<uint32_t> ends;
    int64_t last_sequence() const { return first_sequence + static_cast<int64_t>(ends.size()) - 1; }
  };

  void AppendLocked(std::string_view event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WaitForSpace() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasUnsent() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t LingerNanos() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountRate(int64_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<Chunk> TakeChunk() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fill(const Chunk& chunk, int64_t after, v1::WorkerMessage* message) const;

  const size_t max_bytes_;
  Clock* const clock_;

  mutable Mutex mutex_;
  CondVar wake_sender_;
  CondVar acknowledged_changed_;
  Identity identity_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::WorkerMessage> messages_ ABSL_GUARDED_BY(mutex_);
  // What is not acknowledged, oldest first; only the last one may grow.
  std::deque<std::shared_ptr<Chunk>> chunks_ ABSL_GUARDED_BY(mutex_);
  bool growing_ ABSL_GUARDED_BY(mutex_) = false;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t connection_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t next_sequence_ ABSL_GUARDED_BY(mutex_) = 1;
  int64_t sent_ ABSL_GUARDED_BY(mutex_) = 0;
  bool urgent_ ABSL_GUARDED_BY(mutex_) = false;
  bool sender_idle_ ABSL_GUARDED_BY(mutex_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  // Events a second, measured over windows of at least 50 ms.
  double rate_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t window_start_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t window_sequence_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_OUTBOX_H_
