// Fuzzes JSON as it comes in the body of a request, the first byte saying of which message. What is
// no JSON is refused with a place; what is read is read the same when it is written out again; an
// event is written by hand as protobuf writes it.

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/text/utf8.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/spec.pb.h"
#include "descent/v1/training_service.pb.h"
#include "server/daemon/http/json.h"

namespace {

using google::protobuf::Message;

// The bytes of a message, with maps in one order.
std::string Bytes(const Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&out);
  out.Trim();
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  [[maybe_unused]] static const auto quiet = google::protobuf::SetLogHandler(nullptr);
  static const Message* const prototypes[] = {new descent::v1::CommandJobRequest,
                                              new descent::v1::Event, new descent::v1::Spec};
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::unique_ptr<Message> message(prototypes[data[0] % 3]->New());
  const absl::Status status = descent::daemon::FromJson(text, message.get());
  if (!status.ok()) {
    const std::string body = descent::daemon::ErrorResponse(status).body;
    if (!descent::IsUtf8(body) || !nlohmann::json::accept(body)) __builtin_trap();
    return 0;
  }
  if (!nlohmann::json::accept(text)) __builtin_trap();
  const std::unique_ptr<Message> again(message->New());
  const std::string json = descent::daemon::ToJson(*message);
  if (!descent::daemon::FromJson(json, again.get()).ok()) __builtin_trap();
  if (Bytes(*again) != Bytes(*message)) __builtin_trap();
  if (const auto* event = dynamic_cast<const descent::v1::Event*>(message.get())) {
    descent::v1::Event read;
    if (!descent::daemon::FromJson(descent::daemon::EventToJson(*event), &read).ok()) {
      __builtin_trap();
    }
    if (Bytes(read) != Bytes(*event)) __builtin_trap();
  }
  return 0;
}
