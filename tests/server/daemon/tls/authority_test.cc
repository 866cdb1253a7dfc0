#include "server/daemon/tls/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "server/daemon/tls/openssl.h"
#include "tests/server/daemon/tls/tls_testing.h"

namespace descent::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

unsigned ModeOf(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777U;
}

TEST(AuthorityTest, EverythingIsItsOwnersAlone) {
  const TestCertificates certificates;
  const CertificateFolder files = certificates.files();
  for (const std::string& file :
       {files.authority, files.authority_key, files.server.certificate, files.server.key}) {
    EXPECT_EQ(ModeOf(file), 0600U) << file;
  }
}

TEST(AuthorityTest, RenewsTheCertificateAndKeepsTheAuthority) {
  TestCertificates certificates;
  const std::string authority = certificates.authority();
  const std::string server = TestCertificates::Read(certificates.files().server.certificate);
  certificates.clock().Advance(absl::Hours(24 * 300));
  const IssuedCertificate again = certificates.Issue({});
  EXPECT_FALSE(again.new_authority);
  EXPECT_EQ(certificates.authority(), authority);
  EXPECT_THAT(again.hosts, ElementsAre("localhost", "127.0.0.1", "gpu-box"));
  EXPECT_GT(again.not_after, certificates.clock().Now() + absl::Hours(24 * 364));
  EXPECT_NE(TestCertificates::Read(certificates.files().server.certificate), server);
}

// Clients may know no more of it than its fingerprint.
TEST(AuthorityTest, TheServerShowsTheAuthorityToo) {
  TestCertificates certificates;
  const std::string shown = TestCertificates::Read(certificates.files().server.certificate);
  const std::string authority = certificates.authority();
  ASSERT_GT(shown.size(), authority.size());
  EXPECT_EQ(shown.substr(shown.size() - authority.size()), authority);
  const openssl::Certificate own = openssl::ReadCertificate(shown);
  const openssl::Certificate issuer = openssl::ReadCertificate(authority);
  EXPECT_EQ(X509_verify(own.get(), X509_get0_pubkey(issuer.get())), 1);
  EXPECT_EQ(openssl::Fingerprint(*issuer), certificates.Issue().authority_fingerprint);
}

TEST(AuthorityTest, TakesNamesAndAddresses) {
  TestCertificates certificates;
  EXPECT_THAT(
      certificates.Issue({"GPU-box", "*.example.org", "192.168.1.7", "::1", "gpu-box"}).hosts,
      ElementsAre("gpu-box", "*.example.org", "192.168.1.7", "::1"));
  EXPECT_TRUE(certificates.Load()->Current()->Covers("a.example.org"));
  EXPECT_TRUE(certificates.Load()->Current()->Covers("::1"));
  EXPECT_THAT(certificates.Issue({}).hosts,
              ElementsAre("gpu-box", "*.example.org", "192.168.1.7", "::1"));
}

TEST(AuthorityTest, RefusesWhatIsNoHost) {
  const TestCertificates certificates;
  const std::string folder =
      std::filesystem::path(certificates.files().authority).parent_path().string();
  for (const char* host : {"a,DNS:b", "a b", "https://a", "a:7600", "", "-a", "a..b", "*", "\n"}) {
    const auto issued = IssueCertificate(folder, {host}, absl::Now());
    EXPECT_EQ(issued.status().code(), absl::StatusCode::kInvalidArgument) << host;
  }
}

TEST(AuthorityTest, SaysWhyTheAuthorityCannotBeUsed) {
  TestCertificates certificates;
  const CertificateFolder files = certificates.files();
  const std::string folder = std::filesystem::path(files.authority).parent_path().string();
  const auto refusal = [&](absl::Time now) {
    const auto issued = IssueCertificate(folder, {"localhost"}, now);
    EXPECT_EQ(issued.status().code(), absl::StatusCode::kFailedPrecondition);
    return std::string(issued.status().message());
  };
  EXPECT_THAT(refusal(absl::Now() + absl::Hours(24 * 3660)), HasSubstr("has expired"));
  const std::string key = TestCertificates::Read(files.authority_key);
  TestCertificates::Write(files.authority_key, TestCertificates::Read(files.server.key));
  EXPECT_THAT(refusal(absl::Now()), HasSubstr("is not of the key"));
  std::filesystem::remove(files.authority_key);
  EXPECT_THAT(refusal(absl::Now()), HasSubstr("can't be read with its key"));
  TestCertificates::Write(files.authority_key, key);
  EXPECT_TRUE(IssueCertificate(folder, {"localhost"}, absl::Now()).ok());
}

// It is trusted by nobody once the authority is not.
TEST(AuthorityTest, TheCertificateDoesNotOutliveTheAuthority) {
  TestCertificates certificates;
  certificates.clock().Advance(absl::Hours(24 * 3500));
  const absl::Time end = certificates.clock().Now() + absl::Hours(24 * 153);
  EXPECT_LT(certificates.Issue({"localhost"}).not_after, end);
}

}  // namespace
}  // namespace descent::daemon
