// The jobs of one folder, with a clock, a launcher and workers that a test turns.
#ifndef DESCENT_TESTS_SERVER_DAEMON_JOBS_HARNESS_H_
#define DESCENT_TESTS_SERVER_DAEMON_JOBS_HARNESS_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/common/executor.h"
#include "server/daemon/jobs/service.h"
#include "server/daemon/journal/entries.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/security/caller.h"
#include "tests/server/daemon/jobs/fake_worker.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {

// Those who ask.
inline Caller CallerOf(const std::string& principal) {
  return {.principal = principal, .role = Role::kAdmin};
}
inline Caller Ann() { return CallerOf("ann"); }

// The processes of a machine that are none: each launch makes a FakeWorker. Outlives daemons, as a
// machine does.
class FakeLauncher : public Launcher {
 public:
  explicit FakeLauncher(std::string socket) : socket_(std::move(socket)) {}

  absl::StatusOr<ProcessId> Start(const Launch& launch) override {
    server::MutexLock lock(mutex_);
    if (refuse) {
      ++launches_;
      return absl::UnavailableError("no more processes");
    }
    if (!log_text_.empty()) std::ofstream(launch.log_path, std::ios::binary) << log_text_;
    const std::shared_ptr<FakeWorker> worker = Run(launch);
    launched_.push_back(worker);
    changed_.SignalAll();
    return worker->process();
  }

  // A process that somebody else has started, with this secret in its hands.
  std::shared_ptr<FakeWorker> StartElsewhere(const std::string& secret) {
    server::MutexLock lock(mutex_);
    return Run({.worker_id = "", .secret = secret, .log_path = ""});
  }

  void Watch(const ProcessId& process, std::function<void(const ProcessExit&)> on_exit) override {
    {
      server::MutexLock lock(mutex_);
      if (alive_.count(process.pid) > 0) {
        watchers_.emplace(process.pid, std::move(on_exit));
        return;
      }
    }
    on_exit(ProcessExit{});
  }

  int64_t MemoryLimit(const ProcessId&) const override { return memory_limit; }

  void End(const ProcessId& process) override {
    server::MutexLock lock(mutex_);
    ended_.push_back(process);
  }
  // Those that the daemon has ended; they live on until Exit.
  std::vector<ProcessId> ended() {
    server::MutexLock lock(mutex_);
    return ended_;
  }

  // The next worker that was launched; the test connects it.
  std::shared_ptr<FakeWorker> NextLaunched() {
    server::MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (launched_.empty()) {
      if (std::chrono::steady_clock::now() > deadline) return nullptr;
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
    auto worker = launched_.front();
    launched_.pop_front();
    return worker;
  }

  void Exit(const FakeWorker& worker, ProcessExit exit) {
    std::vector<std::function<void(const ProcessExit&)>> callbacks;
    {
      server::MutexLock lock(mutex_);
      alive_.erase(worker.process().pid);
      const auto [begin, end] = watchers_.equal_range(worker.process().pid);
      for (auto it = begin; it != end; ++it) callbacks.push_back(it->second);
      watchers_.erase(begin, end);
    }
    for (const auto& callback : callbacks) callback(exit);
  }

  int64_t launches() {
    server::MutexLock lock(mutex_);
    return launches_;
  }

  std::atomic<bool> refuse = false;
  std::atomic<int64_t> memory_limit = 0;  // of every process
  // What the next launches write into their logs.
  void set_log_text(std::string text) {
    server::MutexLock lock(mutex_);
    log_text_ = std::move(text);
  }

 private:
  std::shared_ptr<FakeWorker> Run(const Launch& launch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ++launches_;
    const ProcessId process{1'000'000 + launches_, launches_};
    auto worker = std::make_shared<FakeWorker>(socket_, launch, process);
    worker->set_disk(disk_);
    worker->write_file = [](const std::string& path, const std::string& text) {
      std::ofstream(path) << text;
    };
    alive_.insert(process.pid);
    return worker;
  }

  const std::string socket_;
  std::shared_ptr<FakeWorker::Disk> disk_ = std::make_shared<FakeWorker::Disk>();
  server::Mutex mutex_;
  server::CondVar changed_;
  std::string log_text_ ABSL_GUARDED_BY(mutex_);
  int64_t launches_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<std::shared_ptr<FakeWorker>> launched_ ABSL_GUARDED_BY(mutex_);
  std::set<int64_t> alive_ ABSL_GUARDED_BY(mutex_);
  std::vector<ProcessId> ended_ ABSL_GUARDED_BY(mutex_);
  std::multimap<int64_t, std::function<void(const ProcessExit&)>> watchers_ ABSL_GUARDED_BY(mutex_);
};

// A daemon without its servers, on a folder that outlives it.
class JobsTest : public testing::Test {
 protected:
  using Digest = std::function<std::string(const std::string& path)>;
  // `vfs`: Journal::Options::vfs.
  explicit JobsTest(double worker_lease_seconds = 10, int max_running_jobs = 1,
                    Digest digest = nullptr, std::string vfs = "")
      : worker_lease_seconds_(worker_lease_seconds),
        digest_(std::move(digest)),
        vfs_(std::move(vfs)) {
    StartDaemon(max_running_jobs);
  }
  ~JobsTest() override {
    for (const auto& worker : workers_) worker->Disconnect();
    StopDaemon();
  }

  void StartDaemon(int max_running_jobs = 1) {
    auto journal = Journal::Open(
        {.path = folder_.File("descent.db"), .retry = std::chrono::milliseconds(1), .vfs = vfs_});
    ASSERT_TRUE(journal.ok()) << journal.status();
    journal_ = *std::move(journal);
    JobsService::Options options = limits_;
    options.data_dir = folder_.path();
    options.socket = socket();
    options.max_running_jobs = max_running_jobs;
    options.worker_lease_seconds = worker_lease_seconds_;
    options.files = files_;
    options.store = store_;
    options.digest = digest_;
    auto jobs = JobsService::Open(options, journal_.get(), &processes_, &clock_);
    ASSERT_TRUE(jobs.ok()) << jobs.status();
    jobs_ = *std::move(jobs);
  }

  // As if it were killed: nobody is told anything.
  void StopDaemon() {
    jobs_ = nullptr;
    journal_ = nullptr;
  }

  std::string socket() const { return folder_.File("w.sock"); }

  // Turns the clock, after what is under way has come to rest; returns when the timers have run.
  void Advance(double seconds) {
    Settle();
    clock_.Advance(static_cast<int64_t>(seconds * 1e9));
    jobs_->Wake();
    Settle();
  }

  // Until the daemon's loop and who looks at files and into the store for it have done what they
  // were told, and what that led to.
  void Settle() {
    for (int i = 0; i < 4; ++i) {
      for (const auto& executor : {store_, files_}) {
        SettleLoop();
        std::promise<void> done;
        executor->Post([&] { done.set_value(); });
        done.get_future().wait();
      }
    }
  }
  // The loop alone.
  void SettleLoop() {
    for (int i = 0; i < 4; ++i) {
      v1::DeleteJobRequest request;
      request.set_name("jobs/nobody");
      auto [answer, done] = MakeAnswer<v1::DeleteJobResponse>();
      jobs_->Delete(Ann(), request, done);
      (void)answer.Get();
    }
  }

  // The next launched worker says Hello.
  std::shared_ptr<FakeWorker> ConnectSpare() {
    std::shared_ptr<FakeWorker> worker = processes_.NextLaunched();
    if (worker == nullptr) ADD_FAILURE() << "no worker was launched";
    worker->Connect();
    workers_.push_back(worker);
    return worker;
  }

  void Kill(FakeWorker& worker) {
    worker.Disconnect();
    processes_.Exit(worker, {.known = true, .signal = 9});
  }
  void ExitCleanly(FakeWorker& worker) {
    worker.Disconnect();
    processes_.Exit(worker, {.known = true});
  }

  template <class T>
  struct Answer {
    std::future<absl::StatusOr<T>> future;
    absl::StatusOr<T> Get() {
      if (future.wait_for(kPatience) != std::future_status::ready) {
        return absl::DeadlineExceededError("the test has waited for too long");
      }
      return future.get();
    }
    bool ready() { return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
  };
  template <class T>
  static std::pair<Answer<T>, Jobs::Callback<T>> MakeAnswer() {
    auto promise = std::make_shared<std::promise<absl::StatusOr<T>>>();
    return {Answer<T>{promise->get_future()},
            [promise](absl::StatusOr<T> answer) { promise->set_value(std::move(answer)); }};
  }

  static v1::Spec SmallSpec() {
    v1::Spec spec;
    spec.mutable_optimizer()->mutable_adam()->mutable_step_size()->set_constant(0.5);
    spec.set_iterations(1000);
    return spec;
  }

  Answer<v1::Job> Create(const std::string& id, const std::string& request_id = "") {
    v1::CreateJobRequest request;
    request.set_job_id(id);
    request.set_request_id(request_id);
    *request.mutable_job()->mutable_spec() = SmallSpec();
    return Create(request);
  }
  Answer<v1::Job> Create(const v1::CreateJobRequest& request, const Caller& caller = Ann()) {
    auto [answer, done] = MakeAnswer<v1::Job>();
    jobs_->Create(caller, request, done);
    return std::move(answer);
  }

  static v1::CommandJobRequest CommandOf(const std::string& job, const std::string& request_id) {
    v1::CommandJobRequest request;
    request.set_name("jobs/" + job);
    request.set_request_id(request_id);
    return request;
  }
  static v1::CommandJobRequest SetOf(const std::string& job, const std::string& request_id,
                                     double value) {
    v1::CommandJobRequest request = CommandOf(job, request_id);
    auto* set = request.add_commands()->mutable_set();
    set->set_path("step_size");
    set->set_value(value);
    return request;
  }
  Answer<v1::CommandJobResponse> Command(const v1::CommandJobRequest& request) {
    auto [answer, done] = MakeAnswer<v1::CommandJobResponse>();
    jobs_->Command(CallerOf("bob"), request, done);
    return std::move(answer);
  }

  // A job under way, its Start taken.
  std::shared_ptr<FakeWorker> RunJob(const std::string& id) {
    Answer<v1::Job> created = Create(id);
    auto worker = ConnectSpare();
    EXPECT_TRUE(created.Get().ok());
    worker->Begin();
    return worker;
  }

  std::shared_ptr<JobJournal> JournalOf(const std::string& id) {
    return *jobs_->OpenJournal(Ann(), "jobs/" + id);
  }

  // Every event, checked for gaps.
  std::vector<v1::Event> Events(const std::string& id) {
    std::vector<v1::Event> events;
    const auto journal = JournalOf(id);
    int64_t cursor = 0;
    while (true) {
      const auto rows = journal->Read(cursor, 1 << 20, {});
      if (!rows.ok() || rows->empty()) break;
      for (const RowPtr& row : *rows) {
        for (const Entry& entry : Entries(*row)) {
          if (entry.revision <= cursor) continue;
          v1::Event event;
          event.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size()));
          EXPECT_EQ(event.revision(), static_cast<int64_t>(events.size()) + 1);
          events.push_back(event);
        }
        cursor = row->last_revision;
      }
    }
    return events;
  }

  // Until the journal has an event of that kind.
  v1::Event AwaitEvent(const std::string& id, const std::function<bool(const v1::Event&)>& is_it) {
    const auto journal = JournalOf(id);
    server::Mutex mutex;
    server::CondVar changed;
    bool news = false;
    const auto subscription = journal->Subscribe([&] {
      server::MutexLock lock(mutex);
      news = true;
      changed.SignalAll();
    });
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      for (const v1::Event& event : Events(id)) {
        if (is_it(event)) return event;
      }
      server::MutexLock lock(mutex);
      if (!news) changed.WaitFor(mutex, std::chrono::milliseconds(200));
      news = false;
    }
    ADD_FAILURE() << "the event did not come; there are:\n" << Story(id);
    return {};
  }
  v1::Event AwaitState(const std::string& id, v1::JobState state, int32_t attempt = -1) {
    return AwaitEvent(id, [&](const v1::Event& event) {
      return event.has_state_changed() && event.state_changed().state() == state &&
             (attempt < 0 || event.attempt() == attempt);
    });
  }
  v1::Event AwaitAccepted(const std::string& id, const std::string& request_id) {
    return AwaitEvent(id, [&](const v1::Event& event) {
      return event.command_accepted().request_id() == request_id;
    });
  }

  std::string Story(const std::string& id) {
    std::string story;
    for (const v1::Event& event : Events(id))
      absl::StrAppend(&story, event.ShortDebugString(), "\n");
    return story;
  }

  // The values of the present branch, by index: checked to be contiguous.
  std::vector<double> Values(const std::string& id) {
    std::vector<double> values;
    for (const v1::Event& event : Events(id)) {
      if (event.has_rewound()) {
        values.resize(static_cast<size_t>(event.rewound().to_iteration() + 1));
      }
      if (!event.has_iteration()) continue;
      EXPECT_EQ(event.iteration().index(), static_cast<int64_t>(values.size()));
      values.push_back(event.iteration().value());
    }
    return values;
  }
  int Count(const std::string& id, const std::function<bool(const v1::Event&)>& is_it) {
    int count = 0;
    for (const v1::Event& event : Events(id)) count += is_it(event) ? 1 : 0;
    return count;
  }
  int CountApplied(const std::string& id, const std::string& request_id) {
    return Count(id, [&](const v1::Event& event) {
      return event.command_applied().request_id() == request_id;
    });
  }

  // What an undisturbed run yields, `changes[k]` being set at boundary k.
  static std::vector<double> Undisturbed(int64_t until, std::map<int64_t, double> changes = {}) {
    std::vector<double> values;
    double x = 1;
    double step_size = 0.5;
    for (int64_t k = 0; k <= until; ++k) {
      if (k > 0) x *= 1 - step_size / 10;
      values.push_back(x * x);
      if (const auto it = changes.find(k); it != changes.end()) step_size = it->second;
    }
    return values;
  }

  const double worker_lease_seconds_;
  const Digest digest_;  // of checkpoints' files; none: the real one
  const std::string vfs_;
  TestFolder folder_;
  TestClock clock_;
  FakeLauncher processes_{socket()};
  std::vector<std::shared_ptr<FakeWorker>> workers_;
  std::shared_ptr<server::Executor> files_ = std::make_shared<server::Executor>(1);
  std::shared_ptr<server::Executor> store_ = std::make_shared<server::Executor>(1);
  JobsService::Options limits_;  // of daemons that are started from here on
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<JobsService> jobs_;
};

}  // namespace descent::daemon

#endif  // DESCENT_TESTS_SERVER_DAEMON_JOBS_HARNESS_H_
