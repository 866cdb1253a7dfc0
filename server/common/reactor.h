// A `CallReactor` is one call that a server answers, over one of gRPC's callback reactors: it is
// finished exactly once, and alive for as long as gRPC or anybody else needs it. Thread-safe.
//
// The legal order is std::make_shared Begin reactions* OnDone. Everything but Begin may come before
// Begin too: gRPC begins what it is asked for when it is given the reactor. Whoever calls it from a
// thread that is not gRPC's holds a shared pointer meanwhile: once the call is finished, OnDone may
// run before the caller has left the mutex.
#ifndef DESCENT_SERVER_COMMON_REACTOR_H_
#define DESCENT_SERVER_COMMON_REACTOR_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "server/common/mutex.h"

namespace descent::server {

// A call that is answered once.
template <class GrpcReactor>
class CallReactor : public GrpcReactor,
                    public std::enable_shared_from_this<CallReactor<GrpcReactor>> {
 public:
  // Holds itself from here to OnDone. What it returns is for gRPC.
  GrpcReactor* Begin() {
    MutexLock lock(mutex_);
    self_ = this->shared_from_this();
    return this;
  }

  void OnDone() final {
    // Whoever finished the call may still be about to leave the mutex, which must not go before.
    std::shared_ptr<CallReactor> self;
    {
      MutexLock lock(mutex_);
      self = std::exchange(self_, nullptr);
    }
    OnGone();
  }

 protected:
  // The last reaction, when all others have returned; it runs once.
  virtual void OnGone() {}

  // Finishes the call with the first status that it is given. False if it was finished already.
  bool FinishOnce(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (std::exchange(finished_, true)) return false;
    this->Finish(status);
    return true;
  }

  // True if the call was finished. Nothing may be begun then (a read, a write): gRPC 1.51 frees a
  // finished call as soon as no operation is under way, even if the reactor is kept.
  bool finished() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return finished_; }

  // It is held for whatever is asked of gRPC.
  Mutex mutex_;

 private:
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<CallReactor> self_ ABSL_GUARDED_BY(mutex_);
};

// The same for a call that streams messages to its client, as bytes: one write is in flight at a
// time, and the call is finished after the last one. What is sent is asked for (NextMessage) when
// there is room for it, so that a later message may replace one that waits.
template <class GrpcReactor>
class StreamReactor : public CallReactor<GrpcReactor> {
 public:
  void OnWriteDone(bool ok) final {
    current_.Clear();  // an idle stream holds no message
    OnWritten(ok);
    MutexLock lock(this->mutex_);
    writing_ = false;
    WriteNext();
  }

 protected:
  // Moves what is to be sent next into `*message`, which is empty; false if there is nothing now.
  virtual bool NextMessage(grpc::ByteBuffer* message)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mutex_) = 0;

  // Told when a write has come to its end, before the next one is begun, and not under the mutex;
  // false if the client is gone.
  virtual void OnWritten(bool ok) {}

  // Must be called whenever NextMessage may have something: begins to write it if no other write is
  // in flight.
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mutex_) {
    if (writing_ || this->finished()) return;
    if (NextMessage(&current_)) {
      writing_ = true;
      this->StartWrite(&current_);
    } else if (end_.has_value()) {
      this->FinishOnce(*end_);
    }
  }

  // Finishes the call, with the first status that it is given, once NextMessage has nothing more.
  void EndWith(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mutex_) {
    if (!end_.has_value()) end_ = status;
    WriteNext();
  }
  bool ending() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mutex_) { return end_.has_value(); }

 private:
  bool writing_ ABSL_GUARDED_BY(this->mutex_) = false;
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(this->mutex_);
  grpc::ByteBuffer
      current_;  // gRPC's while a write is in flight, else whoever's who holds the mutex
};

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_REACTOR_H_
