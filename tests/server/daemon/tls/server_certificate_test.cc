#include "server/daemon/tls/server_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "tests/server/daemon/tls/tls_testing.h"

namespace descent::daemon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ServerCertificateTest : public ::testing::Test {
 protected:
  // Gives why a server could not start with these files.
  std::string Refusal(const TlsFiles& files) {
    const auto loaded = ServerCertificate::Load(files, &certificates_.clock());
    EXPECT_EQ(loaded.status().code(), absl::StatusCode::kFailedPrecondition);
    return std::string(loaded.status().message());
  }

  TestCertificates certificates_;
  const TlsFiles files_ = certificates_.files().server;
};

TEST_F(ServerCertificateTest, KnowsWhomItIsFor) {
  const auto pair = certificates_.Load()->Current();
  EXPECT_TRUE(pair->Covers("gpu-box"));
  EXPECT_TRUE(pair->Covers("GPU-Box"));
  EXPECT_TRUE(pair->Covers("127.0.0.1"));
  EXPECT_FALSE(pair->Covers("127.0.0.2"));
  EXPECT_FALSE(pair->Covers("example.org"));
  EXPECT_FALSE(pair->Covers(""));
}

TEST_F(ServerCertificateTest, SaysWhyAServerCannotStart) {
  EXPECT_THAT(Refusal({.certificate = "/nowhere.pem", .key = files_.key}),
              AllOf(HasSubstr("/nowhere.pem cannot be read"), HasSubstr("No such file")));
  EXPECT_THAT(Refusal({.certificate = files_.certificate, .key = "/nowhere.key"}),
              HasSubstr("/nowhere.key cannot be read"));
  EXPECT_THAT(Refusal({.certificate = files_.key, .key = files_.key}),
              HasSubstr("holds no certificate in PEM"));
  EXPECT_THAT(Refusal({.certificate = files_.certificate, .key = files_.certificate}),
              HasSubstr("holds no key in PEM"));
  EXPECT_THAT(
      Refusal({.certificate = files_.certificate, .key = certificates_.files().authority_key}),
      HasSubstr("is not the key of the first certificate"));
  TestCertificates::Write(files_.key, "");
  EXPECT_THAT(Refusal(files_), HasSubstr("is empty"));
}

TEST_F(ServerCertificateTest, AnExpiredOneIsRefusedAtTheStart) {
  certificates_.clock().Advance(absl::Hours(24 * 366));
  EXPECT_THAT(Refusal(files_), AllOf(HasSubstr("expired on"), HasSubstr("descentd certificate")));
}

TEST_F(ServerCertificateTest, TakesWhatTakesItsPlace) {
  const std::shared_ptr<ServerCertificate> certificate = certificates_.Load();
  const auto before = certificate->Current();
  EXPECT_EQ(certificate->Current(), before);
  certificates_.Issue();
  const auto after = certificate->Current();
  EXPECT_NE(after->fingerprint, before->fingerprint);
  EXPECT_EQ(certificate->notice(), "");
  EXPECT_TRUE(before->Covers("gpu-box"));  // of whoever has it still
}

TEST_F(ServerCertificateTest, KeepsTheOneBeforeWhenTheNewOneIsOfNoUse) {
  const std::shared_ptr<ServerCertificate> certificate = certificates_.Load();
  const auto before = certificate->Current();
  const std::string key = TestCertificates::Read(files_.key);
  TestCertificates::Write(files_.key, TestCertificates::Read(certificates_.files().authority_key));
  EXPECT_EQ(certificate->Current(), before);
  EXPECT_THAT(certificate->notice(), AllOf(HasSubstr("a new certificate is not used"),
                                           HasSubstr("is not the key of the first certificate"),
                                           HasSubstr("the one from before is served")));
  EXPECT_TRUE(certificate->health().ok());
  std::filesystem::remove(files_.certificate);
  EXPECT_EQ(certificate->Current(), before);
  EXPECT_THAT(certificate->notice(), HasSubstr("cannot be read"));
  certificates_.Issue();
  EXPECT_NE(certificate->Current(), before);
  EXPECT_EQ(certificate->notice(), "");
}

TEST_F(ServerCertificateTest, SaysInTimeThatItEnds) {
  const std::shared_ptr<ServerCertificate> certificate = certificates_.Load();
  EXPECT_EQ(certificate->notice(), "");
  certificates_.clock().Advance(absl::Hours(24 * 355));
  EXPECT_THAT(certificate->notice(), HasSubstr("ends on"));
  EXPECT_TRUE(certificate->health().ok());
  certificates_.clock().Advance(absl::Hours(24 * 11));
  EXPECT_EQ(certificate->health().code(), absl::StatusCode::kFailedPrecondition);
  certificates_.Issue();
  EXPECT_TRUE(certificate->health().ok());
}

}  // namespace
}  // namespace descent::daemon
