#include "server/worker/session/session.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/message_text.h"
#include "server/common/log.h"

namespace descent::worker {
namespace {

constexpr int32_t kProtocolVersion = 2;
constexpr int64_t kFirstBackOffNanos = 100'000'000;
constexpr int64_t kMaxBackOffNanos = 1'000'000'000;
constexpr int kFencedExitCode = 4;

int64_t ToNanos(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // A broken subchannel shared between channels would keep its own, longer back-off.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt("grpc.enable_http_proxy", 0);
  return grpc::CreateCustomChannel(absl::StrCat("unix:", socket),
                                   grpc::InsecureChannelCredentials(), arguments);
}

// Opens WorkerService.Session with bytes, because a generated stub ends the stream at a message
// that it can't parse.
std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> OpenSession(
    const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
  using grpc::internal::RpcMethod;
  const RpcMethod method("/descent.worker.v1.WorkerService/Session", RpcMethod::BIDI_STREAMING,
                         channel);
  return std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>>(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
          channel.get(), method, context));
}

}  // namespace

Session::Session(SessionOptions options, Inbox* inbox, Outbox* outbox, Clock* clock)
    : options_(std::move(options)),
      inbox_(inbox),
      outbox_(outbox),
      clock_(clock),
      heartbeat_nanos_(ToNanos(options_.lease_seconds / 4)) {
  reader_ = std::thread([this] { ReadLoop(); });
  writer_ = std::thread([this] { WriteLoop(); });
}

Session::~Session() { Stop(); }

void Session::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    if (context_) context_->TryCancel();
    changed_.SignalAll();
  }
  outbox_->Close();
  if (reader_.joinable()) reader_.join();
  if (writer_.joinable()) writer_.join();
}

void Session::ReadLoop() {
  int64_t away_since = clock_->MonotonicNanos();
  int64_t back_off = kFirstBackOffNanos;
  while (true) {
    if (Connect(MakeChannel(options_.socket))) {
      away_since = clock_->MonotonicNanos();
      back_off = kFirstBackOffNanos;
    }
    CheckGrace(away_since);
    MutexLock lock(mutex_);
    const int64_t until = clock_->MonotonicNanos() + back_off;
    while (!stopping_ && clock_->MonotonicNanos() < until) {
      changed_.WaitFor(mutex_, std::chrono::nanoseconds(until - clock_->MonotonicNanos()));
    }
    if (stopping_) return;
    back_off = std::min(2 * back_off, kMaxBackOffNanos);
  }
}

void Session::CheckGrace(int64_t away_since) {
  const bool spare = outbox_->identity().job.empty();
  const double grace = spare ? options_.spare_grace_seconds : options_.orphan_grace_seconds;
  if (clock_->MonotonicNanos() - away_since < ToNanos(grace) || orphaned_) return;
  server::LogWarning(
      "session", absl::StrCat("No daemon at ", options_.socket, " for ", grace, " s: leaving."));
  orphaned_ = true;
  outbox_->Abandon();
  v1::DaemonMessage leave;
  leave.mutable_leave()->set_reason("the daemon is gone");
  inbox_->Put(std::move(leave));
}

v1::WorkerMessage Session::Hello() const {
  v1::WorkerMessage message;
  v1::Hello* hello = message.mutable_hello();
  hello->set_protocol_version(kProtocolVersion);
  *hello->mutable_worker() = options_.worker;
  hello->mutable_capabilities()->set_recompute(true);
  hello->mutable_capabilities()->set_checkpoint(true);
  hello->mutable_capabilities()->set_evaluate(true);
  hello->set_worker_id(options_.worker_id);
  hello->set_secret(options_.secret);
  *hello->mutable_confinement() = options_.confinement;
  const Outbox::Identity identity = outbox_->identity();
  hello->set_role(identity.job.empty() ? v1::Hello::SPARE : v1::Hello::RANK);
  hello->set_job(identity.job);
  hello->set_attempt(identity.attempt);
  hello->set_first_unacknowledged_sequence(identity.first_unacknowledged_sequence);
  MakeTextValid(&message);
  return message;
}

bool Session::Connect(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  {
    MutexLock lock(mutex_);
    if (stopping_) return false;
    context_ = &context;
  }
  const std::unique_ptr<Stream> stream = OpenSession(channel, &context);
  bool answered = false;
  grpc::ByteBuffer bytes;
  v1::DaemonMessage message;
  if (stream->Write(ToBytes(Hello())) && stream->Read(&bytes)) {
    const absl::Status readable = FromBytes(bytes, &message);
    if (!readable.ok() && !message.has_fenced()) {
      // The daemon hears of it, and ends what this worker is for.
      answered = true;
      Attach(stream.get(), outbox_->NewConnection(0));
      DispatchUnreadable(std::move(message), readable);
      Listen(stream.get());
    } else if (message.has_welcome()) {
      answered = true;
      const v1::Welcome& welcome = message.welcome();
      if (welcome.lease_seconds() > 0) heartbeat_nanos_ = ToNanos(welcome.lease_seconds() / 4);
      const int64_t connection = outbox_->NewConnection(welcome.acknowledged_sequence());
      for (const ::descent::v1::CommandAccepted& request : welcome.unresolved()) {
        v1::DaemonMessage command;
        *command.mutable_command()->mutable_request() = request;
        inbox_->Put(std::move(command));
      }
      // A new connection ends what a spare was about.
      if (outbox_->identity().job.empty()) inbox_->Put(std::move(message));
      Attach(stream.get(), connection);
      Listen(stream.get());
    } else {
      Dispatch(std::move(message));  // Fenced
    }
  }
  Detach();
  context.TryCancel();
  const grpc::Status status = stream->Finish();
  MutexLock lock(mutex_);
  context_ = nullptr;
  if (answered && !stopping_) {
    server::LogWarning(
        "session",
        absl::StrCat("The connection to the daemon broke: ",
                     status.error_message().empty() ? "it was closed" : status.error_message()));
  }
  return answered;
}

void Session::Listen(Stream* stream) {
  grpc::ByteBuffer bytes;
  while (stream->Read(&bytes)) {
    v1::DaemonMessage message;
    if (const absl::Status status = FromBytes(bytes, &message); status.ok()) {
      Dispatch(std::move(message));
    } else {
      DispatchUnreadable(std::move(message), status);
    }
  }
}

void Session::DispatchUnreadable(v1::DaemonMessage rest, const absl::Status& problem) {
  server::LogError("session", std::string(problem.message()));
  // These end the worker's work in any case, whatever their reasons say.
  if (rest.has_fenced() || rest.has_leave()) return Dispatch(std::move(rest));
  v1::WorkerMessage message;
  message.mutable_unreadable()->set_problem(std::string(problem.message()));
  message.mutable_unreadable()->set_request_id(rest.command().request().request_id());
  outbox_->Send(std::move(message));
}

void Session::Dispatch(v1::DaemonMessage message) {
  switch (message.kind_case()) {
    case v1::DaemonMessage::kAck:
      outbox_->Acknowledge(message.ack().sequence());
      return;
    case v1::DaemonMessage::kFenced:
      server::LogWarning("session", absl::StrCat("Fenced: ", message.fenced().reason()));
      // Another attempt owns the checkpoints now: no destructor, no exit handler may write.
      _exit(kFencedExitCode);
    case v1::DaemonMessage::kStart:
      // It begins at once, so that a connection that breaks now is taken up again as this attempt.
      if (!outbox_->identity().job.empty()) return;
      outbox_->Begin(message.start().job(), message.start().attempt());
      inbox_->Put(std::move(message));
      return;
    case v1::DaemonMessage::kCommand: {
      v1::WorkerMessage received;
      received.mutable_command_received()->set_request_id(message.command().request().request_id());
      inbox_->Put(std::move(message));
      outbox_->Send(std::move(received));
      return;
    }
    case v1::DaemonMessage::kValidate:
    case v1::DaemonMessage::kPredict:
    case v1::DaemonMessage::kPredictMore:
    case v1::DaemonMessage::kCancelPredict:
    case v1::DaemonMessage::kLeave:
      inbox_->Put(std::move(message));
      return;
    case v1::DaemonMessage::kWelcome:
    case v1::DaemonMessage::KIND_NOT_SET:  // a message of a newer daemon
      return;
  }
}

void Session::Attach(Stream* stream, int64_t connection) {
  MutexLock lock(mutex_);
  stream_ = stream;
  connection_ = connection;
  connected_ = true;
  changed_.SignalAll();
}

void Session::Detach() {
  MutexLock lock(mutex_);
  if (context_) context_->TryCancel();  // ends a write that waits
  stream_ = nullptr;
  connected_ = false;
  while (writing_) changed_.Wait(mutex_);
}

void Session::WriteLoop() {
  v1::WorkerMessage message;
  while (true) {
    int64_t connection;
    {
      MutexLock lock(mutex_);
      while (stream_ == nullptr && !stopping_) changed_.Wait(mutex_);
      if (stopping_) return;
      connection = connection_;
    }
    const Outbox::Taken taken = outbox_->Next(connection, heartbeat_nanos_, &message);
    if (taken == Outbox::Taken::kTimeout) message.mutable_heartbeat();
    Stream* stream;
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      // What was taken for a connection that is gone is sent again on the next one.
      if (taken == Outbox::Taken::kInterrupted || stream_ == nullptr || connection_ != connection) {
        continue;
      }
      stream = stream_;
      writing_ = true;
    }
    // This is the last line of defence: text is made valid where it comes from (core/text). Events
    // are bytes, which the journalist has made valid.
    if (const std::string field = MakeTextValid(&message); !field.empty()) {
      server::LogWarning("session", absl::StrCat(field, " was not UTF-8 and is sent with U+FFFD"));
    }
    const bool written = stream->Write(ToBytes(message));
    MutexLock lock(mutex_);
    writing_ = false;
    if (!written) stream_ = nullptr;
    changed_.SignalAll();
  }
}

}  // namespace descent::worker
