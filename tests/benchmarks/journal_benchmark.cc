// What the journal costs, on this machine's disk:
//
//   journal_benchmark [FOLDER]     (default: a folder of its own under the current one)
//
// Prints one line a figure. Every commit is synchronous=FULL. README.md has results.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/common/mutex.h"
#include "server/daemon/journal/entries.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/watch_cursor.h"

namespace descent::daemon {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

double Percentile(std::vector<double>& values, double p) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(p * static_cast<double>(values.size() - 1))];
}

std::string IterationBytes(int64_t index) {
  v1::Event event;
  event.set_time_unix_nanos(1'700'000'000'000'000'000 + index);
  event.set_attempt(1);
  event.set_sequence(index + 1);
  v1::Iteration* iteration = event.mutable_iteration();
  iteration->set_index(index);
  iteration->set_value(0.3);
  iteration->set_gradient_norm(1.5);
  iteration->set_step_size(0.01);
  iteration->set_samples(index * 64);
  iteration->set_epoch(0.01 * static_cast<double>(index));
  iteration->set_elapsed_seconds(0.001 * static_cast<double>(index));
  return event.SerializeAsString();
}

std::vector<PendingEvent> Batch(int64_t first, int64_t count) {
  std::vector<PendingEvent> events;
  events.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) events.push_back(*ScanEvent(IterationBytes(first + i)));
  return events;
}

// Appends `batches` of `size` events, at most `in_flight` at once; gives the seconds each took from
// Append to done.
std::vector<double> AppendAll(JobJournal& job, int64_t batches, int64_t size, int in_flight,
                              double* total) {
  std::vector<std::vector<PendingEvent>> prepared;
  int64_t index = job.head_revision() - 1;
  for (int64_t i = 0; i < batches; ++i, index += size) prepared.push_back(Batch(index, size));
  std::vector<double> seconds(static_cast<size_t>(batches));
  server::Mutex mutex;
  server::CondVar done;
  int waiting = 0;
  const auto start = Clock::now();
  for (int64_t i = 0; i < batches; ++i) {
    {
      server::MutexLock lock(mutex);
      while (waiting >= in_flight) done.Wait(mutex);
      ++waiting;
    }
    const auto begin = Clock::now();
    job.Append(std::move(prepared[static_cast<size_t>(i)]), std::nullopt,
               [&, i, begin](const absl::StatusOr<JobJournal::Appended>& appended) {
                 if (!appended.ok()) std::abort();
                 seconds[static_cast<size_t>(i)] = Seconds(begin);
                 server::MutexLock lock(mutex);
                 --waiting;
                 done.Signal();
               });
  }
  server::MutexLock lock(mutex);
  while (waiting > 0) done.Wait(mutex);
  *total = Seconds(start);
  return seconds;
}

std::shared_ptr<JobJournal> NewJob(Journal& journal, const std::string& id) {
  v1::Event created;
  created.mutable_created()->set_display_name("benchmark");
  return *journal.CreateJob(id, {ToPending(created)}, v1::Job());
}

void Report(const char* what, std::vector<double> seconds, double total, int64_t events) {
  std::printf("%-44s %10.0f events/s   commit p50 %6.0f us  p99 %6.0f us  max %6.0f us\n", what,
              static_cast<double>(events) / total, 1e6 * Percentile(seconds, 0.5),
              1e6 * Percentile(seconds, 0.99), 1e6 * Percentile(seconds, 1));
}

// Follows the job from the start, as a watcher that only hops over the events.
void CatchUp(const char* what, const std::shared_ptr<JobJournal>& job, const WatchFilter& filter) {
  const auto start = Clock::now();
  WatchCursor cursor = *WatchCursor::Create(job, 0, filter);
  WatchPiece piece;
  int64_t events = 0;
  size_t bytes = 0;
  for (bool more = true; more;) {
    switch (cursor.Poll(&piece)) {
      case WatchCursor::Next::kPiece:
        piece.ForEachEvent([&](std::string_view event) {
          ++events;
          bytes += event.size();
        });
        break;
      case WatchCursor::Next::kNeedsStore:
        if (!cursor.Fetch().ok()) std::abort();
        break;
      default:
        more = false;
    }
  }
  const double seconds = Seconds(start);
  std::printf("%-44s %10.0f events/s   %.0f MB/s, %.1f ms for %ld events of %ld\n", what,
              static_cast<double>(events) / seconds, static_cast<double>(bytes) / seconds / 1e6,
              1e3 * seconds, static_cast<long>(events), static_cast<long>(job->head_revision()));
}

int Main(const std::string& folder) {
  Journal::Options options;
  options.path = folder + "/descent.db";
  std::unique_ptr<Journal> journal = *Journal::Open(options);
  double total = 0;

  auto single = NewJob(*journal, "single");
  std::vector<double> seconds = AppendAll(*single, 4000, 1, 1, &total);
  Report("append, 1 event a commit", seconds, total, 4000);

  auto batched = NewJob(*journal, "batched");
  seconds = AppendAll(*batched, 4000, 256, 1, &total);
  Report("append, 256 events a commit", seconds, total, 4000 * 256);

  auto grouped = NewJob(*journal, "grouped");
  seconds = AppendAll(*grouped, 4000, 256, 8, &total);
  Report("append, 256 a batch, 8 batches in flight", seconds, total, 4000 * 256);

  auto small = NewJob(*journal, "small");
  seconds = AppendAll(*small, 100'000, 1, 64, &total);
  Report("append, 1 event a batch, 64 in flight", seconds, total, 100'000);

  std::vector<std::string> bytes;
  for (int64_t i = 0; i < 500'000; ++i) bytes.push_back(IterationBytes(i));
  const auto begin = Clock::now();
  for (std::string& event : bytes) {
    if (!ScanEvent(std::move(event)).ok()) std::abort();
  }
  std::printf("%-44s %10.0f events/s\n", "scan", 500'000 / Seconds(begin));

  CatchUp("catch up, batches from the store", batched, {});
  CatchUp("catch up, one-event rows from the store", single, {});
  CatchUp("catch up, every 100th", batched, {.kinds = {}, .every = 100});
  CatchUp("catch up, commands only", batched, {.kinds = {v1::COMMAND_APPLIED}, .every = 1});

  const Journal::Statistics statistics = journal->statistics();
  std::printf("%ld commits, mean %.0f us; database %.0f MB for %.0f MB of events\n",
              static_cast<long>(statistics.commits),
              1e6 * statistics.commit_seconds / static_cast<double>(statistics.commits),
              static_cast<double>(statistics.database_bytes) / 1e6,
              static_cast<double>(statistics.bytes) / 1e6);
  return 0;
}

}  // namespace
}  // namespace descent::daemon

int main(int argc, char** argv) {
  std::string folder = argc > 1 ? argv[1] : ".";
  folder += "/journal_benchmark.XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    std::fprintf(stderr, "cannot make a folder %s\n", folder.c_str());
    return 2;
  }
  const int code = descent::daemon::Main(folder);
  std::filesystem::remove_all(folder);
  return code;
}
