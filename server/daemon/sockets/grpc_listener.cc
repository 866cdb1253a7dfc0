#include "server/daemon/sockets/grpc_listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <list>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "server/common/errno_text.h"
#include "server/common/log.h"
#include "server/common/mutex.h"
#include "server/daemon/sockets/census.h"
#include "server/daemon/sockets/descriptors.h"
#include "server/daemon/sockets/grpc_refusal.h"
#include "server/daemon/sockets/listening_socket.h"

namespace descent::daemon {
namespace {

using Clock = std::chrono::steady_clock;

// As with gRPC's keepalive, what is not acknowledged for so long ends the connection.
constexpr int kUserTimeoutMillis = 20'000;
// How long a client that is turned away has for its first call, and how many do so at a time.
constexpr auto kRefusalTime = std::chrono::seconds(1);
constexpr size_t kMostRefusals = 32;
// Those that are refused by the spare descriptor come one after the other.
constexpr int kSpareRefusalMillis = 100;
constexpr int kMostAccepts = 64;  // between looks at those who are turned away
// One process that has a share of its own connects once, and again before the kernel has noticed
// that the connection before is gone.
constexpr int64_t kMostOfAProcess = 8;
constexpr auto kRefusalLogPause = std::chrono::seconds(10);
constexpr int kTickMillis = 1000;
constexpr int kShortTickMillis = 50;

class Listener final : public GrpcListener {
 public:
  explicit Listener(Options options) : options_(std::move(options)) {}

  ~Listener() override {
    Listener::Stop();
    if (wake_ >= 0) close(wake_);
  }

  ListeningSocket& socket() { return socket_; }

  int port() const override { return socket_.port(); }

  void AddTo(grpc::ServerBuilder& builder) override {
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        encrypted() ? options_.credentials : grpc::InsecureServerCredentials());
  }

  void Start() override {
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    thread_ = std::thread([this] { Run(); });
  }

  void Stop() override {
    if (!thread_.joinable()) return;
    stopping_ = true;
    const uint64_t one = 1;
    if (write(wake_, &one, sizeof(one)) < 0) server::LogError("sockets", server::ErrnoText(errno));
    thread_.join();
  }

  int64_t connections() const override {
    server::MutexLock lock(mutex_);
    return census_.Count();
  }
  int64_t refused() const override { return refused_count_; }

  absl::Status health() const override {
    if (absl::Status status = socket_.health(); !status.ok()) return status;
    if (is_out_) return CheckDescriptors();
    const int64_t open = connections();
    return open < options_.max_connections() ? absl::OkStatus() : TooMany(open);
  }

 private:
  bool encrypted() const { return options_.credentials != nullptr; }

  static absl::Status TooMany(int64_t open) {
    return absl::ResourceExhaustedError(
        absl::StrCat("descentd has ", open,
                     " gRPC connections, as many as it may have; close some, or allow it more "
                     "files (ulimit -n, LimitNOFILE= of systemd)"));
  }

  // ---- On the thread.

  struct Refused {
    std::unique_ptr<GrpcRefusal> refusal;
    Clock::time_point until;
  };

  void Run() {
    while (!stopping_) {
      std::vector<pollfd> polled = {{wake_, POLLIN, 0}, {socket_.fd(), POLLIN, 0}};
      for (const Refused& refused : refused_) polled.push_back({refused.refusal->fd(), POLLIN, 0});
      const bool hurry = !refused_.empty() || is_out_;
      poll(polled.data(), polled.size(), hurry ? kShortTickMillis : kTickMillis);
      if (stopping_) break;
      spare_.Take();
      if (is_out_ && CheckDescriptors().ok()) {
        is_out_ = false;
        server::LogInfo("sockets", absl::StrCat(socket_.where(), ": there are descriptors again"));
      }
      const Clock::time_point now = Clock::now();
      std::erase_if(refused_, [now](const Refused& refused) {
        return !refused.refusal->Advance() || now >= refused.until;
      });
      socket_.ComeBack();
      if (polled[1].revents != 0) AcceptAll();
    }
    refused_.clear();
  }

  void AcceptAll() {
    // It does not go on for ever: those who were refused want their answers.
    for (int i = 0; i < kMostAccepts && !stopping_; ++i) {
      const int fd = accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd >= 0) {
        Take(fd);
      } else if (IsOutOfDescriptors(errno)) {
        if (RefuseWithSpare()) continue;
        // Not even the spare one is left: somebody else was faster. The client waits in the
        // backlog.
        std::this_thread::sleep_for(std::chrono::milliseconds(kShortTickMillis));
        return;
      } else if (errno == EAGAIN) {
        return;
      } else if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) {
        server::LogError("sockets", absl::StrCat(socket_.where(), ": ", server::ErrnoText(errno)));
        std::this_thread::sleep_for(std::chrono::milliseconds(kTickMillis));
        return;
      }  // another error is of that one connection, which is gone: accept(2)
    }
  }

  void Take(int fd) {
    const int64_t pid = PeerOf(fd);
    const bool is_own = pid > 0 && options_.has_own_share(pid);
    const int64_t most = is_own ? kMostOfAProcess : options_.max_connections();
    {
      server::MutexLock lock(mutex_);
      if (is_own && !own_.contains(pid)) ForgetEmpty();
      SocketCensus& census = is_own ? own_[pid] : census_;
      if (census.bound() < most || census.Count() < most) {
        census.Add(fd);
        if (!socket_.is_unix()) {
          const int one = 1;
          setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
          setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMillis,
                     sizeof(kUserTimeoutMillis));
        }
        grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
        connection.listener_fd = socket_.fd();
        connection.fd = fd;
        acceptor_->HandleNewConnection(&connection);  // it is the server's from here on
        return;
      }
    }
    ++refused_count_;
    if (socket_.is_unix()) {
      close(fd);
      return LogRefusal(absl::StrCat("process ", pid,
                                     " has too many connections, or all that did not come from "
                                     "workers of this daemon have"));
    }
    if (encrypted()) {
      close(fd);
      return LogRefusal(std::string(TooMany(most).message()));
    }
    // The oldest one gives way: it was answered, or asks for nothing.
    if (refused_.size() >= kMostRefusals) refused_.pop_front();
    const std::string why(TooMany(most).message());
    refused_.push_back({std::make_unique<GrpcRefusal>(fd, why), Clock::now() + kRefusalTime});
  }

  void ForgetEmpty() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (auto it = own_.begin(); it != own_.end();) {
      it = it->second.Count() == 0 ? own_.erase(it) : std::next(it);
    }
  }

  // Gives the process at the other end of a unix socket, or 0 if there is none, or it is another
  // machine's.
  int64_t PeerOf(int fd) const {
    if (!socket_.is_unix()) return 0;
    ucred peer{};
    socklen_t size = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
  }

  // Logs refusals with pauses: whoever is turned away may come back at once, a thousand times a
  // second.
  void LogRefusal(const std::string& why) {
    const Clock::time_point now = Clock::now();
    if (now < next_refusal_log_) return;
    next_refusal_log_ = now + kRefusalLogPause;
    server::LogWarning("sockets",
                       absl::StrCat(socket_.where(), ": ", why, "; ", refused_count_.load(),
                                    " were closed since the start"));
  }

  bool RefuseWithSpare() {
    if (!is_out_.exchange(true)) {
      server::LogError("sockets",
                       absl::StrCat(socket_.where(), ": ", CheckDescriptors().ToString()));
    }
    if (!spare_.held()) return false;
    spare_.Release();
    const int fd = accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) ++refused_count_;
    if (fd >= 0 && encrypted()) {
      close(fd);
    } else if (fd >= 0) {
      GrpcRefusal refusal(fd,
                          "descentd is out of file descriptors; try again when other clients have "
                          "closed their connections");
      const Clock::time_point until = Clock::now() + std::chrono::milliseconds(kSpareRefusalMillis);
      while (!stopping_ && refusal.Advance() && Clock::now() < until) {
        pollfd polled{fd, POLLIN, 0};
        poll(&polled, 1, kSpareRefusalMillis / 4);
      }
    }
    spare_.Take();
    return fd >= 0;
  }

  const Options options_;
  ListeningSocket socket_;
  int wake_ = -1;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> is_out_ = false;  // whether descriptors are out
  std::atomic<int64_t> refused_count_ = 0;
  mutable server::Mutex mutex_;
  mutable SocketCensus census_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, SocketCensus> own_ ABSL_GUARDED_BY(mutex_);  // by pid
  SpareDescriptor spare_;                                        // the thread's, as what follows
  std::list<Refused> refused_;                                   // those that are being told so
  Clock::time_point next_refusal_log_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Tcp(const std::string& host, int port,
                                                                Options options) {
  auto listener = std::make_unique<Listener>(std::move(options));
  if (absl::Status status = listener->socket().ListenTcp(host, port); !status.ok()) return status;
  return listener;
}

absl::StatusOr<std::unique_ptr<GrpcListener>> GrpcListener::Unix(const std::string& path,
                                                                 Options options) {
  auto listener = std::make_unique<Listener>(std::move(options));
  if (absl::Status status = listener->socket().ListenUnix(path); !status.ok()) return status;
  return listener;
}

}  // namespace descent::daemon
