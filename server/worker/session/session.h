// A `Session` is the worker's side of descent.worker.v1: one stream at a time to the daemon, made
// again whenever it breaks.
//
// It has two threads: one connects and reads, one writes what the outbox holds and keeps the lease
// alive. Messages for the trainer go into the inbox, acknowledgements to the outbox; `Fenced` ends
// the process at once. Messages travel as bytes that are parsed here: one of the daemon's that
// can't be is answered with Unreadable and forgotten.
//
// The legal order of calls is the constructor, which begins to connect, Stop once, and the
// destructor. Thread-safe.
#ifndef DESCENT_SERVER_WORKER_SESSION_SESSION_H_
#define DESCENT_SERVER_WORKER_SESSION_SESSION_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/sync_stream.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/common/clock.h"
#include "server/common/mutex.h"
#include "server/worker/session/inbox.h"
#include "server/worker/session/outbox.h"

namespace descent::worker {

struct SessionOptions {
  std::string socket;     // the path of the daemon's unix socket
  std::string worker_id;  // how the daemon knows the process
  std::string secret;     // what its launch brought
  ::descent::v1::WorkerInfo worker;
  ::descent::v1::Confinement confinement = {};  // what the process sees to itself
  double lease_seconds = 10;                    // it holds until the daemon says otherwise
  // Without a daemon for so long, a spare leaves, and an attempt saves a checkpoint and leaves.
  double spare_grace_seconds = 5;
  double orphan_grace_seconds = 3600;
};

class Session {
 public:
  Session(SessionOptions options, Inbox* inbox, Outbox* outbox, Clock* clock);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Breaks the stream off, without a word to the daemon, and ends the threads.
  void Stop();

  bool connected() const { return connected_.load(std::memory_order_relaxed); }
  // True once the daemon has been away for the grace time.
  bool orphaned() const { return orphaned_.load(std::memory_order_relaxed); }

 private:
  using Stream = grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

  void ReadLoop();
  void WriteLoop();
  // Serves one connection, from Hello to its end. True if the daemon answered.
  bool Connect(const std::shared_ptr<grpc::Channel>& channel);
  v1::WorkerMessage Hello() const;
  // Reads until the stream ends.
  void Listen(Stream* stream);
  void Dispatch(v1::DaemonMessage message);
  // Does what can be done about a message that can't be parsed, of which `rest` could be read.
  void DispatchUnreadable(v1::DaemonMessage rest, const absl::Status& problem);
  void Attach(Stream* stream, int64_t connection);
  void Detach();
  void CheckGrace(int64_t away_since);

  const SessionOptions options_;
  Inbox* const inbox_;
  Outbox* const outbox_;
  Clock* const clock_;
  std::atomic<bool> connected_ = false;
  std::atomic<bool> orphaned_ = false;
  std::atomic<int64_t> heartbeat_nanos_;

  server::Mutex mutex_;
  server::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;  // of the connection
  Stream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;  // null unless it is open for writing
  int64_t connection_ ABSL_GUARDED_BY(mutex_) = 0;    // as the outbox counts connections
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread reader_;
  std::thread writer_;
};

}  // namespace descent::worker

#endif  // DESCENT_SERVER_WORKER_SESSION_SESSION_H_
