#include "server/daemon/sockets/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace descent::daemon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Parsed(const char* text) {
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(text, "--listen");
  return address.ok() ? address->ToString() : std::string(address.status().message());
}

TEST(ListenAddressTest, TakesAddressesAndNames) {
  EXPECT_EQ(Parsed("127.0.0.1:7600"), "127.0.0.1:7600");
  EXPECT_EQ(Parsed("localhost:0"), "127.0.0.1:0");
  EXPECT_EQ(Parsed(":7600"), "127.0.0.1:7600");
  EXPECT_EQ(Parsed("[::1]:7600"), "[::1]:7600");
  EXPECT_EQ(Parsed("0.0.0.0:7600"), "0.0.0.0:7600");
  EXPECT_EQ(Parsed("[::]:7600"), "[::]:7600");
  EXPECT_EQ(Parsed("192.168.1.7:65535"), "192.168.1.7:65535");
}

TEST(ListenAddressTest, SaysWhatIsWrong) {
  EXPECT_THAT(Parsed("127.0.0.1"), HasSubstr("lacks a port"));
  EXPECT_THAT(Parsed("127.0.0.1:65536"), HasSubstr("has no valid port"));
  EXPECT_THAT(Parsed("no..name:1"), HasSubstr("nor a name that can be looked up"));
}

TEST(ListenAddressTest, OtherMachinesComeOverTlsAlone) {
  const auto check = [](const char* text, bool encrypted) {
    return CheckReach(*ParseListenAddress(text, "--http"), encrypted, "--http");
  };
  for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"}) {
    EXPECT_TRUE(check(text, false).ok()) << text;
  }
  for (const char* text : {"0.0.0.0:1", "[::]:1", "192.168.1.7:1", "[fe80::1]:1"}) {
    EXPECT_TRUE(check(text, true).ok()) << text;
    EXPECT_THAT(
        std::string(check(text, false).message()),
        AllOf(HasSubstr("--http"), HasSubstr("so it needs TLS"), HasSubstr("descentd certificate")))
        << text;
  }
}

}  // namespace
}  // namespace descent::daemon
