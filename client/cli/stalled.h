#ifndef DESCENT_CLIENT_CLI_STALLED_H_
#define DESCENT_CLIENT_CLI_STALLED_H_

#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "client/cli/context.h"

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

// While a call waits for its answer: asks the server whether `job` is stalled, and says so. For as
// long as it lives.
class StalledWatch {
 public:
  StalledWatch(const Context& context, std::string job);
  ~StalledWatch();
  StalledWatch(const StalledWatch&) = delete;
  StalledWatch& operator=(const StalledWatch&) = delete;

 private:
  absl::Notification answered_;
  std::thread thread_;
};

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_STALLED_H_
