#include "server/daemon/workers/session.h"

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "descent/worker/v1/worker.grpc.pb.h"
#include "proto/message_text.h"
#include "server/common/log.h"
#include "server/common/mutex.h"
#include "server/common/reactor.h"
#include "server/daemon/sockets/grpc_listener.h"

namespace descent::daemon {
namespace {

using server::LogError;
using server::MutexLock;
using worker::v1::DaemonMessage;
using worker::v1::WorkerMessage;

// A batch is at most a few MiB; the specs of Start and Validated are far smaller.
constexpr int kMaxMessageBytes = 64 << 20;
// A worker has one session, and for a moment the one before.
constexpr int kMaxSessions = 8;

using BidiReactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

class Session final : public server::StreamReactor<BidiReactor>, public WorkerConnection {
 public:
  explicit Session(SessionHandler* handler) : handler_(handler) {}

  // Ends the session unless it has greeted by then.
  void AwaitHello(std::chrono::milliseconds time) {
    hello_alarm_.Set(std::chrono::system_clock::now() + time,
                     [weak = std::weak_ptr<Session>(Self()), time](bool is_over) {
                       const std::shared_ptr<Session> self = weak.lock();
                       if (!is_over || self == nullptr || self->greeted_) return;
                       self->Fence(absl::StrCat("No Hello came within ",
                                                static_cast<double>(time.count()) / 1000, " s"));
                     });
  }

  // Reads the next message, but not once the session is finished: a handler may resume then.
  void ReadNext() {
    MutexLock lock(mutex_);
    if (!finished()) StartRead(&incoming_);
  }

  void Send(DaemonMessage message) override {
    MutexLock lock(mutex_);
    if (ending()) return;
    outgoing_.push_back(std::move(message));
    WriteNext();
  }

  void SendAck(int64_t sequence) override {
    MutexLock lock(mutex_);
    if (ending()) return;
    ack_ = sequence;
    WriteNext();
  }

  void Fence(const std::string& reason) override {
    MutexLock lock(mutex_);
    if (ending()) return;
    DaemonMessage message;
    message.mutable_fenced()->set_reason(reason);
    outgoing_.push_back(std::move(message));
    EndWith(grpc::Status::OK);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      ReportClosed();
      MutexLock lock(mutex_);
      outgoing_.clear();
      ack_.reset();
      EndWith(grpc::Status::OK);
      return;
    }
    WorkerMessage message;
    const absl::Status readable = FromBytes(incoming_, &message);
    incoming_.Clear();
    auto resume = [self = Self()] { self->ReadNext(); };
    if (!readable.ok()) {
      LogError("workers", absl::StrCat("a worker's message: ", std::string(readable.message())));
      if (greeted_) {
        handler_->OnUnreadable(Self(), std::string(readable.message()), resume);
      } else {
        Fence(std::string(readable.message()));
        resume();
      }
    } else if (!greeted_) {
      if (!message.has_hello()) {
        Fence("The first message must be Hello");
        return resume();
      }
      greeted_ = true;
      hello_alarm_.Cancel();
      handler_->OnHello(Self(), std::move(*message.mutable_hello()), resume);
    } else {
      handler_->OnMessage(Self(), std::move(message), resume);
    }
  }

  // Nobody reads while the handler takes its time, so the end must be noticed here.
  void OnCancel() override {
    MutexLock lock(mutex_);
    outgoing_.clear();
    ack_.reset();
    EndWith(grpc::Status::OK);
  }

 private:
  std::shared_ptr<Session> Self() { return std::static_pointer_cast<Session>(shared_from_this()); }

  void OnWritten(bool ok) override {
    if (ok) return;
    MutexLock lock(mutex_);
    outgoing_.clear();
  }

  void OnGone() override { ReportClosed(); }

  // Reactions run one at a time: OnReadDone, or OnDone after all others.
  void ReportClosed() {
    if (!std::exchange(reported_closed_, true)) handler_->OnClosed(Self());
  }

  bool NextMessage(grpc::ByteBuffer* bytes) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    DaemonMessage message;
    if (!outgoing_.empty()) {
      message = std::move(outgoing_.front());
      outgoing_.pop_front();
      // This is the last line of defence, as in the worker: a message that can't be read ends its
      // job.
      if (const std::string field = MakeTextValid(&message); !field.empty()) {
        LogError("workers", absl::StrCat(field, " was not UTF-8 and is sent with U+FFFD"));
      }
    } else if (ack_.has_value() && !ending()) {
      message.mutable_ack()->set_sequence(*ack_);
      ack_.reset();
    } else {
      return false;
    }
    *bytes = ToBytes(message);
    return true;
  }

  SessionHandler* const handler_;
  grpc::ByteBuffer incoming_;
  std::atomic<bool> greeted_ = false;
  grpc::Alarm hello_alarm_;
  bool reported_closed_ = false;

  std::deque<DaemonMessage> outgoing_ ABSL_GUARDED_BY(mutex_);
  std::optional<int64_t> ack_ ABSL_GUARDED_BY(mutex_);
};

using RawService =
    worker::v1::WorkerService::WithRawCallbackMethod_Session<worker::v1::WorkerService::Service>;

class Service final : public RawService {
 public:
  Service(SessionHandler* handler, std::chrono::milliseconds hello_time)
      : handler_(handler), hello_time_(hello_time) {}

  BidiReactor* Session(grpc::CallbackServerContext* context) override {
    const auto session = std::make_shared<daemon::Session>(handler_);
    session->AwaitHello(hello_time_);
    session->ReadNext();
    return session->Begin();
  }

 private:
  SessionHandler* const handler_;
  const std::chrono::milliseconds hello_time_;
};

class WorkerServerImpl final : public WorkerServer {
 public:
  WorkerServerImpl(Options options, SessionHandler* handler)
      : options_(std::move(options)), service_(handler, options_.hello_time) {}

  ~WorkerServerImpl() override {
    if (server_ == nullptr) return;
    listener_->Stop();
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

  absl::Status Listen(const std::string& socket) {
    absl::StatusOr<std::unique_ptr<GrpcListener>> listener = GrpcListener::Unix(
        socket,
        {.max_connections = options_.max_connections, .has_own_share = options_.has_own_share});
    if (!listener.ok()) return listener.status();
    listener_ = *std::move(listener);
    grpc::ServerBuilder builder;
    listener_->AddTo(builder);
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    // This is for those who connect and say nothing, half of it, or nothing that concerns workers.
    const auto hello_millis = static_cast<int>(options_.hello_time.count());
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, hello_millis);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, hello_millis);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxSessions);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      return absl::UnavailableError(absl::StrCat("Can't listen on the workers' socket ", socket));
    }
    listener_->Start();
    return absl::OkStatus();
  }

 private:
  const Options options_;
  Service service_;
  std::unique_ptr<GrpcListener> listener_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerServer>> WorkerServer::Create(const std::string& socket,
                                                                   Options options,
                                                                   SessionHandler* handler) {
  auto server = std::make_unique<WorkerServerImpl>(std::move(options), handler);
  if (absl::Status status = server->Listen(socket); !status.ok()) return status;
  return server;
}

}  // namespace descent::daemon
