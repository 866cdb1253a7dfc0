#include "server/daemon/workers/session.h"

#include <grpcpp/grpcpp.h>

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
#include "server/daemon/sockets/grpc_listener.h"

namespace descent::daemon {
namespace {

using server::LogError;
using server::MutexLock;
using worker::v1::DaemonMessage;
using worker::v1::WorkerMessage;

// A batch is at most a few MiB; the specs of Start and Validated are far smaller.
constexpr int kMaxMessageBytes = 64 << 20;

// One write in flight; Finish exactly once, after the last write; alive until OnDone, and as long
// as somebody holds the connection.
class Session final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                      public Connection,
                      public std::enable_shared_from_this<Session> {
 public:
  explicit Session(SessionHandler* handler) : handler_(handler) {}

  void Begin() {
    self_ = shared_from_this();
    StartRead(&incoming_);
  }

  void Send(DaemonMessage message) override {
    MutexLock lock(mutex_);
    if (closing_) return;
    outgoing_.push_back(std::move(message));
    WriteNext();
  }

  void SendAck(int64_t sequence) override {
    MutexLock lock(mutex_);
    if (closing_) return;
    ack_ = sequence;
    WriteNext();
  }

  void Fence(const std::string& reason) override {
    MutexLock lock(mutex_);
    if (closing_) return;
    DaemonMessage message;
    message.mutable_fenced()->set_reason(reason);
    outgoing_.push_back(std::move(message));
    closing_ = true;
    WriteNext();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      ReportClosed();
      MutexLock lock(mutex_);
      closing_ = true;
      outgoing_.clear();
      ack_.reset();
      WriteNext();
      return;
    }
    WorkerMessage message;
    const absl::Status readable = FromBytes(incoming_, &message);
    incoming_.Clear();
    auto resume = [self = shared_from_this()] { self->ReadNext(); };
    if (!readable.ok()) {
      LogError("workers", absl::StrCat("a worker's message: ", std::string(readable.message())));
      if (greeted_) {
        handler_->OnUnreadable(shared_from_this(), std::string(readable.message()), resume);
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
      handler_->OnHello(shared_from_this(), std::move(*message.mutable_hello()), resume);
    } else {
      handler_->OnMessage(shared_from_this(), std::move(message), resume);
    }
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) outgoing_.clear();
    WriteNext();
  }

  void OnDone() override {
    ReportClosed();
    self_.reset();
  }

 private:
  // Not once Finish was called: with no operation under way the stream may be gone already, however
  // long the reactor is kept.
  void ReadNext() {
    MutexLock lock(mutex_);
    if (!finished_) StartRead(&incoming_);
  }

  // Reactions run one at a time: OnReadDone, or OnDone after all others.
  void ReportClosed() {
    if (!std::exchange(reported_closed_, true)) handler_->OnClosed(shared_from_this());
  }

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    if (!outgoing_.empty()) {
      DaemonMessage message = std::move(outgoing_.front());
      outgoing_.pop_front();
      // The last line of defence, as in the worker: a message that can't be read ends its job.
      if (const std::string field = MakeTextValid(&message); !field.empty()) {
        LogError("workers", absl::StrCat(field, " was not UTF-8 and is sent with U+FFFD"));
      }
      current_ = ToBytes(message);
    } else if (ack_.has_value() && !closing_) {
      DaemonMessage message;
      message.mutable_ack()->set_sequence(*ack_);
      current_ = ToBytes(message);
      ack_.reset();
    } else {
      if (closing_) {
        finished_ = true;
        Finish(grpc::Status::OK);
      }
      return;
    }
    writing_ = true;
    StartWrite(&current_);
  }

  SessionHandler* const handler_;
  std::shared_ptr<Session> self_;  // until OnDone
  grpc::ByteBuffer incoming_;
  bool greeted_ = false;
  bool reported_closed_ = false;

  server::Mutex mutex_;
  std::deque<DaemonMessage> outgoing_ ABSL_GUARDED_BY(mutex_);
  std::optional<int64_t> ack_ ABSL_GUARDED_BY(mutex_);
  grpc::ByteBuffer current_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

using RawService =
    worker::v1::WorkerService::WithRawCallbackMethod_Session<worker::v1::WorkerService::Service>;

class Service final : public RawService {
 public:
  explicit Service(SessionHandler* handler) : handler_(handler) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Session(
      grpc::CallbackServerContext* context) override {
    auto session = std::make_shared<daemon::Session>(handler_);
    session->Begin();
    return session.get();
  }

 private:
  SessionHandler* const handler_;
};

class WorkerServerImpl final : public WorkerServer {
 public:
  explicit WorkerServerImpl(SessionHandler* handler) : service_(handler) {}

  ~WorkerServerImpl() override {
    if (server_ == nullptr) return;
    listener_->Stop();
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

  absl::Status Listen(const std::string& socket) {
    absl::StatusOr<std::unique_ptr<GrpcListener>> listener = GrpcListener::Unix(socket, {});
    if (!listener.ok()) return listener.status();
    listener_ = *std::move(listener);
    grpc::ServerBuilder builder;
    listener_->AddTo(builder);
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      return absl::UnavailableError(absl::StrCat("Can't listen on the workers' socket ", socket));
    }
    listener_->Start();
    return absl::OkStatus();
  }

 private:
  Service service_;
  std::unique_ptr<GrpcListener> listener_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerServer>> WorkerServer::Create(const std::string& socket,
                                                                   SessionHandler* handler) {
  auto server = std::make_unique<WorkerServerImpl>(handler);
  if (absl::Status status = server->Listen(socket); !status.ok()) return status;
  return server;
}

}  // namespace descent::daemon
