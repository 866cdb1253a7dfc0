#include "server/daemon/main/reach.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/server/daemon/tls/tls_testing.h"

namespace descent::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReachTest : public ::testing::Test {
 protected:
  ReachTest() { std::filesystem::create_directory(data_dir_); }
  ~ReachTest() override { std::filesystem::remove_all(data_dir_); }

  absl::StatusOr<Reach> Choose(const ReachFlags& flags,
                               const std::vector<std::string>& roots = {}) {
    return ChooseReach(flags, data_dir_, roots, &certificates_.clock());
  }
  std::string Refusal(const ReachFlags& flags, const std::vector<std::string>& roots = {}) {
    return std::string(Choose(flags, roots).status().message());
  }

  TestCertificates certificates_;
  const std::string data_dir_ =
      std::filesystem::path(certificates_.files().authority).parent_path().string() + "-data";
};

TEST_F(ReachTest, OnLoopbackNothingIsEncryptedUnlessItIsAskedFor) {
  std::filesystem::copy(std::filesystem::path(certificates_.files().authority).parent_path(),
                        CertificateFolderOf(data_dir_));
  EXPECT_EQ(Choose({})->certificate, nullptr);
  EXPECT_NE(Choose({.tls = certificates_.files().server})->certificate, nullptr);
}

TEST_F(ReachTest, BeyondItTheFoldersCertificateIsTaken) {
  const ReachFlags flags = {.listen = "0.0.0.0:0"};
  EXPECT_THAT(Refusal(flags, {"/data"}), HasSubstr("--listen"));
  EXPECT_THAT(Refusal(flags, {"/data"}), HasSubstr("so it needs TLS"));
  std::filesystem::copy(std::filesystem::path(certificates_.files().authority).parent_path(),
                        CertificateFolderOf(data_dir_));
  const absl::StatusOr<Reach> reach = Choose(flags, {"/data"});
  ASSERT_TRUE(reach.ok()) << reach.status();
  EXPECT_TRUE(reach->certificate->Current()->Covers("gpu-box"));
  EXPECT_EQ(reach->listen.ToString(), "0.0.0.0:0");
  EXPECT_EQ(reach->http.ToString(), "127.0.0.1:7601");
}

TEST_F(ReachTest, BeyondItTheDatasFoldersAreNamed) {
  const TlsFiles tls = certificates_.files().server;
  EXPECT_THAT(Refusal({.http = "[::]:0", .tls = tls}), HasSubstr("--http [::]:0 can be reached"));
  EXPECT_THAT(Refusal({.http = "[::]:0", .tls = tls}), HasSubstr("--data_root FOLDER"));
  EXPECT_TRUE(Choose({.http = "[::]:0", .tls = tls}, {"/data"}).ok());
  EXPECT_TRUE(Choose({.tls = tls}).ok());
}

TEST_F(ReachTest, SaysWhatIsWrong) {
  EXPECT_THAT(Refusal({.tls = {.certificate = "/a.pem", .key = ""}}), HasSubstr("belong together"));
  EXPECT_THAT(Refusal({.tls = {.certificate = "/a.pem", .key = "/a.key"}}),
              HasSubstr("/a.pem cannot be read"));
  EXPECT_THAT(Refusal({.http_hosts = {"gpu:7601"}}), HasSubstr("--http_host gpu:7601 is no name"));
  EXPECT_THAT(Choose({.http_hosts = {"GPU.example.org", "[fe80::1]"}})->http_hosts,
              ElementsAre("gpu.example.org", "fe80::1"));
}

}  // namespace
}  // namespace descent::daemon
