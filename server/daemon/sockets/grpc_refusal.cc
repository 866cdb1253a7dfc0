#include "server/daemon/sockets/grpc_refusal.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace descent::daemon {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kFrameHeader = 9;
// A client that sends more before it is answered is none of ours.
constexpr size_t kMostReceived = 1 << 20;

enum FrameType : uint8_t { kHeaders = 1, kSettings = 4, kGoAway = 7 };
constexpr uint8_t kAck = 1;                      // of settings
constexpr uint8_t kEndStreamAndHeaders = 1 | 4;  // of headers

void AppendNumber(uint32_t value, int bytes, std::string* out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

uint32_t ReadNumber(std::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

void AppendFrame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload,
                 std::string* out) {
  AppendNumber(static_cast<uint32_t>(payload.size()), 3, out);
  out->push_back(static_cast<char>(type));
  out->push_back(static_cast<char>(flags));
  AppendNumber(stream, 4, out);
  out->append(payload);
}

// Writes a string by HPACK (RFC 7541) as it is, its length in a prefix of seven bits.
void AppendText(std::string_view text, std::string* out) {
  constexpr size_t kPrefix = 127;
  size_t size = text.size();
  if (size < kPrefix) {
    out->push_back(static_cast<char>(size));
  } else {
    out->push_back(static_cast<char>(kPrefix));
    for (size -= kPrefix; size >= 128; size /= 128) {
      out->push_back(static_cast<char>(size % 128 + 128));
    }
    out->push_back(static_cast<char>(size));
  }
  out->append(text);
}

// Writes a field that goes into no table.
void AppendField(std::string_view name, std::string_view value, std::string* out) {
  out->push_back('\0');
  AppendText(name, out);
  AppendText(value, out);
}

// Gives a call's whole answer, which is gRPC's "Trailers-Only".
std::string Answer(std::string_view why) {
  std::string block = "\x88";  // :status 200, of the static table
  AppendField("content-type", "application/grpc", &block);
  AppendField("grpc-status", "14", &block);  // UNAVAILABLE
  AppendField("grpc-message", why, &block);
  return block;
}

}  // namespace

GrpcRefusal::GrpcRefusal(int fd, std::string_view why) : fd_(fd), answer_(Answer(why)) {
  std::string preface;
  AppendFrame(kSettings, 0, 0, "", &preface);
  Send(preface);
}

GrpcRefusal::~GrpcRefusal() { close(fd_); }

void GrpcRefusal::Send(std::string_view bytes) {
  // A new connection's buffer has room for it; otherwise the client hears nothing.
  [[maybe_unused]] const ssize_t sent =
      send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool GrpcRefusal::Advance() {
  char buffer[16 << 10];
  ssize_t count = 0;
  while ((count = recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
    // What comes after the end is read all the same: if it were closed with something unread, the
    // kernel would reset the connection, and the answer could be lost.
    if (idle()) received_.append(buffer, static_cast<size_t>(count));
    if (received_.size() > kMostReceived) return false;
  }
  if (count == 0 || errno != EAGAIN) return false;  // the client has closed it
  if (!idle()) return true;
  std::string out;
  TakeFrames(&out);
  if (broken_) return false;
  if (!idle()) {
    std::string payload;
    AppendNumber(last_stream_, 4, &payload);
    AppendNumber(0, 4, &payload);  // no error
    AppendFrame(kGoAway, 0, 0, payload, &out);
  }
  if (!out.empty()) Send(out);
  if (!idle()) shutdown(fd_, SHUT_WR);
  return true;
}

void GrpcRefusal::TakeFrames(std::string* out) {
  std::string_view rest = received_;
  if (!greeted_) {
    if (!rest.starts_with(kPreface.substr(0, rest.size()))) broken_ = true;
    if (rest.size() < kPreface.size() || broken_) return;
    rest.remove_prefix(kPreface.size());
    greeted_ = true;
  }
  while (rest.size() >= kFrameHeader) {
    const size_t size = kFrameHeader + ReadNumber(rest.substr(0, 3));
    if (rest.size() < size) break;
    const auto type = static_cast<uint8_t>(rest[3]);
    const auto flags = static_cast<uint8_t>(rest[4]);
    const uint32_t stream = ReadNumber(rest.substr(5, 4)) & 0x7FFFFFFF;
    if (type == kSettings && (flags & kAck) == 0) AppendFrame(kSettings, kAck, 0, "", out);
    if (type == kHeaders && stream > 0) {
      AppendFrame(kHeaders, kEndStreamAndHeaders, stream, answer_, out);
      last_stream_ = stream;
    }
    rest.remove_prefix(size);
  }
  received_.erase(0, received_.size() - rest.size());
}

}  // namespace descent::daemon
