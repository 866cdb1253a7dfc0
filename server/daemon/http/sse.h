// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) as text.
//
// The last id that a client has seen is its cursor: a browser sends it as Last-Event-ID when it
// connects again. Pure functions that append to `out`; any thread.
#ifndef DESCENT_SERVER_DAEMON_HTTP_SSE_H_
#define DESCENT_SERVER_DAEMON_HTTP_SSE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace descent::daemon {

// Appends a journal event, given in its serialized form:
//   id: 17
//   event: iteration
//   data: {"revision":"17",…}
void AppendEvent(std::string_view serialized_event, std::string* out);

// Moves the client's cursor on without an event: up to `revision` there was nothing that it asked
// for.
void AppendCursor(int64_t revision, std::string* out);

// Says that nothing moves at present, and why; empty: it goes on. The client's cursor stays:
//   event: stalled
//   data: {"stalled":"the disk of … is full (8192 bytes free); waiting for room"}
void AppendStalled(const std::string& why, std::string* out);

// Says, before the stream is closed, why whoever watches is let in no longer; he may come again
// with something better, and the cursor that he has:
//   event: refused
//   data: {"refused":"the token 1f2e3d4c was revoked; …"}
void AppendRefused(const std::string& why, std::string* out);

// Says, after the event that made the job final, that nothing will follow: don't connect again.
void AppendEnd(int64_t revision, std::string* out);

// Says how long a client waits before it connects again.
inline constexpr std::string_view kSseRetry = "retry: 1000\n\n";

// This is a comment, so that both sides notice when the other is gone.
inline constexpr std::string_view kSseKeepAlive = ": keep-alive\n\n";

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_SSE_H_
