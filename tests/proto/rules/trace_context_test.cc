#include "proto/rules/trace_context.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace descent::rules {
namespace {

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kParent = "00-" + kTrace + "-00f067aa0ba902b7-01";

TEST(TraceContextTest, PassesOnWhatIsWellFormed) {
  const TraceContext context = ReadTraceContext(kParent, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  EXPECT_EQ(context.parent, kParent);
  EXPECT_EQ(context.state, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  EXPECT_EQ(TraceIdOf(context.parent), kTrace);
  EXPECT_TRUE(ReadTraceContext("", "").empty());
  EXPECT_EQ(TraceIdOf(""), "");
}

TEST(TraceContextTest, IgnoresAMalformedParentAndItsState) {
  for (const std::string& parent : std::vector<std::string>{
           "00-" + kTrace + "-00f067aa0ba902b7",                       // no flags
           kParent + "-x",                                             // 00 ends there
           kParent + " ",                                              //
           "ff-" + kTrace + "-00f067aa0ba902b7-01",                    // no version
           "0x-" + kTrace + "-00f067aa0ba902b7-01",                    //
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",  // upper case
           "00-" + std::string(32, '0') + "-00f067aa0ba902b7-01",      // all zero
           "00-" + kTrace + "-0000000000000000-01",                    //
           "00-" + kTrace + "-00f067aa0ba902b7-0g",                    //
           "00_" + kTrace + "-00f067aa0ba902b7-01",                    //
           "cc-" + kTrace + "-00f067aa0ba902b7-01.what",               // goes on without a hyphen
       }) {
    const TraceContext context = ReadTraceContext(parent, "rojo=1");
    EXPECT_TRUE(context.empty()) << parent;
    EXPECT_EQ(context.state, "") << parent;
  }
}

TEST(TraceContextTest, ReadsALaterVersionAsThisOne) {
  EXPECT_EQ(ReadTraceContext("cc-" + kTrace + "-00f067aa0ba902b7-03-what", "").parent, kParent);
  EXPECT_EQ(ReadTraceContext("cc-" + kTrace + "-00f067aa0ba902b7-fa", "").parent,
            "00-" + kTrace + "-00f067aa0ba902b7-00");
}

TEST(TraceContextTest, LeavesOutAMalformedState) {
  const auto state = [](const std::string& text) { return ReadTraceContext(kParent, text).state; };
  for (const std::string text : {"rojo", "=1", "rojo=", "Rojo=1", "rojo=1,rojo=2", "a b=1",
                                 "rojo=a=b", "rojo=caf\xC3\xA9", "a@b@c=1", "@b=1", "a@=1"}) {
    EXPECT_EQ(state(text), "") << text;
  }
  EXPECT_EQ(state(" rojo=1 , , a@b=x y\t,"), "rojo=1,a@b=x y");
  std::string many = "k0=1";
  for (int i = 1; i < 33; ++i) many += ",k" + std::to_string(i) + "=1";
  EXPECT_EQ(state(many), "");
}

TEST(TraceContextTest, ShortensALongState) {
  const std::string large = "large=" + std::string(200, 'x');
  std::string text = "first=1," + large;
  for (int i = 0; i < 6; ++i) text += ",k" + std::to_string(i) + "=" + std::string(100, 'y');
  const std::string state = ReadTraceContext(kParent, text).state;
  EXPECT_LE(state.size(), 512u);
  EXPECT_TRUE(state.starts_with("first=1,k0=y")) << state;
  EXPECT_EQ(state.find("large"), std::string::npos);
  EXPECT_NE(state.find("k3"), std::string::npos);
  EXPECT_EQ(state.find("k5"), std::string::npos);
}

}  // namespace
}  // namespace descent::rules
