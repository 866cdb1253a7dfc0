// `IoThread` is the thread that waits on all of the HTTP server's sockets; its coroutines wait with
// a `Signal`. All this is for server.cc alone, whose compilation it shares.
#ifndef DESCENT_SERVER_DAEMON_HTTP_IO_H_
#define DESCENT_SERVER_DAEMON_HTTP_IO_H_

// Asio 1.74's coroutines need <utility> before them.
#include <utility>
// (a line of its own, so that it is not sorted away)
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "server/common/log.h"
#include "server/common/mutex.h"

namespace descent::daemon {

namespace net = boost::asio;
using boost::system::error_code;

inline std::chrono::nanoseconds Seconds(double seconds) {
  return std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
}

inline auto Into(error_code& error) { return net::redirect_error(net::use_awaitable, error); }

// A `Mailbox` is how other threads reach the I/O thread, for as long as there is one. Thread-safe.
class Mailbox {
 public:
  explicit Mailbox(net::io_context& io) : io_(&io) {}

  template <class Task>
  void Post(Task task) {
    server::MutexLock lock(mutex_);
    if (io_ != nullptr) net::post(*io_, std::move(task));
  }

  void Close() {
    server::MutexLock lock(mutex_);
    io_ = nullptr;
  }

 private:
  server::Mutex mutex_;
  net::io_context* io_ ABSL_GUARDED_BY(mutex_);
};

// A `Signal` is something that one coroutine waits for. All of it is on the I/O thread; other
// threads go through the mailbox with a weak pointer.
class Signal {
 public:
  Signal(net::io_context& io, std::set<Signal*>& all) : timer_(io), all_(all) { all_.insert(this); }
  ~Signal() { all_.erase(this); }

  void Set() {
    set_ = true;
    timer_.cancel();
  }

  // Gives false if the time passed first.
  net::awaitable<bool> Wait(std::chrono::nanoseconds time) {
    if (!set_) {
      timer_.expires_after(std::chrono::duration_cast<net::steady_timer::duration>(time));
      error_code ignored;
      co_await timer_.async_wait(Into(ignored));
    }
    co_return std::exchange(set_, false);
  }

 private:
  net::steady_timer timer_;
  std::set<Signal*>& all_;
  bool set_ = false;
};

// Whatever its coroutines refer to must outlive it, whether or not it has run.
class IoThread {
 public:
  IoThread() : mailbox_(std::make_shared<Mailbox>(io_)) {}

  net::io_context& context() { return io_; }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  // These are used on the I/O thread.
  bool stopping() const { return stopping_; }
  std::shared_ptr<Signal> NewSignal() { return std::make_shared<Signal>(io_, signals_); }

  void Spawn(net::awaitable<void> coroutine) {
    net::co_spawn(io_, std::move(coroutine), net::detached);
  }

  void Start() {
    thread_ = std::thread([this] { Run(); });
  }

  // Has `close` close, on the I/O thread, all that coroutines wait on; wakes those that wait for a
  // signal, and returns when the last has ended. Idempotent.
  void Stop(std::function<void()> close) {
    if (!thread_.joinable()) return;
    mailbox_->Post([this, close = std::move(close)] {
      stopping_ = true;
      close();
      for (Signal* signal : signals_) signal->Set();
      work_.reset();  // run() returns once the last coroutine has
    });
    thread_.join();
    mailbox_->Close();
  }

 private:
  void Run() {
    while (true) {
      try {
        io_.run();
        return;
      } catch (const std::exception& error) {
        server::LogError("http", error.what());
      }
    }
  }

  bool stopping_ = false;
  std::set<Signal*> signals_;
  net::io_context io_{1};
  std::optional<net::executor_work_guard<net::io_context::executor_type>> work_{
      net::make_work_guard(io_)};
  const std::shared_ptr<Mailbox> mailbox_;
  std::thread thread_;
};

// Adds one to the count for as long as it lives.
class Counted {
 public:
  explicit Counted(std::atomic<int64_t>& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<int64_t>& count_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_IO_H_
