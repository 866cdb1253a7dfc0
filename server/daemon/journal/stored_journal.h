// A `StoredJournal` is the journal of one job: revisions are given here, rows go to the Writer, and
// come back through Publish when they are durable. Thread-safe, but for what is marked as the
// writer's.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_STORED_JOURNAL_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_STORED_JOURNAL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/common/mutex.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/reader.h"
#include "server/daemon/journal/subscribers.h"
#include "server/daemon/journal/tail.h"

namespace descent::daemon {

class Writer;

class StoredJournal : public JobJournal, public std::enable_shared_from_this<StoredJournal> {
 public:
  // Makes the journal of a job in the store. A new job has the number 0 until the writer knows it.
  StoredJournal(const Reader::JobRecord& record, int64_t tail_bytes, std::shared_ptr<Writer> writer,
                std::shared_ptr<ReaderPool> readers);

  const std::string& job_id() const override { return job_id_; }
  int64_t head_revision() const override { return tail_.head_revision(); }
  int64_t compacted_revision() const override { return compacted_revision_.load(); }
  int64_t final_revision() const override { return final_revision_.load(); }

  int64_t Append(std::vector<PendingEvent> events, std::optional<v1::Job> snapshot,
                 Done done) override;
  absl::StatusOr<std::vector<RowPtr>> Read(int64_t after_revision, int64_t max_bytes,
                                           const std::vector<v1::EventKind>& kinds) override;
  std::optional<std::vector<RowPtr>> Tail(int64_t after_revision, int64_t max_bytes) override;
  std::unique_ptr<Subscription> Subscribe(std::function<void()> on_append) override;
  absl::StatusOr<RowPtr> FindIteration(int32_t branch, int64_t iteration) override;
  absl::StatusOr<std::vector<RowPtr>> FindRequest(const std::string& request_id) override;
  absl::StatusOr<v1::Job> ReadSnapshot() override;
  absl::StatusOr<std::vector<RowPtr>> FindEvaluations(int32_t branch, int64_t iteration) override;
  absl::Status stalled() const override ABSL_LOCKS_EXCLUDED(waiting_mutex_);
  void SetWaiting(const std::string& why) override ABSL_LOCKS_EXCLUDED(waiting_mutex_);
  // Gives OK, or UNAVAILABLE with what SetWaiting was told.
  absl::Status waiting() const ABSL_LOCKS_EXCLUDED(waiting_mutex_);
  absl::Status damage() const override ABSL_LOCKS_EXCLUDED(damage_mutex_);
  void OnDamage(std::function<void(const absl::Status&)> on_damage) override
      ABSL_LOCKS_EXCLUDED(damage_mutex_);
  void Retain(int64_t max_bytes) override;

  // Takes the journal out of service: `what` is a clause that says what is wrong and where. The
  // first call counts. Gives damage(). Any thread.
  absl::Status SetDamage(const absl::Status& what) ABSL_LOCKS_EXCLUDED(damage_mutex_);

  // Takes the events of a job that the writer is to create.
  void Create(std::vector<PendingEvent> events, const v1::Job& snapshot, Done done);

  // These are for the writer, on its thread.
  bool is_damaged() const { return damaged_.load(); }
  int64_t number() const { return number_.load(); }
  void set_number(int64_t number) { number_.store(number); }
  void Publish(const std::vector<RowPtr>& rows, int64_t final_revision);
  void PublishCompacted(int64_t revision);
  void PublishDeleted();
  void NotifySubscribers() { subscribers_.Notify(); }
  void ClearTail() { tail_.Clear(); }

  // The writer's own notes about this journal; used on its thread only.
  struct Notes {
    bool deleted = false;
    // Bytes of stored iteration rows; −1: not counted yet since the start, when the store had
    // counted so many up to that revision.
    int64_t iteration_bytes = -1;
    int64_t counted_bytes = 0;
    int64_t counted_revision = 0;
    int64_t stored_revision = 0;  // the last one committed
    // The first revision of the last row that is no ITERATION; 0 if there is none.
    int64_t last_other_revision = 0;
    bool thinning = false;          // thinning has begun
    int64_t retain_bytes = -1;      // what Retain asked for and is still to be done; −1: nothing
    int64_t last_append_nanos = 0;  // monotonic
    bool has_tail = false;          // it is among those looked through for idle tails
    bool head_moved = false;        // its head is beyond what the store has noted of it
  };
  Notes notes;

 private:
  int64_t Enqueue(std::vector<PendingEvent> events, std::optional<std::string> snapshot, Done done,
                  bool create);
  bool NoteDamage(const absl::Status& what) ABSL_LOCKS_EXCLUDED(damage_mutex_);
  // Takes a reader and calls `use` with it, unless the journal is damaged; notes damage that it
  // finds.
  template <class Use>
  auto With(Use use) -> decltype(use(std::declval<Reader&>()));

  const std::string job_id_;
  const std::shared_ptr<Writer> writer_;
  const std::shared_ptr<ReaderPool> readers_;
  std::atomic<int64_t> number_;
  std::atomic<int64_t> compacted_revision_;
  std::atomic<int64_t> final_revision_;
  std::atomic<bool> deleted_{false};
  std::atomic<bool> damaged_{false};  // whether damage_ is set
  daemon::Tail tail_;
  Subscribers subscribers_;

  std::atomic<bool> waits_{false};  // whether waiting_ says something
  mutable server::Mutex waiting_mutex_;
  std::string waiting_ ABSL_GUARDED_BY(waiting_mutex_);

  mutable server::Mutex damage_mutex_;
  absl::Status damage_ ABSL_GUARDED_BY(damage_mutex_);
  std::function<void(const absl::Status&)> on_damage_ ABSL_GUARDED_BY(damage_mutex_);

  // It is held while revisions are given and rows are queued, so that both have one order.
  server::Mutex mutex_;
  int64_t next_revision_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_STORED_JOURNAL_H_
