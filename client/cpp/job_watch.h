// A `JobWatch` reads a job's journal from a cursor to its end: each revision that was asked for
// exactly once, in order, over any number of lost connections. One thread reads; Cancel may come
// from any.
#ifndef DESCENT_CLIENT_CPP_JOB_WATCH_H_
#define DESCENT_CLIENT_CPP_JOB_WATCH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/cpp/clock.h"
#include "client/cpp/retry.h"
#include "client/cpp/stub.h"
#include "descent/v1/training_service.pb.h"

namespace descent::client {

class JobWatch {
 public:
  struct Options {
    std::string name;            // `jobs/x`
    int64_t after_revision = 0;  // the cursor: events after this one
    std::vector<v1::EventKind> kinds = {};
    int64_t every = 0;
    // How long it goes on trying when the connection is lost.
    absl::Duration give_up_after = absl::InfiniteDuration();
    // These are called on the reading thread when a connection is lost, and when the next one
    // answers.
    std::function<void(const absl::Status&)> on_lost = {};
    std::function<void()> on_back = {};
  };

  // `stub` and `clock` must outlive the watch.
  JobWatch(Stub* stub, Options options, Clock* clock);
  ~JobWatch();
  JobWatch(const JobWatch&) = delete;
  JobWatch& operator=(const JobWatch&) = delete;

  // Waits for the next message and stores it in `*batch`; it may hold no events, only a newer head.
  // False if the job is final and everything was read. Errors: CANCELLED after Cancel, the server's
  // refusals, UNAVAILABLE when given up, DATA_LOSS if a revision is missing.
  absl::StatusOr<bool> Next(v1::WatchJobResponse* batch);

  // Makes Next return, now and for ever.
  void Cancel();

  // All up to this revision was delivered: another watch would go on from here.
  int64_t cursor() const { return cursor_; }

 private:
  absl::Status Connect();
  // Waits before another attempt, or says why there is none.
  absl::Status BackOff(const absl::Status& lost);
  // Takes out what was delivered already, moves the cursor.
  absl::Status Advance(v1::WatchJobResponse* batch);

  Stub* const stub_;
  const Options options_;
  Clock* const clock_;

  // These are used by the reading thread alone.
  int64_t cursor_;
  Stub::Reader<v1::WatchJobResponse> reader_;
  bool lost_ = false;
  absl::Time lost_since_;
  Backoff backoff_;

  absl::Notification cancelled_;
  absl::Mutex mutex_;
  // It is replaced by the reading thread alone.
  std::unique_ptr<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
};

// True if a call that ended so may succeed when made again, because the connection, not the
// request, was at fault.
bool IsConnectionLoss(const absl::Status& status);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_JOB_WATCH_H_
