// What people are told while nothing moves: a `StalledNews` says it of Job.stalled, once when it
// begins and once when it is over; a `CommandWait` finds out and says why a command has no answer
// yet; `Notices` says what comes again and again in two lines.
#ifndef DESCENT_CLIENT_CLI_STALLED_H_
#define DESCENT_CLIENT_CLI_STALLED_H_

#include <cstdint>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "client/cli/context.h"
#include "client/cpp/job_watch.h"
#include "descent/v1/training_service.pb.h"

namespace descent::cli {

class StalledNews {
 public:
  // Gives the line to say now that the server says `stalled`; empty if there is no news.
  std::string Next(const std::string& stalled);

 private:
  bool stalled_ = false;
};

// Says notices, but of those that differ in numbers alone (a checkpoint that fails again and again)
// the first and, once another follows or at the end, how many more there were and the last. One
// thread at a time.
class Notices {
 public:
  explicit Notices(const Context& context) : context_(context) {}
  ~Notices() { SayMore(); }
  Notices(const Notices&) = delete;
  Notices& operator=(const Notices&) = delete;

  void Add(const std::string& text);

 private:
  void SayMore();

  const Context& context_;
  std::string kind_;
  int64_t more_ = 0;  // of that kind, not said yet
  std::string last_;
};

// While a command waits for its answer, says why it does: that the job is stalled, and what notices
// came since the command was accepted (a stop's checkpoint that can't be saved). It does so for as
// long as it lives, on a thread of its own.
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
