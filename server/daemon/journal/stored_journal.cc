#include "server/daemon/journal/stored_journal.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"
#include "proto/rules/states.h"
#include "server/common/log.h"
#include "server/daemon/journal/row_builder.h"
#include "server/daemon/journal/writer.h"

namespace descent::daemon {

using server::MutexLock;

StoredJournal::StoredJournal(const Reader::JobRecord& record, int64_t tail_bytes,
                             std::shared_ptr<Writer> writer, std::shared_ptr<ReaderPool> readers)
    : job_id_(record.job_id),
      writer_(std::move(writer)),
      readers_(std::move(readers)),
      number_(record.line.number),
      compacted_revision_(record.line.compacted_revision),
      final_revision_(record.final_revision),
      tail_(tail_bytes),
      next_revision_(record.head_revision + 1) {
  notes.stored_revision = record.head_revision;
  notes.last_other_revision = record.line.last_other_revision;
  notes.counted_bytes = record.line.iteration_bytes;
  notes.counted_revision = record.line.counted_revision;
  if (record.line.number == 0) notes.iteration_bytes = 0;
  tail_.SetHead(record.head_revision);
  if (!record.damage.ok()) NoteDamage(record.damage);
}

int64_t StoredJournal::Append(std::vector<PendingEvent> events, std::optional<v1::Job> snapshot,
                              Done done) {
  std::optional<std::string> bytes;
  if (snapshot.has_value()) bytes = snapshot->SerializeAsString();
  return Enqueue(std::move(events), std::move(bytes), std::move(done), /*create=*/false);
}

void StoredJournal::Create(std::vector<PendingEvent> events, const v1::Job& snapshot, Done done) {
  Enqueue(std::move(events), snapshot.SerializeAsString(), std::move(done), /*create=*/true);
}

int64_t StoredJournal::Enqueue(std::vector<PendingEvent> events,
                               std::optional<std::string> snapshot, Done done, bool create) {
  Writer::Operation operation;
  operation.kind = create ? Writer::Operation::kCreate : Writer::Operation::kAppend;
  operation.journal = shared_from_this();
  operation.snapshot = std::move(snapshot);
  operation.done = std::move(done);
  MutexLock lock(mutex_);
  const int64_t first_revision = next_revision_;
  next_revision_ += static_cast<int64_t>(events.size());
  operation.rows = BuildRows(events, first_revision);
  operation.events = static_cast<int64_t>(events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    if (rules::IsFinal(events[i].state))
      operation.final_revision = first_revision + static_cast<int64_t>(i);
  }
  writer_->Enqueue(std::move(operation));
  return first_revision;
}

absl::StatusOr<std::vector<RowPtr>> StoredJournal::Read(int64_t after_revision, int64_t max_bytes,
                                                        const std::vector<v1::EventKind>& kinds) {
  const int64_t head = head_revision();
  return With([&](Reader& reader) {
    return reader.Read(number(), after_revision, head, max_bytes, kinds);
  });
}

std::optional<std::vector<RowPtr>> StoredJournal::Tail(int64_t after_revision, int64_t max_bytes) {
  if (deleted_.load() || damaged_.load()) return std::nullopt;
  return tail_.After(after_revision, max_bytes);
}

std::unique_ptr<Subscription> StoredJournal::Subscribe(std::function<void()> on_append) {
  return subscribers_.Add(std::move(on_append));
}

absl::StatusOr<RowPtr> StoredJournal::FindIteration(int32_t branch, int64_t iteration) {
  const int64_t head = head_revision();
  return With(
      [&](Reader& reader) { return reader.FindIteration(number(), head, branch, iteration); });
}

absl::StatusOr<std::vector<RowPtr>> StoredJournal::FindRequest(const std::string& request_id) {
  return With([&](Reader& reader) { return reader.FindRequest(number(), request_id); });
}

absl::StatusOr<v1::Job> StoredJournal::ReadSnapshot() {
  return With([&](Reader& reader) { return reader.ReadSnapshot(number()); });
}

absl::StatusOr<std::vector<RowPtr>> StoredJournal::FindEvaluations(int32_t branch,
                                                                   int64_t iteration) {
  return With([&](Reader& reader) { return reader.FindEvaluations(number(), branch, iteration); });
}

absl::Status StoredJournal::stalled() const {
  absl::Status status = writer_->stalled();
  return status.ok() ? waiting() : status;
}

void StoredJournal::SetWaiting(const std::string& why) {
  if (why.empty() && !waits_.load()) return;
  MutexLock lock(waiting_mutex_);
  waiting_ = why;
  waits_.store(!why.empty());
}

absl::Status StoredJournal::waiting() const {
  if (!waits_.load()) return absl::OkStatus();
  MutexLock lock(waiting_mutex_);
  return waiting_.empty() ? absl::OkStatus() : absl::UnavailableError(waiting_);
}

template <class Use>
auto StoredJournal::With(Use use) -> decltype(use(std::declval<Reader&>())) {
  if (damaged_.load()) return damage();
  auto result = readers_->With(use);
  if (absl::IsDataLoss(result.status()) && !deleted_.load()) return SetDamage(result.status());
  return result;
}

// ----------------------------------------------------------------------------------------- Damage

absl::Status StoredJournal::damage() const {
  MutexLock lock(damage_mutex_);
  return damage_;
}

void StoredJournal::OnDamage(std::function<void(const absl::Status&)> on_damage) {
  absl::Status damage;
  {
    MutexLock lock(damage_mutex_);
    on_damage_ = on_damage;
    damage = damage_;
  }
  if (!damage.ok()) on_damage(damage);
}

absl::Status StoredJournal::SetDamage(const absl::Status& what) {
  if (!NoteDamage(what)) return damage();
  std::function<void(const absl::Status&)> on_damage;
  {
    MutexLock lock(damage_mutex_);
    on_damage = on_damage_;
  }
  tail_.Clear();
  if (on_damage) on_damage(damage());
  // Subscribers are told on the writer's thread, as always.
  Writer::Operation operation;
  operation.kind = Writer::Operation::kDamage;
  operation.journal = shared_from_this();
  writer_->Enqueue(std::move(operation));
  return damage();
}

bool StoredJournal::NoteDamage(const absl::Status& what) {
  const std::string text = absl::StrCat("The stored journal of jobs/", job_id_,
                                        " is damaged: ", std::string(what.message()),
                                        ". The job is out of service, others are not concerned: "
                                        "stop descentd and put descent.db back "
                                        "from a copy, or delete the job");
  {
    MutexLock lock(damage_mutex_);
    if (!damage_.ok()) return false;
    damage_ = MakeError(absl::StatusCode::kDataLoss, text, reason::kJournalDamaged);
    damaged_.store(true);
  }
  server::LogError({.job = rules::JobName(job_id_)}, text);
  return true;
}

// ---------------------------------------------------------------------------------------- Writing

void StoredJournal::Retain(int64_t max_bytes) {
  Writer::Operation operation;
  operation.kind = Writer::Operation::kRetain;
  operation.journal = shared_from_this();
  operation.retain_bytes = max_bytes;
  writer_->Enqueue(std::move(operation));
}

void StoredJournal::Publish(const std::vector<RowPtr>& rows, int64_t final_revision) {
  // This comes before the head: whoever sees a head beyond the final event knows that it is final.
  if (final_revision > 0) final_revision_.store(final_revision);
  tail_.Publish(rows);
}

void StoredJournal::PublishCompacted(int64_t revision) {
  compacted_revision_.store(revision);
  tail_.DropThrough(revision);
}

void StoredJournal::PublishDeleted() {
  deleted_.store(true);
  tail_.Clear();
}

}  // namespace descent::daemon
