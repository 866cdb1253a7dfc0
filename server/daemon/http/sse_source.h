// An `SseSource` is one client's journal as the text of server-sent events, piece by piece. It is
// used by one thread at a time; `on_news` comes from another.
#ifndef DESCENT_SERVER_DAEMON_HTTP_SSE_SOURCE_H_
#define DESCENT_SERVER_DAEMON_HTTP_SSE_SOURCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "descent/v1/training_service.pb.h"
#include "server/daemon/requests/requests.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

class SseSource {
 public:
  // Gives NOT_FOUND and OUT_OF_RANGE as WatchJob does. `on_news` runs on the journal's thread
  // whenever something was appended, must not block, and does not run after the destructor has
  // returned.
  static absl::StatusOr<std::unique_ptr<SseSource>> Open(const Requests& requests,
                                                         const Caller& caller,
                                                         const v1::WatchJobRequest& request,
                                                         std::function<void()> on_news);

  virtual ~SseSource() = default;

  struct Chunk {
    std::string text;
    bool at_head = false;  // nothing to send before the next news
    bool ended = false;
  };

  // Gives what comes next: about `max_bytes` of text, whole events; less, or nothing, after some
  // reading of what the client did not ask for. May read the store, so it blocks.
  virtual absl::StatusOr<Chunk> Next(size_t max_bytes) = 0;

  // How many durable events have not been given. It is used as Next is.
  virtual int64_t lag() const = 0;

  // Gives what to send when there was nothing for a while: a comment, and the cursor if events that
  // the client did not ask for went by.
  virtual std::string KeepAlive() = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_SSE_SOURCE_H_
