#include "server/daemon/workers/session.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "descent/worker/v1/worker.grpc.pb.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

// Welcomes everybody, and acknowledges what they say.
class Host final : public SessionHandler {
 public:
  void OnHello(ConnectionPtr connection, worker::v1::Hello, Resume resume) override {
    worker::v1::DaemonMessage message;
    message.mutable_welcome();
    connection->Send(message);
    resume();
  }
  void OnMessage(ConnectionPtr connection, worker::v1::WorkerMessage, Resume resume) override {
    connection->SendAck(7);
    resume();
  }
  void OnUnreadable(ConnectionPtr, std::string, Resume resume) override { resume(); }
  void OnClosed(ConnectionPtr) override {}
};

// Runs a server of workers that waits for a Hello for a moment only.
class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    auto server =
        WorkerServer::Create(Path(), {.hello_time = std::chrono::milliseconds(200)}, &host_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::string Path() const { return folder_.File("w.sock"); }

  std::unique_ptr<worker::v1::WorkerService::Stub> Connect() {
    return worker::v1::WorkerService::NewStub(
        grpc::CreateChannel("unix:" + Path(), grpc::InsecureChannelCredentials()));
  }

  // Fails unless a session that says nothing is ended.
  void ExpectEndOfSilent() {
    const auto stub = Connect();
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto stream = stub->Session(&context);
    worker::v1::DaemonMessage message;
    ASSERT_TRUE(stream->Read(&message));
    EXPECT_EQ(message.fenced().reason(), "No Hello came within 0.2 s");
    EXPECT_FALSE(stream->Read(&message));
    EXPECT_TRUE(stream->Finish().ok());
  }

  // Says this, and waits until the server closes the connection.
  bool IsClosedAfter(std::string_view text) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = Path();
    std::copy(path.begin(), path.end(), address.sun_path);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    char dropped[4096];
    ssize_t count = 0;
    while ((count = recv(fd, dropped, sizeof(dropped), 0)) > 0) {
    }
    const bool is_closed = count == 0 || errno == ECONNRESET;
    close(fd);
    return is_closed;
  }

  TestFolder folder_;
  Host host_;
  std::unique_ptr<WorkerServer> server_;
};

TEST_F(SessionTest, WhoSaysNothingIsClosed) {
  EXPECT_TRUE(IsClosedAfter(""));
  EXPECT_TRUE(IsClosedAfter("PRI * HTTP/2.0\r\n"));
  // All of HTTP/2's greeting, with empty settings, and then no call.
  EXPECT_TRUE(
      IsClosedAfter(std::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33)));
}

TEST_F(SessionTest, ASessionWithoutHelloEndsWithAWord) { ExpectEndOfSilent(); }

TEST_F(SessionTest, ASessionThatHasGreetedGoesOn) {
  const auto stub = Connect();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto stream = stub->Session(&context);
  worker::v1::WorkerMessage hello;
  hello.mutable_hello()->set_protocol_version(2);
  ASSERT_TRUE(stream->Write(hello));
  worker::v1::DaemonMessage message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_TRUE(message.has_welcome());
  ExpectEndOfSilent();  // which was there for less long
  worker::v1::WorkerMessage heartbeat;
  heartbeat.mutable_heartbeat();
  EXPECT_TRUE(stream->Write(heartbeat));
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.ack().sequence(), 7);
}

}  // namespace
}  // namespace descent::daemon
