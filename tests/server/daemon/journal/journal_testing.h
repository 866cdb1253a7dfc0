// Folders, stores and events for tests of the journal.
#ifndef DESCENT_TESTS_SERVER_DAEMON_JOURNAL_JOURNAL_TESTING_H_
#define DESCENT_TESTS_SERVER_DAEMON_JOURNAL_JOURNAL_TESTING_H_

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "descent/v1/event.pb.h"
#include "server/daemon/journal/entries.h"
#include "server/daemon/journal/journal.h"

namespace descent::daemon {

// A folder of the test's own, gone at its end.
class TestFolder {
 public:
  TestFolder() {
    std::string name = "/tmp/descent-journal-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  std::string File(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class TestClock : public server::Clock {
 public:
  int64_t WallNanos() const override { return nanos_; }
  int64_t MonotonicNanos() const override { return nanos_; }
  void Advance(int64_t nanos) { nanos_ += nanos; }

 private:
  std::atomic<int64_t> nanos_{1'000'000'000};
};

inline PendingEvent MakeIteration(int64_t index, int32_t branch = 0) {
  v1::Event event;
  event.set_time_unix_nanos(1'700'000'000'000'000'000 + index);
  event.set_attempt(1);
  event.set_branch(branch);
  event.set_sequence(index + 1);
  event.mutable_iteration()->set_index(index);
  event.mutable_iteration()->set_value(1.0 / static_cast<double>(index + 1));
  event.mutable_iteration()->set_gradient_norm(static_cast<double>(index % 7));
  if (index > 0) event.mutable_iteration()->set_step_size(0.1);
  event.mutable_iteration()->set_elapsed_seconds(0.001 * static_cast<double>(index));
  return *ScanEvent(event.SerializeAsString());
}

inline std::vector<PendingEvent> MakeIterations(int64_t first, int64_t count, int32_t branch = 0) {
  std::vector<PendingEvent> events;
  for (int64_t i = 0; i < count; ++i) events.push_back(MakeIteration(first + i, branch));
  return events;
}

inline PendingEvent MakeNotice(const std::string& message) {
  v1::Event event;
  event.mutable_notice()->set_message(message);
  return ToPending(event);
}

inline PendingEvent MakeState(v1::JobState state) {
  v1::Event event;
  event.mutable_state_changed()->set_state(state);
  return ToPending(event);
}

inline PendingEvent MakeCreated() {
  v1::Event event;
  event.mutable_created()->set_display_name("test");
  return ToPending(event);
}

// Appends and waits until it is durable.
inline absl::StatusOr<JobJournal::Appended> AppendAndWait(
    JobJournal& journal, std::vector<PendingEvent> events,
    std::optional<v1::Job> snapshot = std::nullopt) {
  std::promise<absl::StatusOr<JobJournal::Appended>> result;
  journal.Append(std::move(events), std::move(snapshot),
                 [&](const absl::StatusOr<JobJournal::Appended>& a) { result.set_value(a); });
  return result.get_future().get();
}

// The events of rows, parsed, after a cursor.
inline std::vector<v1::Event> EventsOf(const std::vector<RowPtr>& rows, int64_t after = 0) {
  std::vector<v1::Event> events;
  for (const RowPtr& row : rows) {
    for (const Entry& entry : Entries(*row)) {
      if (entry.revision <= after) continue;
      v1::Event& event = events.emplace_back();
      event.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size()));
    }
  }
  return events;
}

// Everything after the cursor, by as many reads as it takes.
inline std::vector<v1::Event> ReadAll(JobJournal& journal, int64_t after = 0,
                                      int64_t max_bytes = 1 << 20,
                                      const std::vector<v1::EventKind>& kinds = {}) {
  std::vector<v1::Event> events;
  while (true) {
    absl::StatusOr<std::vector<RowPtr>> rows = journal.Read(after, max_bytes, kinds);
    if (!rows.ok() || rows->empty()) return events;
    for (v1::Event& event : EventsOf(*rows, after)) events.push_back(std::move(event));
    after = rows->back()->last_revision;
  }
}

}  // namespace descent::daemon

#endif  // DESCENT_TESTS_SERVER_DAEMON_JOURNAL_JOURNAL_TESTING_H_
