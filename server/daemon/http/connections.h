// `Connections` knows which connections are open, which gives way when there are too many, and what
// those are told that are turned away. It is for server.cc alone, whose compilation it shares.
#ifndef DESCENT_SERVER_DAEMON_HTTP_CONNECTIONS_H_
#define DESCENT_SERVER_DAEMON_HTTP_CONNECTIONS_H_

#include <utility>
// (a line of its own, so that it is not sorted away)
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/http/client_stream.h"
#include "server/daemon/http/io.h"
#include "server/daemon/http/json.h"
#include "server/daemon/http/message.h"
#include "server/daemon/sockets/descriptors.h"

namespace descent::daemon {

// It is used on the I/O thread, but for the numbers, which any thread may ask for.
class Connections {
 public:
  // `most` gives how many are answered at a time, besides kHealthConnections; it is asked again and
  // again. `encrypted` says that all of them speak TLS.
  Connections(std::function<int64_t()> most, bool encrypted)
      : most_(std::move(most)), encrypted_(encrypted) {}

  int64_t open() const { return open_; }
  int64_t watchers() const { return watchers_; }
  // How many were refused since the start.
  int64_t refused() const { return refused_; }

  // `is_lent` says that it came by a descriptor that LendDescriptor gave.
  void Add(ClientStream* stream, bool is_lent) {
    streams_.insert(stream);
    if (is_lent) lent_.insert(stream);
    open_ = static_cast<int64_t>(streams_.size());
  }

  void Remove(ClientStream* stream) {
    waiting_.remove(stream);
    streams_.erase(stream);
    open_ = static_cast<int64_t>(streams_.size());
    TakeBack(stream);
  }

  // The connection's request is awaited, or half there: it may be closed for another's sake.
  void SetWaiting(ClientStream* stream) { waiting_.push_back(stream); }
  void SetBusy(ClientStream* stream) { waiting_.remove(stream); }

  // Makes room for one connection more. If there are too many, the one goes that has been waiting
  // for the longest. False if all are being answered.
  bool MakeRoom() {
    if (static_cast<int64_t>(streams_.size()) < most_() + kHealthConnections) return true;
    if (waiting_.empty()) return false;
    Dismiss(waiting_.front(), TooMany());
    return true;
  }

  // Frees, when descriptors are out, one that is held for those who ask how the daemon is, so that
  // one connection can be accepted. If all are lent, the one of these goes that has been waiting
  // for the longest. False if none is waiting.
  bool LendDescriptor() {
    if (held_.Lend()) return true;
    const auto oldest = std::ranges::find_if(
        waiting_, [this](ClientStream* stream) { return lent_.contains(stream); });
    if (oldest == waiting_.end()) return false;
    Dismiss(*oldest, OutOfDescriptors());
    return held_.Lend();
  }
  // Holds again what is missing, as far as there are descriptors.
  void HoldDescriptors() { held_.Fill(); }

  // Tell whether one more may be answered, and whether one more may be sent events, from whom the
  // last quarter is kept.
  bool MayAnswer() const { return answered_ < most_(); }
  bool MayWatch() const {
    const int64_t most = most_();
    return watchers_ < most - most / 4;
  }
  // These count those that are, by a Counted each.
  std::atomic<int64_t>& answered() { return answered_; }
  std::atomic<int64_t>& watching() { return watchers_; }

  // These are the answers to those that are turned away, who are to be counted.
  HttpResponse TooMany() const {
    return Unavailable(absl::StrCat("descentd answers ", most_(),
                                    " HTTP connections at a time, and has as many (", watchers(),
                                    " of them watch); close some, or allow it more files (ulimit "
                                    "-n, LimitNOFILE= of systemd)"));
  }
  static HttpResponse OutOfDescriptors() {
    return Unavailable(
        absl::StrCat("descentd is out of file descriptors: ", DescriptorLimit(),
                     " are allowed (ulimit -n, LimitNOFILE= of systemd); try again when other "
                     "clients have closed their connections"));
  }
  void CountRefused() { ++refused_; }

  // Says so as far as it can be said at once, and counts; then the connection is to be closed. Over
  // TLS nothing can be said at once.
  void Refuse(int fd, const HttpResponse& response) {
    CountRefused();
    if (encrypted_) return;
    // If it were closed with something unread, the kernel would reset the connection, and this
    // could be lost.
    char dropped[4096];
    for (int i = 0; i < 8 && recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT) > 0; ++i) {
    }
    const std::string text = absl::StrCat(
        "HTTP/1.1 503 Service Unavailable\r\nServer: descentd\r\nConnection: close\r\nRetry-After: "
        "1\r\nContent-Type: ",
        response.content_type, "\r\nContent-Length: ", response.body.size(), "\r\n\r\n",
        response.body);
    [[maybe_unused]] const ssize_t sent =
        send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void CloseAll() {
    for (ClientStream* stream : streams_) stream->close();
  }

 private:
  static HttpResponse Unavailable(const std::string& why) {
    HttpResponse response =
        ErrorResponse(MakeError(absl::StatusCode::kUnavailable, why, reason::kTooManyConnections));
    response.headers.emplace_back("Retry-After", "1");
    return response;
  }

  // Ends a connection whose request is waited for.
  void Dismiss(ClientStream* stream, const HttpResponse& response) {
    waiting_.remove(stream);
    Refuse(stream->socket().native_handle(), response);
    streams_.erase(stream);
    TakeBack(stream);
    stream->close();  // its coroutine ends soon
  }

  // Holds the descriptor again that a connection was lent, if it was, which closes it.
  void TakeBack(ClientStream* stream) {
    if (lent_.erase(stream) == 0 || !stream->socket().is_open()) return;
    error_code error;
    const int fd = stream->socket().release(error);
    if (!error) held_.TakeBack(fd);
  }

  const std::function<int64_t()> most_;
  const bool encrypted_;
  std::atomic<int64_t> open_ = 0;
  std::atomic<int64_t> watchers_ = 0;
  std::atomic<int64_t> refused_ = 0;
  std::atomic<int64_t> answered_ = 0;
  std::set<ClientStream*> streams_;
  std::list<ClientStream*> waiting_;  // some of them; the oldest first
  // Descriptors for when there is no other; and the connections that have some of them meanwhile.
  HeldDescriptors held_{kHeldForHealth};
  std::set<ClientStream*> lent_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_CONNECTIONS_H_
