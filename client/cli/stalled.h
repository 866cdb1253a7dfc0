#ifndef DESCENT_CLIENT_CLI_STALLED_H_
#define DESCENT_CLIENT_CLI_STALLED_H_

#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "client/cli/context.h"
#include "client/cpp/job_watch.h"
#include "descent/v1/training_service.pb.h"

namespace descent::cli {

// What a person is told of Job.stalled, that nothing is written at present: once when it begins,
// once when it is over.
class StalledNews {
 public:
  // The line to say now that the server says `stalled`; empty: there is no news.
  std::string Next(const std::string& stalled);

 private:
  bool stalled_ = false;
};

// While a command waits for its answer, says why it does: that the job is stalled, and what notices
// came since it was accepted (a stop's checkpoint that can't be saved). For as long as it lives.
class CommandWait {
 public:
  CommandWait(const Context& context, const v1::CommandJobRequest& request);
  ~CommandWait();
  CommandWait(const CommandWait&) = delete;
  CommandWait& operator=(const CommandWait&) = delete;

 private:
  void Run(const Context& context, const std::string& job, const std::string& request_id);

  absl::Notification answered_;
  absl::Mutex mutex_;
  client::JobWatch* watch_ ABSL_GUARDED_BY(mutex_) = nullptr;  // while it runs
  std::thread thread_;
};

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_STALLED_H_
