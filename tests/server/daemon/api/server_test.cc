#include "server/daemon/api/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <future>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "proto/rpc_status.h"
#include "tests/server/daemon/api/api_testing.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;

class ServerTest : public ApiTest {
 protected:
  ServerTest() {
    daemon_.jobs.on_command = [](const Caller& caller, const v1::CommandJobRequest& request,
                                 Jobs::Callback<v1::CommandJobResponse> done) {
      v1::CommandJobResponse response;
      response.mutable_event()->mutable_command_applied()->set_request_id(request.request_id());
      response.mutable_event()->mutable_command_applied()->set_principal(caller.principal);
      done(std::move(response));
    };
  }

  static v1::CommandJobRequest SetRequest(double value) {
    v1::CommandJobRequest request;
    request.set_name("jobs/a");
    request.set_request_id("r1");
    v1::Command::Set& set = *request.add_commands()->mutable_set();
    set.set_path("step_size");
    set.set_value(value);
    return request;
  }

  grpc::Status Command(const v1::CommandJobRequest& request, v1::CommandJobResponse* response,
                       const std::string& principal = "") {
    grpc::ClientContext context;
    Bound(context);
    if (!principal.empty()) context.AddMetadata("x-descent-principal", principal);
    return stub_->CommandJob(&context, request, response);
  }

  // Calls `method` with these bytes for a request.
  grpc::Status Raw(const std::string& method, const std::string& bytes) {
    grpc::GenericStub stub(Connect());
    grpc::ClientContext context;
    Bound(context);
    grpc::CompletionQueue queue;
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    auto call =
        stub.PrepareUnaryCall(&context, "/descent.v1.TrainingService/" + method, request, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag;
    bool ok;
    queue.Next(&tag, &ok);
    queue.Shutdown();
    return status;
  }

  // Asks grpc.health.v1.Health.Check of the whole server: 1 is SERVING, 2 NOT_SERVING.
  int Health() {
    grpc::GenericStub stub(Connect());
    grpc::ClientContext context;
    Bound(context);
    grpc::CompletionQueue queue;
    grpc::ByteBuffer request, response;
    grpc::Slice empty;
    request = grpc::ByteBuffer(&empty, 1);
    auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag;
    bool ok;
    queue.Next(&tag, &ok);
    queue.Shutdown();
    grpc::Slice slice;
    if (!status.ok() || !response.DumpToSingleSlice(&slice).ok() || slice.size() != 2) return -1;
    return slice.begin()[1];
  }
};

// A client that goes away, or whose deadline passes, ends what is done for it alone.
TEST_F(ServerTest, TellsTheJobsThatNobodyWaitsForAnAnswer) {
  std::promise<void> validation_cancelled, creation_cancelled;
  std::promise<std::string> asked;
  Jobs::Callback<v1::ValidateSpecResponse> late;
  daemon_.jobs.on_validate = [&](const Caller& caller, const v1::ValidateSpecRequest&,
                                 Jobs::Callback<v1::ValidateSpecResponse> done) {
    late = std::move(done);
    asked.set_value(caller.principal);
  };
  daemon_.jobs.on_create = [&](const Caller&, const v1::CreateJobRequest&,
                               Jobs::Callback<v1::Job>) {};
  daemon_.jobs.on_cancel = [&] { validation_cancelled.set_value(); };
  {
    grpc::ClientContext context;
    Bound(context);
    context.AddMetadata("x-descent-principal", "ada");
    v1::ValidateSpecRequest request;
    request.mutable_spec();
    v1::ValidateSpecResponse response;
    std::thread client([&] {
      EXPECT_EQ(stub_->ValidateSpec(&context, request, &response).error_code(),
                grpc::StatusCode::CANCELLED);
    });
    EXPECT_EQ(asked.get_future().get(), "ada");
    context.TryCancel();
    client.join();
    validation_cancelled.get_future().wait();
    late(v1::ValidateSpecResponse());  // too late for anything
  }
  daemon_.jobs.on_cancel = [&] { creation_cancelled.set_value(); };
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  v1::CreateJobRequest request;
  request.mutable_job()->mutable_spec();
  v1::Job job;
  EXPECT_EQ(stub_->CreateJob(&context, request, &job).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  creation_cancelled.get_future().wait();
}

TEST_F(ServerTest, NamesWhoAsks) {
  daemon_.jobs.Add("a");
  v1::CommandJobResponse response;
  EXPECT_TRUE(Command(SetRequest(0.1), &response).ok());
  EXPECT_EQ(response.event().command_applied().principal(), "anonymous");
  EXPECT_TRUE(Command(SetRequest(0.1), &response, "ada@example.org").ok());
  EXPECT_EQ(response.event().command_applied().principal(), "ada@example.org");
  const grpc::Status status = Command(SetRequest(0.1), &response, std::string(129, 'x'));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(GetErrorDetail(FromGrpcStatus(status)).reason, "INVALID_PRINCIPAL");
}

TEST_F(ServerTest, RefusesCommandsThatCannotBeMeant) {
  daemon_.jobs.Add("a");
  v1::CommandJobResponse response;
  const auto field_at_fault = [&](const v1::CommandJobRequest& request) -> std::string {
    const grpc::Status status = Command(request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    const ErrorDetail detail = GetErrorDetail(FromGrpcStatus(status));
    return detail.violations.empty() ? "" : detail.violations[0].field;
  };
  EXPECT_EQ(field_at_fault(SetRequest(std::numeric_limits<double>::quiet_NaN())),
            "commands[0].set.value");
  EXPECT_EQ(field_at_fault(SetRequest(std::numeric_limits<double>::infinity())),
            "commands[0].set.value");
  v1::CommandJobRequest request = SetRequest(1);
  request.clear_request_id();
  EXPECT_EQ(field_at_fault(request), "request_id");
  request = SetRequest(1);
  request.add_commands();
  EXPECT_EQ(field_at_fault(request), "commands[1]");
  request = SetRequest(1);
  request.mutable_commands(0)->mutable_set()->clear_path();
  EXPECT_EQ(field_at_fault(request), "commands[0].set.path");
  request = SetRequest(1);
  request.set_at_iteration(-1);
  EXPECT_EQ(field_at_fault(request), "at_iteration");
  request = SetRequest(1);
  request.clear_commands();
  EXPECT_EQ(field_at_fault(request), "commands");
  request = SetRequest(1);
  request.set_name("");
  EXPECT_EQ(field_at_fault(request), "name");
}

// A command of a newer protocol must not silently do nothing.
TEST_F(ServerTest, RefusesFieldsItDoesNotKnow) {
  daemon_.jobs.Add("a");
  v1::CommandJobRequest request = SetRequest(1);
  v1::Command& command = *request.mutable_commands(0);
  command.GetReflection()->MutableUnknownFields(&command)->AddVarint(1234, 1);
  v1::CommandJobResponse response;
  const grpc::Status status = Command(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(GetErrorDetail(FromGrpcStatus(status)).violations[0].field, "commands[0].#1234");
}

// gRPC's own way is to say UNIMPLEMENTED without a word.
TEST_F(ServerTest, ARequestThatCannotBeReadIsAnsweredWithAText) {
  daemon_.jobs.Add("a");
  const auto refusal = [&](const std::string& method, const std::string& bytes) {
    const grpc::Status status = Raw(method, bytes);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << method;
    EXPECT_EQ(GetErrorDetail(FromGrpcStatus(status)).reason, "INVALID_REQUEST") << method;
    return status.error_message();
  };
  for (const char* method : {"CreateJob", "GetJob", "ListJobs", "DeleteJob", "ValidateSpec",
                             "WatchJob", "CommandJob", "PredictJob"}) {
    for (const std::string& bytes : {std::string("\xff\xff\xff"),
                                     std::string("\x0a\x7f"
                                                 "abc"),
                                     std::string(99, '\x0b')}) {
      EXPECT_THAT(refusal(method, bytes), HasSubstr("can't be read")) << method;
    }
  }
  const std::string bad = "\x0a\x02\xc3\x28";  // field 1, two bytes
  for (const char* method : {"GetJob", "DeleteJob", "WatchJob", "CommandJob", "PredictJob"}) {
    EXPECT_THAT(refusal(method, bad), HasSubstr("name is not UTF-8"));
  }
  v1::CommandJobRequest request = SetRequest(0.1);
  request.mutable_commands(0)->mutable_set()->set_path("step\xe4");
  EXPECT_THAT(refusal("CommandJob", request.SerializeAsString()),
              HasSubstr("commands.set.path is not UTF-8"));
  v1::CreateJobRequest create;
  (*create.mutable_job()->mutable_labels())["team"] = "B\xe4ume";
  EXPECT_THAT(refusal("CreateJob", create.SerializeAsString()),
              HasSubstr("job.labels.value is not UTF-8"));
}

TEST_F(ServerTest, ErrorsKeepTheirDetails) {
  daemon_.jobs.Add("a");
  daemon_.jobs.on_command = [](const Caller&, const v1::CommandJobRequest&,
                               Jobs::Callback<v1::CommandJobResponse> done) {
    done(InvalidField("commands[0].set.value", "must be at least 0", "OUT_OF_RANGE"));
  };
  v1::CommandJobResponse response;
  const grpc::Status status = Command(SetRequest(-1), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const ErrorDetail detail = GetErrorDetail(FromGrpcStatus(status));
  EXPECT_EQ(detail.reason, "OUT_OF_RANGE");
  EXPECT_EQ(detail.domain, "descent");
  ASSERT_EQ(detail.violations.size(), 1u);
  EXPECT_EQ(detail.violations[0].field, "commands[0].set.value");
}

TEST_F(ServerTest, UnknownJobsAreNotFoundAndTheNearestIsSuggested) {
  daemon_.jobs.Add("fashion");
  v1::GetJobRequest request;
  request.set_name("jobs/fasion");
  v1::Job job;
  grpc::ClientContext context;
  Bound(context);
  const grpc::Status status = stub_->GetJob(&context, request, &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("did you mean jobs/fashion?"));
  v1::CommandJobRequest command = SetRequest(1);
  command.set_name("jobs/zebra");
  v1::CommandJobResponse response;
  const grpc::Status other = Command(command, &response);
  EXPECT_EQ(other.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(other.error_message(), ::testing::Not(HasSubstr("did you mean")));
}

TEST_F(ServerTest, CreateNeedsASpecAndAValidId) {
  v1::CreateJobRequest request;
  request.set_job_id("Not Valid");
  v1::Job job;
  grpc::ClientContext context;
  Bound(context);
  const grpc::Status status = stub_->CreateJob(&context, request, &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const ErrorDetail detail = GetErrorDetail(FromGrpcStatus(status));
  ASSERT_EQ(detail.violations.size(), 2u);
  EXPECT_EQ(detail.violations[0].field, "job");
  EXPECT_EQ(detail.violations[1].field, "job_id");
}

TEST_F(ServerTest, AnAnswerAfterTheDeadlineIsDropped) {
  daemon_.jobs.Add("a");
  std::promise<Jobs::Callback<v1::CommandJobResponse>> held;
  daemon_.jobs.on_command = [&](const Caller&, const v1::CommandJobRequest&,
                                Jobs::Callback<v1::CommandJobResponse> done) {
    held.set_value(std::move(done));
  };
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  v1::CommandJobResponse response;
  const grpc::Status status = stub_->CommandJob(&context, SetRequest(1), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  held.get_future().get()(v1::CommandJobResponse());
}

TEST_F(ServerTest, ShutdownDoesNotWaitForAnswersPastTheDeadline) {
  daemon_.jobs.Add("a");
  std::promise<Jobs::Callback<v1::CommandJobResponse>> held;
  daemon_.jobs.on_command = [&](const Caller&, const v1::CommandJobRequest&,
                                Jobs::Callback<v1::CommandJobResponse> done) {
    held.set_value(std::move(done));
  };
  auto call = std::async(std::launch::async, [this] {
    v1::CommandJobResponse response;
    return Command(SetRequest(1), &response);
  });
  Jobs::Callback<v1::CommandJobResponse> done = held.get_future().get();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  EXPECT_FALSE(call.get().ok());
  server_.reset();
  done(v1::CommandJobResponse());  // the server is gone
}

TEST_F(ServerTest, HealthFollowsTheDaemon) {
  EXPECT_EQ(Health(), 1);
  healthy_ = false;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (Health() != 2 && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_EQ(Health(), 2);
}

TEST_F(ServerTest, APortInUseIsSaidSo) {
  ApiServer::Options options;
  options.listen = server_->address();
  const auto second = ApiServer::Create(Requests(daemon_.jobs), options);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(server_->address()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
  EXPECT_EQ(GetErrorDetail(second.status()).reason, "PORT_IN_USE");
}

// What a connection that speaks bytes is told until its end.
std::string ReadToEnd(int fd) {
  std::string all;
  char buffer[4096];
  for (ssize_t n = 0; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
    all.append(buffer, static_cast<size_t>(n));
  }
  return all;
}

// Connects `fd`, and makes a call on it as far as frames go.
int ConnectedSocket(int port, int fd) {
  timeval timeout{.tv_sec = 20, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  using std::string_literals::operator""s;
  const std::string call =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s
      "\0\0\0\4\0\0\0\0\0"s       // settings
      "\0\0\1\1\4\0\0\0\1\x83"s;  // headers of stream 1: a POST
  EXPECT_EQ(send(fd, call.data(), call.size(), MSG_NOSIGNAL), static_cast<ssize_t>(call.size()));
  return fd;
}

// gRPC's own listener would be gone for good after that.
TEST_F(ServerTest, ComesBackWhenDescriptorsRanOut) {
  daemon_.jobs.Add("a");
  v1::CommandJobResponse response;
  ASSERT_TRUE(Command(SetRequest(0.1), &response).ok());
  std::vector<int> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<int> fillers;
  rlimit low = before;
  low.rlim_cur = static_cast<rlim_t>(clients.back()) + 10;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  for (int fd = 0; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) fillers.push_back(fd);
  EXPECT_EQ(errno, EMFILE);

  for (const int fd : clients) {
    ConnectedSocket(server_->port(), fd);
    EXPECT_THAT(ReadToEnd(fd), HasSubstr("out of file descriptors"));
  }
  EXPECT_THAT(std::string(server_->listening().message()), HasSubstr("descriptors"));
  // Those who are connected are served.
  EXPECT_TRUE(Command(SetRequest(0.1), &response).ok());
  EXPECT_EQ(server_->refused_connections(), 5);

  for (const int fd : fillers) close(fd);
  for (const int fd : clients) close(fd);
  EXPECT_TRUE(server_->listening().ok());
  EXPECT_EQ(Health(), 1);  // over a connection of its own
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(ServerTest, ConnectionsHaveTheirLimitAndAreToldSo) {
  daemon_.jobs.Add("a");
  ApiServer::Options options;
  options.listen = "127.0.0.1:0";
  options.max_connections = [] { return int64_t{3}; };
  const auto server = *ApiServer::Create(Requests(daemon_.jobs), options);
  std::vector<int> clients;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(server->listening().ok());
    clients.push_back(ConnectedSocket(server->port(), socket(AF_INET, SOCK_STREAM, 0)));
    char preface[9];  // the server's settings: it has been taken
    EXPECT_EQ(recv(clients.back(), preface, sizeof(preface), MSG_WAITALL), 9);
  }
  EXPECT_EQ(server->connections(), 3);
  EXPECT_THAT(std::string(server->listening().message()), HasSubstr("3 gRPC connections"));
  const int refused = ConnectedSocket(server->port(), socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_THAT(ReadToEnd(refused), HasSubstr("3 gRPC connections, as many as it may have"));
  close(refused);
  // In gRPC's words.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel =
      grpc::CreateCustomChannel(server->address(), grpc::InsecureChannelCredentials(), arguments);
  const auto stub = v1::TrainingService::NewStub(channel);
  v1::GetJobRequest request;
  request.set_name("jobs/a");
  v1::Job job;
  {
    grpc::ClientContext context;
    Bound(context);
    const grpc::Status status = stub->GetJob(&context, request, &job);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_THAT(status.error_message(), HasSubstr("3 gRPC connections, as many as it may have"));
  }
  // One goes: there is room, for the same client too.
  close(clients.back());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (server->connections() == 3 && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_TRUE(server->listening().ok());
  grpc::ClientContext context;
  Bound(context);
  const grpc::Status status = stub->GetJob(&context, request, &job);
  EXPECT_TRUE(status.ok()) << status.error_message();
  close(clients[0]);
  close(clients[1]);
}

class IdleTest : public ApiTest {
 protected:
  IdleTest() : ApiTest({.max_idle = std::chrono::milliseconds(200)}) {}
};

TEST_F(IdleTest, AConnectionWithoutACallGoesAndAWatchStays) {
  const auto journal = daemon_.jobs.Add("a");
  grpc::ClientContext watching;
  Bound(watching);
  const auto watch = stub_->WatchJob(&watching, WatchRequest("jobs/a"));
  v1::WatchJobResponse response;
  ASSERT_TRUE(watch->Read(&response));

  const std::shared_ptr<grpc::Channel> channel = Connect();
  const auto stub = v1::TrainingService::NewStub(channel);
  const auto call = [&] {
    grpc::ClientContext context;
    Bound(context);
    v1::ListJobsResponse jobs;
    return stub->ListJobs(&context, v1::ListJobsRequest(), &jobs);
  };
  ASSERT_TRUE(call().ok());
  const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(30);
  EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY, deadline));
  // Nobody notices it.
  EXPECT_TRUE(call().ok());

  ASSERT_TRUE(AppendAndWait(*journal, {MakeNotice("still there")}).ok());
  bool told = false;
  while (!told && watch->Read(&response)) {
    for (const v1::Event& event : response.events()) {
      told = told || event.notice().message() == "still there";
    }
  }
  EXPECT_TRUE(told);
  watching.TryCancel();
}

TEST_F(ServerTest, WithoutTlsListensOnLoopbackOnly) {
  for (const char* address : {"0.0.0.0:0", "192.0.2.1:7600", "[::]:0", "no..name:1", "127.0.0.1",
                              "127.0.0.1:70000", "127.0.0.1:x"}) {
    ApiServer::Options options;
    options.listen = address;
    const auto server = ApiServer::Create(Requests(daemon_.jobs), options);
    ASSERT_FALSE(server.ok()) << address;
    EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(server.status().message()), HasSubstr("--listen"));
  }
}

TEST_F(ServerTest, RequestsOverTheLimitAreRefused) {
  v1::CreateJobRequest request;
  request.mutable_job()->mutable_spec();
  request.mutable_job()->set_display_name(std::string(5 << 20, 'x'));
  v1::Job job;
  grpc::ClientContext context;
  Bound(context);
  EXPECT_EQ(stub_->CreateJob(&context, request, &job).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace descent::daemon
