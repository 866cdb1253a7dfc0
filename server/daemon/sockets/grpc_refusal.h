// A `GrpcRefusal` knows just enough of HTTP/2 (RFC 9113) and gRPC to turn a client away: each call
// that it makes is answered with UNAVAILABLE and a sentence, then the connection ends (GOAWAY), so
// that its next call comes over a new one.
//
// A connection that is closed before, or by GOAWAY alone, tells the caller nothing: gRPC's clients
// take the call for one that was not sent and connect again, hundreds of times a second. It owns
// the descriptor, a non-blocking socket. Not thread-safe.
#ifndef DESCENT_SERVER_DAEMON_SOCKETS_GRPC_REFUSAL_H_
#define DESCENT_SERVER_DAEMON_SOCKETS_GRPC_REFUSAL_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace descent::daemon {

class GrpcRefusal {
 public:
  // `why` is printable ASCII without %, at most a few hundred characters.
  GrpcRefusal(int fd, std::string_view why);
  ~GrpcRefusal();
  GrpcRefusal(const GrpcRefusal&) = delete;
  GrpcRefusal& operator=(const GrpcRefusal&) = delete;

  int fd() const { return fd_; }
  // True if nothing was asked for on it yet.
  bool idle() const { return last_stream_ == 0; }

  // Answers what has come. False if there is nothing more to do: let it go. Does not block.
  bool Advance();

 private:
  // Takes the whole frames of `received_`, and appends the answers.
  void TakeFrames(std::string* out);
  void Send(std::string_view bytes);

  const int fd_;
  const std::string answer_;  // the header block of a call's answer
  std::string received_;
  bool greeted_ = false;  // whether the client has sent its preface
  bool broken_ = false;   // whether the client speaks something else
  uint32_t last_stream_ = 0;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SOCKETS_GRPC_REFUSAL_H_
