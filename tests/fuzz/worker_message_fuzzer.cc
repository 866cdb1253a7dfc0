// Fuzzes the worker protocol: the first byte says whose message it is, the rest are its bytes, as
// they may come over the socket. Then the same bytes come once more as every one of the message's
// strings: what was sent with them is either said to be unreadable, with the field, or is what was
// sent.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/stubs/logging.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "core/text/utf8.h"
#include "descent/v1/event.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "proto/message_text.h"
#include "tests/proto/every_string.h"

namespace {

using google::protobuf::Message;

void Check(const grpc::ByteBuffer& bytes, Message* message) {
  const absl::Status status = descent::FromBytes(bytes, message);
  const bool only_text = absl::StrContains(status.message(), " is not UTF-8");
  if (!status.ok() && !only_text) return;
  // What was read is valid, and can be sent.
  if (!descent::MakeTextValid(message).empty()) __builtin_trap();
  const std::unique_ptr<Message> again(message->New());
  if (!descent::FromBytes(descent::ToBytes(*message), again.get()).ok()) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  // A line for each string that is not UTF-8 would take most of the time.
  [[maybe_unused]] static const auto quiet = google::protobuf::SetLogHandler(nullptr);
  static const Message& worker = *new descent::worker::v1::WorkerMessage;
  static const Message& daemon = *new descent::worker::v1::DaemonMessage;
  static const Message& event = *new descent::v1::Event;
  const Message& prototype = data[0] % 3 == 0 ? worker : data[0] % 3 == 1 ? daemon : event;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::unique_ptr<Message> message(prototype.New());
  const grpc::Slice slice(text);
  Check(grpc::ByteBuffer(&slice, 1), message.get());

  const bool valid = descent::IsUtf8(text);
  if (descent::IsUtf8(descent::ValidUtf8(text)) != true) __builtin_trap();
  descent::EveryString(prototype, text, [&](const Message& sent, const std::string& path) {
    const std::unique_ptr<Message> got(sent.New());
    const absl::Status status = descent::FromBytes(descent::ToBytes(sent), got.get());
    if (status.ok() != valid) __builtin_trap();
    if (!valid && !absl::StrContains(status.message(), path)) __builtin_trap();
    if (valid && got->SerializeAsString() != sent.SerializeAsString()) __builtin_trap();
  });
  return 0;
}
