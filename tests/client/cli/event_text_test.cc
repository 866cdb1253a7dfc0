// Tests that people are told of every kind of event and command: the protocol's lists say which.
#include "client/cli/event_text.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <string>

#include "descent/v1/command.pb.h"
#include "descent/v1/event.pb.h"

namespace descent::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Sets a member of a oneof, a message without anything in it.
void Choose(const google::protobuf::FieldDescriptor* member, google::protobuf::Message* message) {
  message->GetReflection()->MutableMessage(message, member);
}

TEST(EventTextTest, EveryKindOfEventHasAText) {
  const google::protobuf::OneofDescriptor* kinds = v1::Event::descriptor()->FindOneofByName("kind");
  ASSERT_GT(kinds->field_count(), 0);
  for (int i = 0; i < kinds->field_count(); ++i) {
    v1::Event event;
    Choose(kinds->field(i), &event);
    if (event.has_notice()) event.mutable_notice()->set_message("a word");
    const std::string text = EventText(event);
    EXPECT_THAT(text, Not(IsEmpty())) << kinds->field(i)->name();
    EXPECT_THAT(text, Not(HasSubstr("does not know"))) << kinds->field(i)->name();
    // Whoever asks for some kinds names them by these numbers.
    EXPECT_TRUE(v1::EventKind_IsValid(kinds->field(i)->number())) << kinds->field(i)->name();
  }
}

TEST(EventTextTest, EveryCommandIsToldByItsName) {
  const google::protobuf::OneofDescriptor* kinds =
      v1::Command::descriptor()->FindOneofByName("kind");
  ASSERT_GT(kinds->field_count(), 0);
  for (int i = 0; i < kinds->field_count(); ++i) {
    v1::Event event;
    Choose(kinds->field(i), event.mutable_command_accepted()->add_commands());
    EXPECT_THAT(EventText(event), HasSubstr("received: " + kinds->field(i)->name()));
  }
}

}  // namespace
}  // namespace descent::cli
