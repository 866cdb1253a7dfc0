#include "proto/message_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/text/utf8.h"
#include "descent/v1/event.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "tests/proto/every_string.h"

namespace descent {
namespace {

using google::protobuf::Message;
using testing::HasSubstr;
using worker::v1::DaemonMessage;
using worker::v1::WorkerMessage;

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

TEST(MessageText, WhatIsWellFormedComesAsItWasSent) {
  WorkerMessage message;
  message.mutable_validated()->set_id("ä这😀");
  EXPECT_EQ(MakeTextValid(&message), "");
  WorkerMessage got;
  ASSERT_TRUE(FromBytes(ToBytes(message), &got).ok());
  EXPECT_EQ(got.SerializeAsString(), message.SerializeAsString());
}

// Goes through every string of both directions, and of events: each is made valid before it is
// sent, and read with the field's name if it was sent all the same.
TEST(MessageText, EveryStringOfTheWorkerProtocol) {
  int strings = 0;
  const auto check = [&](const Message& message, const std::string& path) {
    SCOPED_TRACE(path);
    ++strings;
    const std::unique_ptr<Message> received(message.New());
    const absl::Status status = FromBytes(ToBytes(message), received.get());
    ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(path + " is not UTF-8"));
    // What could be read is all of it.
    const std::unique_ptr<Message> valid(message.New());
    valid->CopyFrom(message);
    EXPECT_NE(MakeTextValid(valid.get()), "");
    EXPECT_EQ(received->SerializeAsString(), valid->SerializeAsString());
    EXPECT_TRUE(FromBytes(ToBytes(*valid), received.get()).ok());
    EXPECT_EQ(MakeTextValid(valid.get()), "");
  };
  for (const std::string text : {"caf\xE9", "\xE8\xBF", "\xFF\xFEx"}) {
    EveryString(WorkerMessage(), text, check);
    EveryString(DaemonMessage(), text, check);
    EveryString(v1::Event(), text, check);
  }
  EXPECT_GT(strings, 300);
}

TEST(MessageText, NamesRepeatedFieldsByTheirPlace) {
  WorkerMessage message;
  auto* violations = message.mutable_validated()->mutable_invalid();
  violations->add_violations()->set_description("fine");
  violations->add_violations()->set_description("caf\xE9");
  EXPECT_EQ(MakeTextValid(&message), "validated.invalid.violations[1].description");
  EXPECT_EQ(violations->violations(1).description(), "caf\uFFFD");
}

TEST(MessageText, WhatIsNoMessageIsSaidSo) {
  WorkerMessage message;
  message.mutable_validated()->set_id(std::string(100, 'x'));
  const std::string whole = message.SerializeAsString();
  for (const std::string& bytes : {whole.substr(0, 50), std::string("\xFF\xFF\xFF\xFF\xFF"),
                                   std::string("\x07"), std::string(100, '\0'), whole + "\x12"}) {
    WorkerMessage got;
    const absl::Status status = FromBytes(Bytes(bytes), &got);
    EXPECT_EQ(status.message(),
              "a WorkerMessage can't be read: its bytes are not in protobuf's format");
  }
}

TEST(MessageText, DeepNestingEnds) {
  std::string bytes = "\xFF";
  for (int i = 0; i < 2000; ++i) {
    // Layer.residual.layers… : whatever it means, message within message.
    std::string outer = "\x0A";
    for (size_t n = bytes.size();; n >>= 7) {
      outer += static_cast<char>((n & 0x7F) | (n > 0x7F ? 0x80 : 0));
      if (n <= 0x7F) break;
    }
    bytes = outer + bytes;
  }
  WorkerMessage got;
  (void)FromBytes(Bytes(bytes), &got);
}

}  // namespace
}  // namespace descent
