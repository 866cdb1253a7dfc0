#include "server/daemon/journal/check.h"

#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/daemon/journal/reader.h"
#include "server/daemon/journal/schema.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {
namespace {

// What SQLite finds wrong with the file, at most a hundred things.
std::vector<std::string> Problems(Connection& connection) {
  std::vector<std::string> problems;
  absl::StatusOr<Statement> check = connection.Prepare("PRAGMA integrity_check(100)");
  absl::Status status = check.status();
  while (status.ok()) {
    const absl::StatusOr<bool> found = check->Step();
    status = found.status();
    if (!found.ok() || !*found) break;
    if (const std::string line(check->Blob(0)); line != "ok") problems.push_back(line);
  }
  if (!status.ok()) problems.emplace_back(status.message());
  return problems;
}

}  // namespace

bool StoreReport::whole() const {
  return problems.empty() &&
         std::all_of(jobs.begin(), jobs.end(), [](const Job& job) { return job.damage.empty(); });
}

absl::StatusOr<StoreReport> CheckStore(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat("there is no database ", path));
  }
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(path, Connection::Mode::kReadOnly, "");
  if (!connection.ok()) return connection.status();
  StoreReport report;
  if (absl::Status status = CheckVersion(**connection); !status.ok()) {
    if (!absl::IsDataLoss(status)) return status;
    report.problems.emplace_back(status.message());
    return report;
  }
  report.problems = Problems(**connection);
  absl::StatusOr<std::unique_ptr<Reader>> reader = Reader::Open(path, "");
  if (!reader.ok()) return reader.status();
  const absl::StatusOr<std::vector<int64_t>> numbers = (*reader)->JobNumbers();
  if (!numbers.ok()) {
    if (!absl::IsDataLoss(numbers.status())) return numbers.status();
    report.problems.emplace_back(numbers.status().message());
    return report;
  }
  for (const int64_t number : *numbers) {
    const absl::StatusOr<Reader::JobRecord> job = (*reader)->Job(number);
    if (!job.ok()) {
      if (!absl::IsDataLoss(job.status())) return job.status();
      report.problems.emplace_back(job.status().message());
      return report;
    }
    absl::Status damage = job->damage;
    damage.Update((*reader)->Check(job->number, job->compacted_revision));
    if (!damage.ok() && !absl::IsDataLoss(damage)) return damage;
    report.jobs.push_back({job->job_id, job->head_revision, std::string(damage.message())});
  }
  return report;
}

}  // namespace descent::daemon
