// What tests of TLS need: a folder with certificates, and a clock to outlive them by.
#ifndef DESCENT_TESTS_SERVER_DAEMON_TLS_TLS_TESTING_H_
#define DESCENT_TESTS_SERVER_DAEMON_TLS_TLS_TESTING_H_

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/common/clock.h"
#include "server/daemon/tls/authority.h"
#include "server/daemon/tls/server_certificate.h"

namespace descent::daemon {

// Begins at the machine's time: what OpenSSL and gRPC check goes by that.
class CertificateClock final : public server::Clock {
 public:
  int64_t WallNanos() const override { return nanos_; }
  int64_t MonotonicNanos() const override { return nanos_; }
  void Advance(absl::Duration duration) { nanos_ += absl::ToInt64Nanoseconds(duration); }
  absl::Time Now() const { return absl::FromUnixNanos(nanos_); }

 private:
  std::atomic<int64_t> nanos_ = absl::ToUnixNanos(absl::Now());
};

// A folder of its own with a certificate for loopback, by an authority of its own.
class TestCertificates {
 public:
  TestCertificates() { Issue(); }
  ~TestCertificates() { std::filesystem::remove_all(folder_); }
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  // Makes one more in place of that before, by the same authority.
  IssuedCertificate Issue(const std::vector<std::string>& hosts = {"localhost", "127.0.0.1",
                                                                   "gpu-box"}) {
    absl::StatusOr<IssuedCertificate> issued = IssueCertificate(folder_, hosts, clock_.Now());
    EXPECT_TRUE(issued.ok()) << issued.status();
    return issued.ok() ? *issued : IssuedCertificate();
  }

  // What a server shows: the certificate of this folder, as it changes.
  std::shared_ptr<ServerCertificate> Load() {
    absl::StatusOr<std::shared_ptr<ServerCertificate>> loaded =
        ServerCertificate::Load(files().server, &clock_);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return loaded.ok() ? *loaded : nullptr;
  }

  CertificateFolder files() const { return CertificateFolder(folder_); }
  CertificateClock& clock() { return clock_; }
  std::string authority() const { return Read(files().authority); }

  static std::string Read(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  // Replaces a file by another one, as renewals do.
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path + ".new", std::ios::binary) << text;
    std::filesystem::rename(path + ".new", path);
  }

 private:
  const std::string folder_ = [] {
    std::string name = "/tmp/descent-tls-XXXXXX";
    return std::string(mkdtemp(name.data()));
  }();
  CertificateClock clock_;
};

}  // namespace descent::daemon

#endif  // DESCENT_TESTS_SERVER_DAEMON_TLS_TLS_TESTING_H_
