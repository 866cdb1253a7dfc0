// HTTP over TLS: the server's side of it. What is served is server_test.cc's and routes_test.cc's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/daemon/http/server.h"
#include "server/daemon/requests/requests.h"
#include "tests/server/daemon/fake_jobs.h"
#include "tests/server/daemon/tls/tls_client.h"
#include "tests/server/daemon/tls/tls_testing.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kReady = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";

class HttpTlsTest : public ::testing::Test {
 protected:
  HttpTlsTest() { Start({}); }

  void Start(HttpServer::Options options) {
    options.listen = "127.0.0.1:0";
    options.certificate = certificates_.Load();
    server_.reset();
    auto server = HttpServer::Create(Requests(daemon_.jobs), options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::unique_ptr<TlsClient> Connect(TlsClient::Options options = {}) {
    if (options.authority.empty()) options.authority = certificates_.authority();
    return std::make_unique<TlsClient>(server_->port(), options);
  }

  // Gives the whole response.
  std::string Exchange(std::string_view head) {
    const std::unique_ptr<TlsClient> client = Connect();
    EXPECT_TRUE(client->connected()) << client->reason();
    client->Send(absl::StrCat(std::string(head), "\r\nConnection: close\r\n\r\n"));
    const std::string response = client->ReadAll();
    EXPECT_TRUE(client->ended());  // else the end might be somebody else's doing
    return response;
  }

  TestCertificates certificates_;
  FakeDaemon daemon_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpTlsTest, ServesWhoTrustsTheAuthority) {
  daemon_.jobs.Add("mnist");
  EXPECT_THAT(Exchange("GET /v1/jobs HTTP/1.1\r\nHost: localhost"), HasSubstr("jobs/mnist"));
  const std::unique_ptr<TlsClient> client = Connect();
  for (int i = 0; i < 3; ++i) {  // a connection is kept
    const size_t before = client->text().size();
    client->Send(kReady);
    EXPECT_TRUE(client->ReadUntil("ok\n", before));
  }
}

TEST_F(HttpTlsTest, ShowsTheAuthority) {
  EXPECT_EQ(Connect()->last_shown(), certificates_.Issue().authority_fingerprint);
}

TEST_F(HttpTlsTest, WhoTrustsAnotherAuthorityOrAsksForAnotherHostGoes) {
  const TestCertificates others;
  EXPECT_FALSE(Connect({.authority = others.authority()})->connected());
  EXPECT_FALSE(Connect({.authority = {}, .host = "example.org"})->connected());
  EXPECT_TRUE(Connect({.authority = {}, .host = "gpu-box"})->connected());
}

TEST_F(HttpTlsTest, SpeaksNothingOlderThanTls12) {
  EXPECT_TRUE(Connect({.authority = {}, .most_version = TLS1_2_VERSION})->connected());
  EXPECT_FALSE(
      Connect({.authority = {}, .most_version = TLS1_1_VERSION, .any_cipher = true})->connected());
}

TEST_F(HttpTlsTest, IsAskedForByTheCertificatesNames) {
  EXPECT_THAT(Exchange("GET /v1/jobs HTTP/1.1\r\nHost: gpu-box:7601"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Exchange("GET /v1/jobs HTTP/1.1\r\nHost: example.org"), StartsWith("HTTP/1.1 403 "));
  Start({.hosts = {"example.org"}});
  EXPECT_THAT(Exchange("GET /v1/jobs HTTP/1.1\r\nHost: example.org"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpTlsTest, ShowsANewCertificateAndGoesOnWithOpenConnections) {
  const std::unique_ptr<TlsClient> before = Connect();
  certificates_.Issue();
  const std::unique_ptr<TlsClient> after = Connect();
  EXPECT_NE(after->shown(), before->shown());
  for (TlsClient* client : {before.get(), after.get()}) {
    client->Send(kReady);
    EXPECT_TRUE(client->ReadUntil("ok\n"));
  }
  TestCertificates::Write(certificates_.files().server.key, "no key");
  const std::unique_ptr<TlsClient> kept = Connect();
  EXPECT_EQ(kept->shown(), after->shown());
  kept->Send(kReady);
  EXPECT_TRUE(kept->ReadUntil("a new certificate is not used"));
}

TEST_F(HttpTlsTest, WhoSpeaksPlainHttpIsToldSo) {
  const int fd = ConnectTo(server_->port());
  ASSERT_GT(send(fd, kReady.data(), kReady.size(), MSG_NOSIGNAL), 0);
  std::string text;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
    text.append(buffer, static_cast<size_t>(count));
  }
  close(fd);
  EXPECT_THAT(text, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(text, HasSubstr("this port speaks TLS: use https://"));
}

TEST_F(HttpTlsTest, WhoSpeaksSomethingElseIsClosed) {
  const int fd = ConnectTo(server_->port());
  ASSERT_EQ(send(fd, "\x01\x02\x03", 3, MSG_NOSIGNAL), 3);
  char buffer[16];
  EXPECT_LE(recv(fd, buffer, sizeof(buffer), 0), 0);
  close(fd);
}

// Connections that begin no handshake, or half of one, hold nobody up and give way.
TEST_F(HttpTlsTest, SlowHandshakesKeepNobodyOut) {
  Start({.max_connections = [] { return int64_t{4}; }});
  std::vector<int> slow;
  for (int i = 0; i < 40; ++i) {
    slow.push_back(ConnectTo(server_->port()));
    if (i % 2 == 0) send(slow.back(), "\x16\x03\x01", 3, MSG_NOSIGNAL);
  }
  EXPECT_THAT(Exchange("GET /v1/jobs HTTP/1.1\r\nHost: localhost"), StartsWith("HTTP/1.1 200 "));
  EXPECT_LE(server_->connections(), 20);
  for (const int fd : slow) close(fd);
}

TEST_F(HttpTlsTest, AHandshakeHasItsTime) {
  Start({.read_seconds = 0.05});
  const int fd = ConnectTo(server_->port());
  send(fd, "\x16\x03\x01", 3, MSG_NOSIGNAL);
  char buffer[16];
  EXPECT_LE(recv(fd, buffer, sizeof(buffer), 0), 0);  // not after the 20 s that a read has
  close(fd);
}

TEST_F(HttpTlsTest, WatchersAreSentEventsAndNoticedWhenTheyGo) {
  const auto journal = daemon_.jobs.Add("a");
  std::unique_ptr<TlsClient> client = Connect();
  client->Send("GET /v1/jobs/a:watch HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(client->ReadUntil("retry:"));
  ASSERT_TRUE(AppendAndWait(*journal, MakeIterations(0, 1)).ok());
  EXPECT_TRUE(client->ReadUntil("event: iteration"));
  EXPECT_EQ(server_->watchers(), 1);
  client.reset();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (server_->watchers() > 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  EXPECT_EQ(server_->watchers(), 0);
}

}  // namespace
}  // namespace descent::daemon
