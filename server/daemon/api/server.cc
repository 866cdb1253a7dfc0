#include "server/daemon/api/server.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "descent/v1/training_service.grpc.pb.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/common/executor.h"
#include "server/common/mutex.h"
#include "server/daemon/api/audit.h"
#include "server/daemon/api/callers.h"
#include "server/daemon/api/datasets.h"
#include "server/daemon/api/predict.h"
#include "server/daemon/api/pulse.h"
#include "server/daemon/api/tokens.h"
#include "server/daemon/api/unary.h"
#include "server/daemon/api/watch.h"
#include "server/daemon/requests/requests.h"
#include "server/daemon/sockets/grpc_listener.h"
#include "server/daemon/sockets/listen_address.h"
#include "server/daemon/tls/grpc_credentials.h"

namespace descent::daemon {
namespace {

constexpr int kMaxRequestBytes = 4 << 20;
constexpr int kMaxMetadataBytes = 16 << 10;
constexpr std::chrono::milliseconds kHealthPeriod{200};

// This is the callback service with raw methods: a request that can't be read is answered by us,
// with a text, and what WatchJob sends is serialized already.
using Methods = v1::TrainingService;
using TrainingServiceBase = Methods::WithRawCallbackMethod_CreateJob<
    Methods::WithRawCallbackMethod_GetJob<Methods::WithRawCallbackMethod_ListJobs<
        Methods::WithRawCallbackMethod_DeleteJob<Methods::WithRawCallbackMethod_ValidateSpec<
            Methods::WithRawCallbackMethod_WatchJob<Methods::WithRawCallbackMethod_CommandJob<
                Methods::WithRawCallbackMethod_PredictJob<Methods::Service>>>>>>>>;

class TrainingServiceImpl final : public TrainingServiceBase {
 public:
  TrainingServiceImpl(Requests requests, const ApiServer::Options& options)
      : callers_(options.access, {.calls = options.max_calls, .bytes = options.max_request_bytes}),
        requests_(requests),
        watches_(requests, callers_, options.reader_threads, options.clock),
        reading_(options.reader_threads) {}

  const Callers& callers() const { return callers_; }

  grpc::ServerUnaryReactor* CreateJob(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return ServeLater(requests_, callers_, {context, request, response}, &Requests::Create);
  }

  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override {
    return ServeOn(reading_, requests_, callers_, {context, request, response}, &Requests::Get);
  }

  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override {
    return ServeOn(reading_, requests_, callers_, {context, request, response}, &Requests::List);
  }

  grpc::ServerUnaryReactor* DeleteJob(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override {
    return ServeLater(requests_, callers_, {context, request, response}, &Requests::Delete);
  }

  grpc::ServerUnaryReactor* ValidateSpec(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override {
    return ServeLater(requests_, callers_, {context, request, response}, &Requests::Validate);
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchJob(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request) override {
    return watches_.Watch(callers_.Of(*context), request);
  }

  grpc::ServerUnaryReactor* CommandJob(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override {
    return ServeLater(requests_, callers_, {context, request, response}, &Requests::Command);
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* PredictJob(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request) override {
    return ServePredict(requests_, *request, callers_.Admit(*context, request->Length()));
  }

  WatchService& watches() { return watches_; }
  const WatchService& watches() const { return watches_; }

 private:
  const Callers callers_;
  const Requests requests_;
  WatchService watches_;
  server::Executor reading_;  // for GetJob and ListJobs
};

class ApiServerImpl final : public ApiServer {
 public:
  ApiServerImpl(Requests requests, Options options)
      : options_(std::move(options)),
        service_(requests, options_),
        datasets_(service_.callers(), options_.datasets, requests.counts()),
        tokens_(options_.access, service_.callers(), requests.counts(), requests.audit()),
        audit_(requests, service_.callers()) {}

  ~ApiServerImpl() override { ApiServerImpl::Shutdown(std::chrono::system_clock::now()); }

  absl::Status Start() {
    absl::StatusOr<ListenAddress> address = ParseListenAddress(options_.listen, "--listen");
    if (!address.ok()) return address.status();
    const bool encrypted = options_.certificate != nullptr;
    if (absl::Status status = CheckReach(*address, encrypted, "--listen"); !status.ok()) {
      return status;
    }
    if (absl::Status status = ProbeListenAddress(*address, "--listen"); !status.ok()) return status;

    // This is one reference that is never given back: the last one to go would wait for gRPC's
    // poller of blocked writes, up to 10 s if a client that doesn't read was connected.
    [[maybe_unused]] static const bool kept = (grpc_init(), true);
    grpc::ServerBuilder builder;
    absl::StatusOr<std::unique_ptr<GrpcListener>> listener = GrpcListener::Tcp(
        address->host, address->port,
        {.max_connections = [this] { return options_.max_connections() - ConnectionsOf(socket_); },
         .credentials = encrypted ? GrpcCredentials(options_.certificate) : nullptr});
    if (!listener.ok()) {
      return MakeError(absl::StatusCode::kUnavailable,
                       absl::StrCat("--listen: ", std::string(listener.status().message())),
                       reason::kCannotListen);
    }
    listener_ = *std::move(listener);
    listener_->AddTo(builder);
    if (!options_.client_socket.empty()) {
      listener = GrpcListener::Unix(options_.client_socket, {.max_connections = [this] {
                                      return options_.max_connections() - ConnectionsOf(listener_);
                                    }});
      if (!listener.ok()) {
        return MakeError(
            absl::StatusCode::kUnavailable,
            absl::StrCat("the clients' socket: ", std::string(listener.status().message())),
            reason::kCannotListen);
      }
      socket_ = *std::move(listener);
      socket_->AddTo(builder);
    }
    // This is for those who connect and then say nothing, or half of it.
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
    builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 4096);
    // A client that vanished is noticed within a minute and a half; clients may ping every 10 s.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
    // A client that is alive and wants nothing gives its descriptor back.
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                               static_cast<int>(options_.max_idle.count()));
    builder.RegisterService(&service_);
    builder.RegisterService(&datasets_);
    builder.RegisterService(&tokens_);
    builder.RegisterService(&audit_);
    // This holds for all servers that the process makes from here on. Reflection is on by linking
    // its library (a static initializer registers it; to do so again logs an error at each start).
    grpc::EnableDefaultHealthCheckService(true);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      return MakeError(absl::StatusCode::kUnavailable,
                       absl::StrCat("--listen: cannot listen on ", address->ToString()),
                       reason::kCannotListen);
    }
    address->port = port_ = listener_->port();
    address_ = address->ToString();
    listener_->Start();
    if (socket_ != nullptr) socket_->Start();
    SetServing(options_.health().ok());
    health_thread_ = std::thread([this] { WatchHealth(); });
    return absl::OkStatus();
  }

  const std::string& address() const override { return address_; }
  int port() const override { return port_; }
  int64_t watchers() const override { return service_.watches().watchers(); }
  int64_t lag() const override { return service_.watches().lag(); }
  int64_t connections() const override { return ConnectionsOf(listener_) + ConnectionsOf(socket_); }
  int64_t refused_connections() const override {
    return listener_->refused() + (socket_ == nullptr ? 0 : socket_->refused());
  }
  absl::Status listening() const override {
    absl::Status status = listener_->health();
    return status.ok() && socket_ != nullptr ? socket_->health() : status;
  }

  void Shutdown(std::chrono::system_clock::time_point deadline) override {
    {
      server::MutexLock lock(mutex_);
      if (shut_down_) return;
      shut_down_ = true;
      shutting_down_.SignalAll();
    }
    if (health_thread_.joinable()) health_thread_.join();
    if (listener_ != nullptr) listener_->Stop();
    if (socket_ != nullptr) socket_->Stop();
    service_.watches().EndAll(
        MakeError(absl::StatusCode::kUnavailable,
                  "descentd is shutting down; watch again from the last revision once it is back",
                  reason::kShuttingDown));
    if (server_ == nullptr) return;
    server_->GetHealthCheckService()->Shutdown();
    server_->Shutdown(deadline);
    server_->Wait();
  }

 private:
  static int64_t ConnectionsOf(const std::unique_ptr<GrpcListener>& listener) {
    return listener == nullptr ? 0 : listener->connections();
  }

  void SetServing(bool serving) {
    grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
    health->SetServingStatus(serving);
    health->SetServingStatus(v1::TrainingService::service_full_name(), serving);
  }

  void WatchHealth() {
    bool serving = options_.health().ok();
    SetServing(serving);
    server::MutexLock lock(mutex_);
    while (!shut_down_) {
      // A wake-up for nothing makes it look a little early, which does no harm.
      if (shutting_down_.WaitFor(mutex_, kHealthPeriod) && shut_down_) break;
      pulse_.Beat();
      if (options_.health().ok() == serving) continue;
      serving = !serving;
      SetServing(serving);
    }
  }

  const Options options_;
  TrainingServiceImpl service_;
  DatasetServiceImpl datasets_;
  TokenServiceImpl tokens_;
  AuditServiceImpl audit_;
  std::string address_;
  int port_ = 0;
  std::unique_ptr<GrpcListener> listener_;  // of addresses
  std::unique_ptr<GrpcListener> socket_;    // the clients' socket; null: there is none
  std::unique_ptr<grpc::Server> server_;    // it must go before the services do
  server::Mutex mutex_;
  server::CondVar shutting_down_;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  Pulse pulse_;
  std::thread health_thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Create(Requests requests, Options options) {
  auto server = std::make_unique<ApiServerImpl>(requests, std::move(options));
  if (absl::Status status = server->Start(); !status.ok()) return status;
  return server;
}

}  // namespace descent::daemon
