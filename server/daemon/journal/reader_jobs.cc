// The part of Reader that says which jobs there are, and in which state what is stored of each is:
// for the daemon's start, and for a check of the whole store.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "descent/v1/training_service.pb.h"
#include "proto/rules/names.h"
#include "proto/rules/states.h"
#include "server/common/log.h"
#include "server/daemon/journal/checksum.h"
#include "server/daemon/journal/read_transaction.h"
#include "server/daemon/journal/reader.h"
#include "server/daemon/journal/schema.h"
#include "server/daemon/journal/stored_rollup.h"
#include "server/daemon/journal/stored_row.h"

namespace descent::daemon {
namespace {

// Gives the one event of a row that is no batch.
v1::Event EventOf(const Row& row) {
  v1::WatchJobResponse response;
  if (!response.ParseFromString(row.entries) || response.events_size() != 1) return {};
  return std::move(*response.mutable_events(0));
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> Reader::JobNumbers() {
  ReadTransaction transaction(begin_, end_);
  if (!transaction.status().ok()) return transaction.status();
  std::vector<int64_t> numbers;
  std::set<int64_t> known;
  {
    ScopedReset reset(numbers_.Reset());
    while (true) {
      const absl::StatusOr<bool> found = numbers_.Step();
      if (!found.ok()) return found.status();
      if (!*found) break;
      numbers.push_back(numbers_.Int(0));
    }
    known.insert(numbers.begin(), numbers.end());
  }
  const absl::StatusOr<std::set<int64_t>> remaining = RemainingJobs();
  if (!remaining.ok()) return remaining.status();
  for (const int64_t number : *remaining) {
    if (IsJobNumber(number) && known.count(number) == 0) numbers.push_back(number);
  }
  return numbers;
}

absl::StatusOr<Reader::JobRecord> Reader::Job(int64_t number) {
  ReadTransaction transaction(begin_, end_);
  if (!transaction.status().ok()) return transaction.status();
  absl::StatusOr<JobRecord> job = TableRecord(number);
  if (!job.ok()) return job;
  if (IsJobNumber(number)) job->damage.Update(LoadRecord(&*job));
  // What says nothing about the file is nobody's damage.
  if (!job->damage.ok() && !absl::IsDataLoss(job->damage)) return job->damage;
  return job;
}

absl::StatusOr<v1::Job> Reader::ReadSnapshot(int64_t number) {
  ReadTransaction transaction(begin_, end_);
  if (!transaction.status().ok()) return transaction.status();
  absl::StatusOr<JobRecord> job = TableRecord(number);
  if (!job.ok()) return job.status();
  if (!job->damage.ok()) return job->damage;
  if (absl::Status status = LoadCreated(&*job); !status.ok()) return status;
  return std::move(job->snapshot);
}

absl::StatusOr<Reader::JobRecord> Reader::TableRecord(int64_t number) {
  JobRecord job;
  job.line.number = number;
  ScopedReset reset(job_.Reset().Bind(1, number));
  const absl::StatusOr<bool> found = job_.Step();
  if (!found.ok()) return found.status();
  if (!*found) {
    const absl::StatusOr<std::set<int64_t>> remaining = RemainingJobs();
    if (!remaining.ok()) return remaining.status();
    if (remaining->count(number) == 0) return Deleted();
    job.damage = absl::DataLossError(
        "its line in the table `jobs` is missing, though nobody deleted it, and with it its name");
    if (absl::Status status = NameJob("", &job); !status.ok()) return status;
    return job;
  }
  job.line = JobLineAt(job_);
  job.damage = CheckJobLine(job_, job.line);
  const std::string_view snapshot = job_.Blob(kJobColumns);
  const auto is_of = [&, sum = job_.Int(kJobColumns + 1)](const std::string& job_id) {
    return sum == int64_t{Checksum(job_id, snapshot)};
  };
  const bool parsed =
      job.snapshot.ParseFromArray(snapshot.data(), static_cast<int>(snapshot.size()));
  job.job_id = job.line.job_id;
  bool proven = is_of(job.job_id);
  if (!job.damage.ok()) {
    if (!proven) {
      job.job_id = rules::JobIdOf(job.snapshot.name()).value_or("");
      proven = is_of(job.job_id);
    }
    absl::Status status = NameJob(proven ? job.job_id : "", &job);
    if (!status.ok()) return status;
  }
  if (!proven || !parsed) {
    server::LogWarning({.job = rules::JobName(job.job_id)},
                       "its snapshot in the store is damaged; it is made anew from its events");
    job.snapshot.Clear();
  }
  return job;
}

absl::Status Reader::NameJob(const std::string& known, JobRecord* job) {
  // True if another job proves that the name is its own. A damaged line that merely calls its job
  // so does not: names may have been exchanged.
  const auto is_taken = [&](const std::string& job_id) -> absl::StatusOr<bool> {
    ScopedReset reset(namesakes_.Reset().BindText(1, job_id).Bind(2, job->line.number));
    const absl::StatusOr<bool> found = namesakes_.Step();
    if (!found.ok() || !*found) return found;
    return CheckJobLine(namesakes_, JobLineAt(namesakes_)).ok() ||
           namesakes_.Int(kJobColumns + 1) ==
               int64_t{Checksum(job_id, namesakes_.Blob(kJobColumns))};
  };
  const std::string made_up = absl::StrCat("lost-", std::max<int64_t>(job->line.number, 0));
  job->name_is_lost = false;
  job->job_id = known;
  for (int i = 1;; ++i) {
    if (rules::IsJobId(job->job_id)) {
      const absl::StatusOr<bool> taken = is_taken(job->job_id);
      if (!taken.ok()) return taken.status();
      if (!*taken) return absl::OkStatus();
    }
    job->name_is_lost = true;
    job->job_id = i == 1 ? made_up : absl::StrCat(made_up, "-", i);
  }
}

absl::Status Reader::LoadCreated(JobRecord* record) {
  absl::StatusOr<std::vector<RowPtr>> rows =
      ReadAll(first_.Reset()
                  .Bind(1, RowId(record->line.number, 1))
                  .Bind(2, RowId(record->line.number, kMaxRevision)));
  if (!rows.ok()) return rows.status();
  // The first event is never thinned.
  const int64_t from = rows->empty() ? 2 : rows->front()->first_revision;
  if (from > 1) return Missing(1, from - 1);
  if (rows->front()->kind != v1::CREATED) return absl::OkStatus();
  v1::Event event = EventOf(*rows->front());
  v1::Created& created = *event.mutable_created();
  if (created.has_spec()) record->snapshot.mutable_spec()->Swap(created.mutable_spec());
  if (created.has_summary()) record->snapshot.mutable_summary()->Swap(created.mutable_summary());
  record->request_id = created.request_id();
  record->trace = created.trace();
  return absl::OkStatus();
}

absl::Status Reader::LoadRecord(JobRecord* record) {
  const int64_t first = RowId(record->line.number, 1);
  const int64_t last = RowId(record->line.number, kMaxRevision);
  // What is wrong with a journal is found out after all that can be said of it.
  absl::Status damage = LoadCreated(record);
  absl::StatusOr<std::vector<RowPtr>> rows = ReadAll(last_.Reset().Bind(1, first).Bind(2, last));
  damage.Update(rows.status());
  if (rows.ok() && !rows->empty()) record->head_revision = rows->front()->last_revision;
  JobLine& line = record->line;
  const absl::StatusOr<int64_t> noted = NotedHead(line.number);
  if (!noted.ok()) return noted.status();
  if (const int64_t head = std::max(*noted, record->snapshot.head_revision());
      record->head_revision < head) {
    damage.Update(Missing(record->head_revision + 1, head));
    record->head_revision = head;
  }
  rows = ReadAll(last_state_.Reset().Bind(1, first).Bind(2, last));
  damage.Update(rows.status());
  if (rows.ok() && !rows->empty() &&
      rules::IsFinal(EventOf(*rows->front()).state_changed().state())) {
    record->final_revision = rows->front()->first_revision;
  }
  ScopedReset reset(last_other_.Reset().Bind(1, first).Bind(2, last));
  const absl::StatusOr<bool> found = last_other_.Step();
  damage.Update(found.status());
  if (!found.ok()) return damage;
  const int64_t other = *found ? RevisionOf(last_other_.Int(0)) : 0;
  if (other < line.last_other_revision) {
    damage.Update(Missing(line.last_other_revision, line.last_other_revision));
  } else if (other > line.last_other_revision) {
    damage.Update(absl::DataLossError(
        absl::StrCat("its line in the table `jobs` is older than revision ", other)));
  }
  if (line.compacted_revision > record->head_revision) {  // the newest row is never thinned
    damage.Update(absl::DataLossError(
        absl::StrCat("its line in the table `jobs` speaks of revision ", line.compacted_revision,
                     ", but it ends at ", record->head_revision)));
  }
  return damage;
}

absl::StatusOr<std::set<int64_t>> Reader::RemainingJobs() {
  std::set<int64_t> numbers;
  // A page that can't be read is told of with its own job; what lies behind it is found once that
  // is gone.
  const auto next = [](Statement& statement) -> absl::StatusOr<bool> {
    const absl::StatusOr<bool> found = statement.Step();
    if (absl::IsDataLoss(found.status())) return false;
    if (!found.ok()) return found.status();
    return *found && !statement.IsNull(0);
  };
  for (int64_t from = std::numeric_limits<int64_t>::min();;) {
    ScopedReset reset(next_row_.Reset().Bind(1, from));
    const absl::StatusOr<bool> found = next(next_row_);
    if (!found.ok()) return found.status();
    if (!*found) break;
    const int64_t number = JobOf(next_row_.Int(0));
    numbers.insert(number);
    if (number >= kMaxJobNumber) break;
    from = RowId(number + 1, 0);
  }
  for (int64_t after = std::numeric_limits<int64_t>::min();;) {
    ScopedReset reset(next_rollup_.Reset().Bind(1, after));
    const absl::StatusOr<bool> found = next(next_rollup_);
    if (!found.ok()) return found.status();
    if (!*found) break;
    after = next_rollup_.Int(0);
    numbers.insert(after);
  }
  {
    ScopedReset reset(heads_.Reset());
    while (true) {
      const absl::StatusOr<bool> found = next(heads_);
      if (!found.ok()) return found.status();
      if (!*found) break;
      const int64_t number = heads_.Int(0);
      // A note that is damaged is none.
      if (heads_.Int(2) == int64_t{Checksum(number, heads_.Int(1))}) numbers.insert(number);
    }
  }
  // A deletion takes the line away and notes that, in one transaction; the rest goes afterwards.
  ScopedReset reset(deleted_.Reset());
  while (true) {
    const absl::StatusOr<bool> found = deleted_.Step();
    if (!found.ok()) return found.status();
    if (!*found) return numbers;
    const int64_t number = deleted_.Int(0);
    if (deleted_.Int(1) == int64_t{Checksum(number)}) numbers.erase(number);
  }
}

absl::StatusOr<std::vector<std::string>> Reader::Strays() {
  ReadTransaction transaction(begin_, end_);
  if (!transaction.status().ok()) return transaction.status();
  std::vector<std::string> strays;
  const absl::StatusOr<std::set<int64_t>> remaining = RemainingJobs();
  if (!remaining.ok()) return remaining.status();
  for (const int64_t number : *remaining) {
    if (IsJobNumber(number)) continue;
    strays.push_back(absl::StrCat(
        "there are rows or roll-ups of job ", number,
        ", a number that none can have: nothing reads them; stop descentd and remove them, with "
        "`sqlite3 descent.db \"DELETE FROM rows WHERE id >> 40 = ",
        number, "; DELETE FROM rollups WHERE job = ", number,
        "; DELETE FROM heads WHERE job = ", number, "\"`"));
  }
  return strays;
}

absl::StatusOr<int64_t> Reader::NotedHead(int64_t job) {
  ScopedReset reset(head_.Reset().Bind(1, job));
  const absl::StatusOr<bool> found = head_.Step();
  // A note that is damaged is no damage to the rows, as with snapshots.
  if (absl::IsDataLoss(found.status())) return 0;
  if (!found.ok()) return found.status();
  if (!*found || head_.Int(1) != int64_t{Checksum(job, head_.Int(0))}) return 0;
  return head_.Int(0);
}

absl::Status Reader::Check(int64_t job) {
  ReadTransaction transaction(begin_, end_);
  if (!transaction.status().ok()) return transaction.status();
  JobLine line;
  {
    ScopedReset reset(line_.Reset().Bind(1, job));
    const absl::StatusOr<bool> found = line_.Step();
    if (!found.ok()) return found.status();
    if (!*found) return absl::OkStatus();  // deleted meanwhile
    line = JobLineAt(line_);
    if (absl::Status status = CheckJobLine(line_, line); !status.ok()) return status;
  }
  // Events that are there, or in roll-ups, of those up to compacted_revision.
  int64_t accounted = 0;
  {
    ScopedReset reset(rollups_.Reset().Bind(1, job));
    while (true) {
      const absl::StatusOr<bool> found = rollups_.Step();
      if (!found.ok()) return found.status();
      if (!*found) break;
      const absl::StatusOr<Rollup> rollup = RollupOf(rollups_);
      if (!rollup.ok()) return rollup.status();
      accounted += rollup->count;
    }
  }
  ScopedReset reset(rows_.Reset().Bind(1, RowId(job, 0)).Bind(2, RowId(job, kMaxRevision)));
  int64_t revision = 0;
  int64_t other = 0;
  while (true) {
    const absl::StatusOr<bool> found = rows_.Step();
    if (!found.ok()) return found.status();
    if (!*found) break;
    const absl::StatusOr<RowPtr> row = RowOf(rows_);
    if (!row.ok()) return row.status();
    const int64_t first = (*row)->first_revision;
    // Before that, iterations have been thinned.
    if (first > std::max(revision, line.compacted_revision) + 1) {
      return Missing(revision + 1, first - 1);
    }
    revision = (*row)->last_revision;
    if (revision <= line.compacted_revision) accounted += revision - first + 1;
    if ((*row)->kind == v1::ITERATION) continue;
    if (PreviousOf(rows_) != std::exchange(other, first)) {
      return Missing(PreviousOf(rows_), PreviousOf(rows_));
    }
  }
  if (accounted == line.compacted_revision) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("of the events up to revision ", line.compacted_revision,
                                          ", which have been thinned, rows and roll-ups tell of ",
                                          accounted));
}

}  // namespace descent::daemon
