#include "server/daemon/http/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "descent/v1/token_service.pb.h"
#include "server/common/clock.h"
#include "server/daemon/requests/requests.h"
#include "server/daemon/security/access.h"
#include "server/daemon/security/caller.h"
#include "tests/server/daemon/fake_jobs.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A connection that speaks bytes. Reads fail after 20 s instead of hanging.
class Connection {
 public:
  explicit Connection(int port, int receive_buffer = 0) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    if (receive_buffer > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    }
    timeval timeout{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Connection() { close(fd_); }

  void Send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      text.remove_prefix(static_cast<size_t>(n));
    }
  }

  void CloseSending() { shutdown(fd_, SHUT_WR); }

  // Reads on until what was read contains `mark` after so many bytes; false if the end comes first.
  bool ReadUntil(std::string_view mark, size_t after = 0) {
    while (text_.find(mark, after) == std::string::npos) {
      if (!ReadSome()) return false;
    }
    return true;
  }

  std::string ReadAll() {
    while (ReadSome()) {
    }
    return text_;
  }

  const std::string& text() const { return text_; }

 private:
  bool ReadSome() {
    char buffer[1 << 16];
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n > 0) text_.append(buffer, static_cast<size_t>(n));
    return n > 0;
  }

  int fd_;
  std::string text_;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() { Start({}); }

  void Start(HttpServer::Options options) {
    options.listen = "127.0.0.1:0";
    options.metrics = [] { return "metric 1\n"; };
    server_.reset();
    auto server = HttpServer::Create(Requests(daemon_.jobs), options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // Gives the whole response, headers and all.
  std::string Exchange(std::string_view head, std::string_view body = "") {
    Connection connection(server_->port());
    connection.Send(
        absl::StrCat(std::string(head), "\r\nHost: localhost\r\nConnection: close\r\n"));
    if (!body.empty()) {
      connection.Send(
          absl::StrCat("Content-Type: application/json\r\nContent-Length: ", body.size(), "\r\n"));
    }
    connection.Send(absl::StrCat("\r\n", std::string(body)));
    return connection.ReadAll();
  }

  std::unique_ptr<Connection> Watch(const std::string& query, const std::string& headers = "") {
    auto connection = std::make_unique<Connection>(server_->port());
    connection->Send(absl::StrCat("GET /v1/jobs/a:watch", query, " HTTP/1.1\r\nHost: localhost\r\n",
                                  headers, "\r\n"));
    return connection;
  }

  void WaitForWatchers(int64_t count) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (server_->watchers() != count && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
    EXPECT_EQ(server_->watchers(), count);
  }

  // The revisions of the events in a body, in order.
  static std::vector<int64_t> Revisions(const std::string& text) {
    std::vector<int64_t> revisions;
    for (size_t at = 0; (at = text.find("\nevent: ", at)) != std::string::npos; ++at) {
      if (text.compare(at, 11, "\nevent: end") == 0) continue;
      const size_t id = text.rfind("id: ", at);
      revisions.push_back(std::strtoll(text.c_str() + id + 4, nullptr, 10));
    }
    return revisions;
  }

  FakeDaemon daemon_;
  std::promise<void> held_set_;
  Jobs::Callback<v1::CommandJobResponse> held_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersWithSecurityHeaders) {
  const std::string response = Exchange("GET /v1/jobs HTTP/1.1");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("Content-Security-Policy: default-src 'self'"));
  EXPECT_THAT(response, HasSubstr("X-Content-Type-Options: nosniff"));
  EXPECT_THAT(response, HasSubstr("X-Frame-Options: DENY"));
  EXPECT_THAT(response, Not(HasSubstr("Access-Control-Allow")));
}

TEST_F(HttpServerTest, KeepsTheConnectionForTheNextRequest) {
  Connection connection(server_->port());
  for (int i = 0; i < 3; ++i) connection.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  connection.Send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string text = connection.ReadAll();
  EXPECT_THAT(text, HasSubstr("metric 1\n"));
  size_t responses = 0;
  for (size_t at = 0; (at = text.find("HTTP/1.1 200", at)) != std::string::npos; ++at) ++responses;
  EXPECT_EQ(responses, 4u);
}

TEST_F(HttpServerTest, HeadHasTheHeadersOnly) {
  const std::string get = Exchange("GET /metrics HTTP/1.1");
  const std::string head = Exchange("HEAD /metrics HTTP/1.1");
  EXPECT_THAT(head, HasSubstr("Content-Length: 9\r\n"));
  EXPECT_EQ(head + "metric 1\n", get);
}

TEST_F(HttpServerTest, BadHttpIsRefused) {
  EXPECT_THAT(Exchange("NONSENSE"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Exchange("GET /v1/jobs HTTP/1.1\r\nX: " + std::string(20'000, 'x')),
              StartsWith("HTTP/1.1 431"));
  Connection connection(server_->port());
  connection.Send(
      "POST /v1/jobs/a:command HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n");
  EXPECT_THAT(connection.ReadAll(), StartsWith("HTTP/1.1 413"));
}

// Which one of two counts? A proxy may think otherwise than the daemon.
TEST_F(HttpServerTest, WhatMayBeGivenOnceIs) {
  daemon_.jobs.Add("a");
  for (const char* header : {"Host: localhost", "Host: example.org", "host: localhost",
                             "Origin: http://localhost\r\nOrigin: http://example.org",
                             "Origin: http://localhost\r\nORIGIN: http://localhost",
                             "Content-Type: text/plain\r\nContent-Type: application/json",
                             "X-Descent-Principal: ada\r\nX-Descent-Principal: bob",
                             "Last-Event-ID: 1\r\nLast-Event-ID: 0"}) {
    const std::string response = Exchange(absl::StrCat("GET /v1/jobs HTTP/1.1\r\n", header));
    EXPECT_THAT(response, StartsWith("HTTP/1.1 400")) << header;
    EXPECT_THAT(response, HasSubstr("more than once")) << header;
  }
  EXPECT_THAT(Exchange("GET /v1/jobs HTTP/1.1\r\nAccept: a/b\r\nAccept: c/d"),
              StartsWith("HTTP/1.1 200"));
  Connection none(server_->port());
  none.Send("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(none.ReadAll(), StartsWith("HTTP/1.1 400"));
}

TEST_F(HttpServerTest, ASlowRequestIsCutOff) {
  Start({.read_seconds = 0.1});
  Connection connection(server_->port());
  connection.Send("GET / HT");
  EXPECT_THAT(connection.ReadAll(), StartsWith("HTTP/1.1 408"));
  Connection silent(server_->port());  // never wanted anything
  EXPECT_EQ(silent.ReadAll(), "");
}

TEST_F(HttpServerTest, CommandsReachTheJob) {
  daemon_.jobs.Add("a");
  daemon_.jobs.on_command = [](const Caller&, const v1::CommandJobRequest& request,
                               Jobs::Callback<v1::CommandJobResponse> done) {
    std::thread([request, done] {
      v1::CommandJobResponse response;
      response.mutable_event()->mutable_command_applied()->set_request_id(request.request_id());
      done(response);
    }).detach();
  };
  const std::string response =
      Exchange("POST /v1/jobs/a:command HTTP/1.1",
               R"({"request_id": "r1", "commands": [{"scale": {"path": "lr", "factor": 0.5}}]})");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(response, HasSubstr("\"request_id\":\"r1\""));
}

TEST_F(HttpServerTest, SaysWhyThereIsNoAnswerYet) {
  Start({.answer_seconds = 0.05});
  daemon_.jobs.Add("a");
  daemon_.jobs.on_command = [&](const Caller&, const v1::CommandJobRequest&,
                                Jobs::Callback<v1::CommandJobResponse> done) { held_ = done; };
  const auto ask = [&] {
    return Exchange("POST /v1/jobs/a:command HTTP/1.1",
                    R"({"request_id": "r1", "commands": [{"pause": {}}]})");
  };
  EXPECT_THAT(ask(), AllOf(StartsWith("HTTP/1.1 504"), HasSubstr("STILL_WAITING"),
                           HasSubstr("no answer yet; the request stays accepted")));
  v1::Job job = *daemon_.jobs.Get({}, "jobs/a");
  job.set_stalled("the disk of /d is full");
  daemon_.jobs.Set(job);
  EXPECT_THAT(ask(), HasSubstr("no answer yet (the disk of /d is full); the request stays"));
}

TEST_F(HttpServerTest, StreamsTheJournalToItsEnd) {
  auto journal = daemon_.jobs.Add("a");
  ASSERT_TRUE(AppendAndWait(*journal, MakeIterations(0, 5000)).ok());
  auto watcher = Watch("");
  ASSERT_TRUE(watcher->ReadUntil("id: 5001\n"));
  EXPECT_EQ(server_->watchers(), 1);
  ASSERT_TRUE(AppendAndWait(*journal, {MakeState(v1::SUCCEEDED)}).ok());
  const std::string text = watcher->ReadAll();
  EXPECT_THAT(text, HasSubstr("Content-Type: text/event-stream"));
  EXPECT_THAT(text, HasSubstr("event: state_changed\ndata: {\"revision\":\"5002\""));
  EXPECT_THAT(text, HasSubstr("id: 5002\nevent: end\n"));
  const std::vector<int64_t> revisions = Revisions(text);
  ASSERT_EQ(revisions.size(), 5002u);
  for (size_t i = 0; i < revisions.size(); ++i) {
    ASSERT_EQ(revisions[i], static_cast<int64_t>(i + 1));
  }
}

TEST_F(HttpServerTest, ResumesFromTheLastEventId) {
  auto journal = daemon_.jobs.Add("a");
  ASSERT_TRUE(AppendAndWait(*journal, MakeIterations(0, 100)).ok());
  ASSERT_TRUE(AppendAndWait(*journal, {MakeState(v1::STOPPED)}).ok());
  auto watcher = Watch("?after_revision=3", "Last-Event-ID: 90\r\n");
  const std::vector<int64_t> revisions = Revisions(watcher->ReadAll());
  ASSERT_EQ(revisions.size(), 12u);
  EXPECT_EQ(revisions.front(), 91);
  EXPECT_EQ(revisions.back(), 102);
  // At the head of a finished job there is nothing but its end.
  auto again = Watch("", "Last-Event-ID: 102\r\n");
  const std::string text = again->ReadAll();
  EXPECT_TRUE(Revisions(text).empty());
  EXPECT_THAT(text, HasSubstr("event: end"));
}

TEST_F(HttpServerTest, WatchErrorsAreResponses) {
  EXPECT_THAT(Exchange("GET /v1/jobs/none:watch HTTP/1.1"), StartsWith("HTTP/1.1 404"));
  daemon_.jobs.Add("a");
  const std::string response = Exchange("GET /v1/jobs/a:watch?after_revision=9 HTTP/1.1");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(response, HasSubstr("OUT_OF_RANGE"));
}

TEST_F(HttpServerTest, KeepsIdleStreamsAliveAndTheirCursorMoving) {
  Start({.keep_alive_seconds = 0.05});
  auto journal = daemon_.jobs.Add("a");
  auto watcher = Watch("?kinds=notice");
  ASSERT_TRUE(watcher->ReadUntil(": keep-alive\n\n"));
  ASSERT_TRUE(AppendAndWait(*journal, MakeIterations(0, 10)).ok());
  ASSERT_TRUE(watcher->ReadUntil("id: 11\n\n"));
  EXPECT_THAT(watcher->text(), Not(HasSubstr("event:")));
}

TEST_F(HttpServerTest, SaysOfAStreamThatNothingMovesAndThatItGoesOn) {
  auto journal = daemon_.jobs.Add("a");
  auto watcher = Watch("?kinds=notice");
  ASSERT_TRUE(watcher->ReadUntil("retry:"));
  journal->SetWaiting("No room.");
  ASSERT_TRUE(watcher->ReadUntil("event: stalled\ndata: {\"stalled\":\"No room.\"}\n\n"));
  journal->SetWaiting("");
  ASSERT_TRUE(watcher->ReadUntil("event: stalled\ndata: {\"stalled\":\"\"}\n\n"));
}

// Events that it did not ask for came all the time, and no keep-alive came between them.
TEST_F(HttpServerTest, KeepsFilteredStreamsAliveWhateverHappens) {
  Start({.keep_alive_seconds = 0.05});
  auto journal = daemon_.jobs.Add("a");
  auto watcher = Watch("?kinds=notice");
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int64_t i = 0; !done; ++i) {
      ASSERT_TRUE(AppendAndWait(*journal, {MakeIteration(i)}).ok());
    }
  });
  int64_t cursor = 0;
  for (int i = 0; i < 5; ++i) {
    const size_t at = watcher->text().size();
    ASSERT_TRUE(watcher->ReadUntil(": keep-alive\n\nid: ", at));
    const size_t id = watcher->text().find("\n\nid: ", at) + 6;
    ASSERT_TRUE(watcher->ReadUntil("\n\n", id));
    const int64_t told = std::strtoll(watcher->text().c_str() + id, nullptr, 10);
    EXPECT_GT(told, cursor);
    cursor = told;
  }
  done = true;
  writer.join();
  EXPECT_THAT(watcher->text(), Not(HasSubstr("event:")));
}

// It does not wait for a keep-alive to fail, for the place is wanted.
TEST_F(HttpServerTest, AWatchEndsWhenItsTokenIsRevoked) {
  const auto access = Access::Open(daemon_.folder.path(), server::Clock::Real());
  ASSERT_TRUE(access.ok()) << access.status();
  const Caller admin{.principal = "root", .role = Role::kAdmin};
  v1::CreateTokenRequest request;
  request.set_role(v1::VIEWER);
  const v1::CreateTokenResponse token = (*access)->CreateToken(admin, request).value();
  const std::string header = absl::StrCat("Authorization: Bearer ", token.token());
  Start({.access = access->get()});
  daemon_.jobs.Add("a");
  auto watcher = Watch("", header + "\r\n");
  ASSERT_TRUE(watcher->ReadUntil("event: created"));
  v1::RevokeTokenRequest revocation;
  revocation.set_id(token.info().id());
  ASSERT_TRUE((*access)->RevokeToken(admin, revocation).ok());
  EXPECT_THAT(watcher->ReadAll(),
              AllOf(Not(HasSubstr("event: end")), HasSubstr("event: refused\ndata: {"),
                    HasSubstr(absl::StrCat("the token ", token.info().id(), " was revoked"))));
  EXPECT_THAT(Exchange(absl::StrCat("GET /v1/jobs/a:watch HTTP/1.1\r\n", header)),
              StartsWith("HTTP/1.1 401"));
  server_.reset();
}

TEST_F(HttpServerTest, AWatcherThatHasGoneGivesUpItsPlaceAtOnce) {
  auto journal = daemon_.jobs.Add("a");
  for (const char* query : {"", "?kinds=notice", "?every=1000"}) {
    {
      auto watcher = Watch(query);
      ASSERT_TRUE(watcher->ReadUntil("retry:"));
      WaitForWatchers(1);
    }
    WaitForWatchers(0);
  }
}

TEST_F(HttpServerTest, AHalfClosedWatcherIsServedOn) {
  auto journal = daemon_.jobs.Add("a");
  auto watcher = Watch("?kinds=notice");
  ASSERT_TRUE(watcher->ReadUntil("retry:"));
  watcher->CloseSending();
  ASSERT_TRUE(watcher->ReadUntil(": keep-alive\n\n"));  // is it still there?
  ASSERT_TRUE(watcher->ReadUntil(": keep-alive\n\n", watcher->text().size()));
  ASSERT_TRUE(AppendAndWait(*journal, {MakeNotice("hello"), MakeState(v1::SUCCEEDED)}).ok());
  EXPECT_THAT(watcher->ReadAll(), HasSubstr("hello"));
  WaitForWatchers(0);
}

// Fifty closed ones held their places, and some more ended all of HTTP.
TEST_F(HttpServerTest, WatchersHaveTheirLimitAndAreToldSo) {
  Start({.max_connections = [] { return int64_t{8}; }});
  auto journal = daemon_.jobs.Add("a");
  std::vector<std::unique_ptr<Connection>> watchers;
  for (int i = 0; i < 6; ++i) {
    watchers.push_back(Watch("?kinds=notice"));
    ASSERT_TRUE(watchers.back()->ReadUntil("retry:"));
  }
  auto refused = Watch("");
  EXPECT_THAT(refused->ReadAll(), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refused->text(), HasSubstr("TOO_MANY_CONNECTIONS"));
  EXPECT_THAT(refused->text(), HasSubstr("6 of them watch"));
  EXPECT_THAT(refused->text(), HasSubstr("Retry-After: 1"));
  EXPECT_GE(server_->refused_connections(), 1);
  // A place is kept for requests, and one that is given up is there for the next.
  EXPECT_THAT(Exchange("GET /v1/jobs HTTP/1.1"), StartsWith("HTTP/1.1 200"));
  watchers.pop_back();
  WaitForWatchers(5);
  EXPECT_TRUE(Watch("")->ReadUntil("retry:"));
}

TEST_F(HttpServerTest, WhoIsAnsweredHasALimitAndHealthIsBeyondIt) {
  Start({.max_connections = [] { return int64_t{4}; }});
  daemon_.jobs.Add("a");
  std::vector<Jobs::Callback<v1::CommandJobResponse>> held;
  absl::Mutex mutex;
  daemon_.jobs.on_command = [&](const Caller&, const v1::CommandJobRequest&,
                                Jobs::Callback<v1::CommandJobResponse> done) {
    absl::MutexLock lock(&mutex);
    held.push_back(std::move(done));
  };
  std::vector<std::future<std::string>> commands;
  for (int i = 0; i < 4; ++i) {
    commands.push_back(std::async(std::launch::async, [this] {
      return Exchange("POST /v1/jobs/a:command HTTP/1.1", R"({"commands": [{"pause": {}}]})");
    }));
  }
  {
    absl::MutexLock lock(&mutex);
    const auto all = [&] { return held.size() == 4; };
    mutex.Await(absl::Condition(&all));
  }
  EXPECT_THAT(Exchange("GET /v1/jobs HTTP/1.1"), StartsWith("HTTP/1.1 503"));
  for (const char* path : {"/healthz", "/readyz", "/metrics", "/healthz?x=1"}) {
    EXPECT_THAT(Exchange(absl::StrCat("GET ", path, " HTTP/1.1")), StartsWith("HTTP/1.1 200"));
  }
  for (auto& done : held) done(v1::CommandJobResponse());
  for (auto& command : commands) EXPECT_THAT(command.get(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Exchange("GET /v1/jobs HTTP/1.1"), StartsWith("HTTP/1.1 200"));
}

// Connections that say nothing, or half of something, give way to those that do.
TEST_F(HttpServerTest, HalfSentRequestsKeepNobodyOut) {
  Start({.max_connections = [] { return int64_t{4}; }});
  daemon_.jobs.Add("a");
  auto watcher = Watch("?kinds=notice");
  ASSERT_TRUE(watcher->ReadUntil("retry:"));
  std::vector<std::unique_ptr<Connection>> halves;
  for (int i = 0; i < 200; ++i) {
    halves.push_back(std::make_unique<Connection>(server_->port()));
    if (i % 2 == 0) halves.back()->Send("GET /healthz HTTP/1.1\r\nHost: loc");
    for (const char* path : {"/healthz", "/readyz", "/metrics", "/v1/jobs"}) {
      if (i % 20 != 19) continue;
      ASSERT_THAT(Exchange(absl::StrCat("GET ", path, " HTTP/1.1")), StartsWith("HTTP/1.1 200"));
    }
  }
  EXPECT_THAT(halves[0]->ReadAll(), StartsWith("HTTP/1.1 503"));
  EXPECT_LE(server_->connections(), 4 + 16);
  EXPECT_EQ(server_->watchers(), 1);
  halves.back()->Send("alhost\r\nConnection: close\r\n\r\n");
}

// Somebody may have used up the descriptors: some are held for those who ask how the daemon is.
TEST_F(HttpServerTest, HealthIsAnsweredThoughThereAreNoDescriptors) {
  Start({});
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlim_t before = std::exchange(limit.rlim_cur, 256);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  std::vector<int> all;
  const auto fill = [&] {
    for (int fd = 0; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) all.push_back(fd);
  };
  const auto ask = [&](const std::string& path) {
    fill();
    close(all.back());  // for the client
    all.pop_back();
    return Exchange(absl::StrCat("GET ", path, " HTTP/1.1"));
  };
  for (int i = 0; i < 20; ++i) EXPECT_THAT(ask("/healthz"), StartsWith("HTTP/1.1 200"));
  const std::string refused = ask("/v1/jobs");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refused, HasSubstr("out of file descriptors"));
  EXPECT_THAT(ask("/readyz"), StartsWith("HTTP/1.1 200"));
  for (const int fd : all) close(fd);
  EXPECT_THAT(Exchange("GET /v1/jobs HTTP/1.1"), StartsWith("HTTP/1.1 200"));
  limit.rlim_cur = before;
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST_F(HttpServerTest, AClientThatNeverReadsDelaysNobody) {
  auto journal = daemon_.jobs.Add("a");
  Connection lazy(server_->port(), /*receive_buffer=*/4096);
  lazy.Send("GET /v1/jobs/a:watch HTTP/1.1\r\nHost: localhost\r\n\r\n");
  auto watcher = std::async(std::launch::async, [this] { return Watch("")->ReadAll(); });
  for (int64_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(AppendAndWait(*journal, MakeIterations(i * 500, 500)).ok());
  }
  ASSERT_TRUE(AppendAndWait(*journal, {MakeState(v1::SUCCEEDED)}).ok());
  EXPECT_EQ(Revisions(watcher.get()).size(), 50'002u);
  EXPECT_EQ(server_->watchers(), 1);
}

TEST_F(HttpServerTest, AClientThatIsStuckIsLetGo) {
  Start({.write_seconds = 0.1});
  auto journal = daemon_.jobs.Add("a");
  ASSERT_TRUE(AppendAndWait(*journal, MakeIterations(0, 100'000)).ok());
  Connection lazy(server_->port(), /*receive_buffer=*/4096);
  lazy.Send("GET /v1/jobs/a:watch HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(lazy.ReadUntil("retry:"));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (server_->watchers() > 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  EXPECT_EQ(server_->watchers(), 0);
}

TEST_F(HttpServerTest, ShutsDownUnderLoad) {
  auto journal = daemon_.jobs.Add("a");
  daemon_.jobs.on_command = [this](const Caller&, const v1::CommandJobRequest&,
                                   Jobs::Callback<v1::CommandJobResponse> done) {
    held_ = std::move(done);
    held_set_.set_value();
  };
  std::vector<std::unique_ptr<Connection>> watchers;
  for (int i = 0; i < 5; ++i) watchers.push_back(Watch(""));
  for (auto& watcher : watchers) ASSERT_TRUE(watcher->ReadUntil("id: 1\n"));
  auto command = std::async(std::launch::async, [this] {
    return Exchange("POST /v1/jobs/a:command HTTP/1.1", R"({"commands": [{"pause": {}}]})");
  });
  held_set_.get_future().wait();
  server_->Shutdown();
  for (auto& watcher : watchers) watcher->ReadAll();
  EXPECT_EQ(command.get(), "");
  server_.reset();
  held_(v1::CommandJobResponse());  // the server is gone
}

TEST_F(HttpServerTest, APortInUseIsSaidSo) {
  HttpServer::Options options;
  options.listen = server_->address();
  const auto second = HttpServer::Create(Requests(daemon_.jobs), options);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("--http"));
}

}  // namespace
}  // namespace descent::daemon
