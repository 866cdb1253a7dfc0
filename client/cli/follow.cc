#include "client/cli/follow.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/cli/event_text.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/interruptible.h"
#include "client/cli/progress.h"
#include "client/cli/stalled.h"
#include "client/cpp/identity.h"
#include "proto/rules/states.h"

namespace descent::cli {
namespace {

constexpr absl::Duration kRedraw = absl::Milliseconds(80);
constexpr absl::Duration kSparse = absl::Seconds(5);
// Once so many were written into a file or a pipe, which makes a megabyte, it is said how to
// have fewer.
constexpr int64_t kManyIterations = 10'000;

// What is on the screen. Thread-safe: the reading thread brings events, the main thread redraws.
class Display {
 public:
  Display(const Context& context, const FollowOptions& options)
      : io_(context.io),
        json_(context.json),
        live_(io_.terminal && !json_),
        every_iteration_(options.every_iteration),
        all_kinds_(!options.kinds.empty() || (options.every_iteration && !live_)),
        hints_(!io_.terminal && options.every_iteration && options.every == 0),
        progress_(options.job.summary().iterations()) {
    progress_.Name(options.job);
    if (options.skip_old_iterations && options.job.has_last_iteration()) {
      progress_.StartAt(options.job);
    }
  }

  void OnEvents(const v1::WatchJobResponse& batch) {
    const absl::MutexLock lock(&mutex_);
    for (const v1::Event& event : batch.events()) {
      OnEvent(event);
      if (hints_ && event.has_iteration()) HintAtMany();
    }
    if (!live_) io_.out.flush();
  }

  // Writes a line of our own, above the live one.
  void Note(const std::string& text) {
    const absl::MutexLock lock(&mutex_);
    NoteLocked(text);
  }

  void Redraw() {
    const absl::MutexLock lock(&mutex_);
    if (live_ && changed_) Draw();
  }

  // Leaves the last live line on the screen, or not.
  void Close(bool keep) {
    const absl::MutexLock lock(&mutex_);
    if (live_ && keep && progress_.has_iteration()) {
      Draw();
      io_.out << "\n";
      drawn_ = false;
    }
    Erase();
    io_.out.flush();
  }

  v1::JobState state() const {
    const absl::MutexLock lock(&mutex_);
    return progress_.state();
  }

 private:
  void NoteLocked(const std::string& text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Erase();
    io_.out.flush();
    io_.err << "descent: " << text << "\n";
    io_.err.flush();
  }

  // It is said once: a fast job makes gigabytes.
  void HintAtMany() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (++iterations_ != kManyIterations) return;
    NoteLocked(absl::StrCat(Count(iterations_),
                            " iterations written so far; --every 1000 writes one in a thousand, "
                            "--kinds evaluation,state_changed none"));
  }

  void OnEvent(const v1::Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (json_) {
      progress_.OnEvent(event);
      io_.out << Json(event) << "\n";
      return;
    }
    // The last value is told before the end, however little time has gone by since the one before.
    const bool ends = event.has_state_changed() && rules::IsFinal(event.state_changed().state());
    if (ends && untold_ > 0) TellProgress(untold_);
    progress_.OnEvent(event);
    changed_ = true;
    if (!all_kinds_ && IsDetail(event)) return;
    if (event.has_iteration()) {
      if (live_) return;
      if (!every_iteration_) {
        untold_ = static_cast<int64_t>(event.time_unix_nanos());
        const absl::Time now = absl::Now();
        if (now < next_sparse_) return;
        next_sparse_ = now + kSparse;
        TellProgress(untold_);
        return;
      }
    }
    Erase();
    const std::string time = TimeOfDay(static_cast<int64_t>(event.time_unix_nanos())) + "  ";
    std::string text = EventText(event, progress_.series());
    if (io_.terminal) text = Wrap(text, Columns(), time.size());
    io_.out << time << Start(event) << text << (io_.colour ? "\x1b[0m" : "") << "\n";
  }

  // Writes a line of its own with the newest iteration, which came at `time`.
  void TellProgress(int64_t time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    io_.out << TimeOfDay(time) << "  " << progress_.Line(std::string::npos) << "\n";
    untold_ = 0;
  }

  // True for what only programs need, what another line says soon after, what happens all the time.
  static bool IsDetail(const v1::Event& event) {
    return event.has_series() || event.evaluation().part() > 0 ||
           (event.has_checkpoint_saved() && event.checkpoint_saved().request_id().empty()) ||
           (event.has_command_accepted() && !event.command_accepted().has_at_iteration());
  }

  const char* Start(const v1::Event& event) const {
    if (!io_.colour) return "";
    if (event.has_state_changed()) {
      if (event.state_changed().state() == v1::FAILED) return "\x1b[1;31m";
      return event.state_changed().state() == v1::SUCCEEDED ? "\x1b[1;32m" : "\x1b[1m";
    }
    if (event.has_command_applied()) return "\x1b[36m";
    if (event.has_command_rejected() || event.has_notice() || event.has_rewound()) {
      return "\x1b[33m";
    }
    return "";
  }

  size_t Columns() const { return static_cast<size_t>(std::max(2, io_.columns())); }

  void Draw() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    // A line as wide as the terminal would wrap, and could not be drawn over.
    io_.out << "\r" << progress_.Line(Columns() - 1) << "\x1b[K";
    io_.out.flush();
    drawn_ = true;
    changed_ = false;
  }

  void Erase() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (drawn_) io_.out << "\r\x1b[K";
    drawn_ = false;
    changed_ = true;
  }

  Io& io_;
  const bool json_;
  const bool live_;
  const bool every_iteration_;
  const bool all_kinds_;
  const bool hints_;
  mutable absl::Mutex mutex_;
  Progress progress_ ABSL_GUARDED_BY(mutex_);
  absl::Time next_sparse_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int64_t iterations_ ABSL_GUARDED_BY(mutex_) = 0;  // while it is hinted
  // When the newest iteration came (Unix nanoseconds), if no line has told it; else 0.
  int64_t untold_ ABSL_GUARDED_BY(mutex_) = 0;
  bool drawn_ ABSL_GUARDED_BY(mutex_) = false;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
};

// Reads on a thread of its own; the main thread draws, and sees SIGINT.
class Reader {
 public:
  Reader(const client::Client& client, const FollowOptions& options, Display* display)
      : client_(client), options_(options), display_(display) {
    thread_ = std::thread([this] {
      absl::Status status = Read();
      const absl::MutexLock lock(&mutex_);
      result_ = std::move(status);
      done_ = true;
    });
  }
  ~Reader() {
    Cancel();
    thread_.join();
  }

  // Gives whether all was read, waiting a little for it.
  bool WaitDone(absl::Duration timeout) {
    const absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&done_), timeout);
  }

  absl::Status result() {
    const absl::MutexLock lock(&mutex_);
    return result_;
  }

  void Cancel() {
    const absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    if (watch_ != nullptr) watch_->Cancel();
  }

  int64_t cursor() const { return cursor_; }

 private:
  client::JobWatch* Start(int64_t after, std::vector<v1::EventKind> kinds) {
    auto watch = client_.Watch(
        {.name = options_.job.name(),
         .after_revision = after,
         .kinds = std::move(kinds),
         .every = options_.every,
         .give_up_after = absl::InfiniteDuration(),
         .on_lost =
             [this](const absl::Status&) { display_->Note("connection lost; trying again ..."); },
         .on_back = [this] { display_->Note("connected again"); }});
    const absl::MutexLock lock(&mutex_);
    watch_ = std::move(watch);
    if (cancelled_) watch_->Cancel();
    return watch_.get();
  }

  absl::Status Read() {
    v1::WatchJobResponse batch;
    cursor_ = options_.after_revision;
    if (options_.skip_old_iterations && options_.kinds.empty()) {
      client::JobWatch* watch = Start(cursor_, OtherKinds());
      while (watch->cursor() < options_.job.head_revision()) {
        const absl::StatusOr<bool> more = watch->Next(&batch);
        if (!more.ok()) return more.status();
        Deliver(*watch, batch);
        if (!*more) return absl::OkStatus();
      }
    } else if (WantsIterations() && cursor_ < options_.job.compacted_revision()) {
      if (absl::Status status = ReadThinned(); !status.ok()) return status;
    }
    client::JobWatch* watch = Start(cursor_, options_.kinds);
    while (true) {
      const absl::StatusOr<bool> more = watch->Next(&batch);
      if (!more.ok()) return more.status();
      if (!*more) return absl::OkStatus();
      Deliver(*watch, batch);
    }
  }

  bool WantsIterations() const {
    return options_.kinds.empty() ||
           std::count(options_.kinds.begin(), options_.kinds.end(), v1::ITERATION) > 0;
  }

  // Gives the kinds that are asked for, without iterations.
  std::vector<v1::EventKind> OtherKinds() const {
    std::vector<v1::EventKind> kinds = options_.kinds;
    for (int kind = v1::EventKind_MIN; options_.kinds.empty() && kind <= v1::EventKind_MAX;
         ++kind) {
      if (kind != 0 && v1::EventKind_IsValid(kind)) {
        kinds.push_back(static_cast<v1::EventKind>(kind));
      }
    }
    kinds.erase(std::remove(kinds.begin(), kinds.end(), v1::ITERATION), kinds.end());
    return kinds;
  }

  // Tells what is left of the events whose iterations have been thinned; the server refuses to
  // leave them out unasked.
  absl::Status ReadThinned() {
    const int64_t thinned = options_.job.compacted_revision();
    display_->Note(absl::StrCat("the iterations up to revision ", thinned,
                                " have been thinned, and are left out"));
    const std::vector<v1::EventKind> kinds = OtherKinds();
    if (kinds.empty()) {
      cursor_ = thinned;
      return absl::OkStatus();
    }
    v1::WatchJobResponse batch;
    client::JobWatch* watch = Start(cursor_, kinds);
    while (watch->cursor() < thinned) {
      const absl::StatusOr<bool> more = watch->Next(&batch);
      if (!more.ok()) return more.status();
      // The rest comes again, with iterations in between.
      while (batch.events_size() > 0 && batch.events().rbegin()->revision() > thinned) {
        batch.mutable_events()->RemoveLast();
      }
      Deliver(*watch, batch);
      if (!*more) break;
    }
    cursor_ = thinned;
    return absl::OkStatus();
  }

  void Deliver(const client::JobWatch& watch, const v1::WatchJobResponse& batch) {
    display_->OnEvents(batch);
    cursor_ = watch.cursor();
    if (const std::string line = stalled_.Next(batch.stalled()); !line.empty()) {
      display_->Note(line);
    }
  }

  const client::Client& client_;
  const FollowOptions& options_;
  Display* const display_;
  std::atomic<int64_t> cursor_{0};
  StalledNews stalled_;  // the thread's
  absl::Mutex mutex_;
  std::unique_ptr<client::JobWatch> watch_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status result_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace

int Follow(const Context& context, const client::Client& client, const FollowOptions& options,
           v1::JobState* final_state) {
  Display display(context, options);
  const Interruptible interruptible(context.io);
  Reader reader(client, options, &display);
  while (!reader.WaitDone(kRedraw)) {
    display.Redraw();
    if (interruptible.interrupted()) {
      reader.Cancel();
      reader.WaitDone(absl::InfiniteDuration());
      display.Close(/*keep=*/true);
      const std::string id = client::JobId(options.job.name());
      const std::string server = context.ServerOption();
      context.Say(absl::StrCat("detached; ", options.job.name(), " goes on\n",
                               "come back: descent watch ", id, " --from ", reader.cursor(), server,
                               "\n", "end it: descent stop ", id, server));
      return kInterrupted;
    }
    // Nobody reads the pipe any more.
    if (!context.io.out.good()) reader.Cancel();
  }
  const absl::Status status = reader.result();
  display.Close(/*keep=*/!status.ok());
  if (!context.io.out.good()) return kRefused;
  if (!status.ok()) return context.Fail(status);
  if (final_state != nullptr) *final_state = display.state();
  return kOk;
}

}  // namespace descent::cli
