// A `Prediction` is a call of PredictJob, read message by message. One thread reads; Cancel may
// come from any.
#ifndef DESCENT_CLIENT_CPP_PREDICTION_H_
#define DESCENT_CLIENT_CPP_PREDICTION_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/cpp/clock.h"
#include "client/cpp/stub.h"
#include "descent/v1/training_service.pb.h"

namespace descent::client {

class Prediction {
 public:
  // `stub` and `clock` must outlive it. Until the first message came, a server that does not answer
  // is asked again for `retry_for`.
  Prediction(Stub* stub, v1::PredictJobRequest request, absl::Duration retry_for, Clock* clock);
  // Ends the call.
  ~Prediction();
  Prediction(const Prediction&) = delete;
  Prediction& operator=(const Prediction&) = delete;

  // Waits for the next message: the header, then rows. False if all of them were read.
  absl::StatusOr<bool> Next(v1::PredictJobResponse* response);

  // Makes Next return CANCELLED, now and for ever.
  void Cancel();

 private:
  absl::Status Start();

  Stub* const stub_;
  const v1::PredictJobRequest request_;
  const absl::Duration retry_for_;
  Clock* const clock_;

  // These are used by the reading thread alone.
  Stub::Reader<v1::PredictJobResponse> reader_;
  bool answered_ = false;

  absl::Notification cancelled_;
  absl::Mutex mutex_;
  // It is replaced by the reading thread alone.
  std::unique_ptr<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_PREDICTION_H_
