#include "server/daemon/journal/check.h"

#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/rules/names.h"
#include "server/daemon/journal/entries.h"
#include "server/daemon/journal/reader.h"
#include "server/daemon/journal/schema.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {
namespace {

// Gives what SQLite finds wrong with the file, at most a hundred things.
std::vector<std::string> Problems(Connection& connection) {
  std::vector<std::string> problems;
  absl::StatusOr<Statement> check = connection.Prepare("PRAGMA integrity_check(100)");
  absl::Status status = check.status();
  while (status.ok()) {
    const absl::StatusOr<bool> found = check->Step();
    status = found.status();
    if (!found.ok() || !*found) break;
    const std::string line(check->Blob(0));
    if (line == "ok") continue;
    problems.push_back(absl::StrContains(line, "index ")
                           ? absl::StrCat(line,
                                          ": stop descentd and make the indexes anew, with "
                                          "`sqlite3 descent.db REINDEX`")
                           : line);
  }
  if (!status.ok()) problems.emplace_back(status.message());
  return problems;
}

}  // namespace

bool StoreReport::whole() const {
  return problems.empty() &&
         std::all_of(jobs.begin(), jobs.end(), [](const Job& job) { return job.whole(); });
}

absl::StatusOr<StoreReport> CheckStore(const std::string& path, const CheckProgress& progress) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat("there is no database ", path));
  }
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(path, Connection::Mode::kReadOnly, "");
  if (!connection.ok()) return connection.status();
  StoreReport report;
  const auto unreadable = [&](const absl::Status& status) -> absl::StatusOr<StoreReport> {
    if (!absl::IsDataLoss(status)) return status;
    report.problems.emplace_back(status.message());
    report.readable = false;
    return report;
  };
  const absl::StatusOr<SchemaState> schema = CheckSchema(**connection);
  if (!schema.ok()) return unreadable(schema.status());
  report.problems = schema->problems;
  report.readable = schema->readable;
  if (progress) progress("the database's structure");
  const std::vector<std::string> problems = Problems(**connection);
  report.problems.insert(report.problems.end(), problems.begin(), problems.end());
  if (!report.readable) return report;
  absl::StatusOr<std::unique_ptr<Reader>> reader = Reader::Open(path, "");
  if (!reader.ok()) return unreadable(reader.status());
  const absl::StatusOr<std::vector<std::string>> strays = (*reader)->Strays();
  if (!strays.ok()) return unreadable(strays.status());
  report.problems.insert(report.problems.end(), strays->begin(), strays->end());
  const absl::StatusOr<std::vector<int64_t>> numbers = (*reader)->JobNumbers();
  if (!numbers.ok()) return unreadable(numbers.status());
  for (const int64_t number : *numbers) {
    const absl::StatusOr<Reader::JobRecord> job = (*reader)->Job(number);
    if (absl::IsNotFound(job.status())) continue;  // deleted meanwhile
    if (!job.ok()) return unreadable(job.status());
    if (progress) {
      progress(absl::StrCat(rules::JobName(job->job_id), " (", report.jobs.size() + 1, " of ",
                            numbers->size(), ")"));
    }
    absl::Status damage = job->damage;
    damage.Update((*reader)->Check(number));
    if (!damage.ok() && !absl::IsDataLoss(damage)) return damage;
    report.jobs.push_back({.number = number,
                           .job_id = job->job_id,
                           .head_revision = job->head_revision,
                           .damage = std::string(damage.message()),
                           .checkpoints = {},
                           .looked_at = {}});
  }
  return report;
}

absl::Status ReadStoredEvents(const std::string& path, int64_t job_number,
                              const std::vector<v1::EventKind>& kinds,
                              const std::function<void(const v1::Event&)>& take) {
  const absl::StatusOr<std::unique_ptr<Reader>> reader = Reader::Open(path, "");
  if (!reader.ok()) return reader.status();
  for (int64_t cursor = 0;;) {
    const absl::StatusOr<std::vector<RowPtr>> rows =
        (*reader)->Read(job_number, cursor, kMaxRevision, 1 << 20, kinds);
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return absl::OkStatus();
    for (const RowPtr& row : *rows) {
      cursor = row->last_revision;
      for (const Entry& entry : Entries(*row)) {
        v1::Event event;
        if (!event.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size()))) {
          return absl::DataLossError(
              absl::StrCat("the event of revision ", entry.revision, " can't be read"));
        }
        event.set_revision(entry.revision);
        take(event);
      }
    }
  }
}

}  // namespace descent::daemon
