#include "server/daemon/journal/schema_columns.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "descent/v1/event.pb.h"
#include "server/common/log.h"
#include "server/daemon/journal/checksum.h"
#include "server/daemon/journal/entries.h"
#include "server/daemon/journal/job_line.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/schema.h"
#include "server/daemon/journal/stored_rollup.h"

namespace descent::daemon {
namespace {

// Gives the request of a row of one command's event; empty for others, and for bytes that are none.
std::string RequestOfEntry(std::string_view entries) {
  std::string_view bytes;
  v1::Event event;
  if (!NextEntry(&entries, &bytes) ||
      !event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return "";
  }
  return ToPending(event).request_id;
}

// Gives the rows of a store of version 1 what version 2 has of each. It takes a few at a time,
// since a row may be large.
absl::Status FillRows(Connection& connection) {
  absl::StatusOr<Statement> read = connection.Prepare(
      "SELECT id, last_revision, kind, branch, first_iteration, last_iteration, entries FROM rows "
      "WHERE id > ?1 ORDER BY id LIMIT 64");
  if (!read.ok()) return read.status();
  absl::StatusOr<Statement> write = connection.Prepare(
      "UPDATE rows SET checksum = ?2, previous = ?3, request_id = ?4 WHERE id = ?1");
  if (!write.ok()) return write.status();
  struct Filled {
    int64_t id;
    uint32_t checksum;
    int64_t previous;  // −1: NULL
    std::string request_id;
  };
  int64_t id = 0;
  int64_t job = -1;
  int64_t previous = 0;
  while (true) {
    std::vector<Filled> filled;
    {
      ScopedReset reset(read->Reset().Bind(1, id));
      while (true) {
        absl::StatusOr<bool> found = read->Step();
        if (!found.ok()) return found.status();
        if (!*found) break;
        StoredRow row{.id = read->Int(0),
                      .last_revision = read->Int(1),
                      .kind = read->Int(2),
                      .branch = read->Int(3),
                      .first_iteration = read->Int(4),
                      .last_iteration = read->Int(5),
                      .previous = 0,
                      .request_id = {},
                      .entries = read->Blob(6)};
        id = row.id;
        if (JobOf(id) != job) previous = 0;
        job = JobOf(id);
        Filled& fill = filled.emplace_back(Filled{id, 0, -1, ""});
        if (row.kind != v1::ITERATION) {
          row.previous = fill.previous = std::exchange(previous, RevisionOf(id));
          if (row.kind >= v1::COMMAND_ACCEPTED && row.kind <= v1::COMMAND_REJECTED) {
            fill.request_id = RequestOfEntry(row.entries);
          }
          row.request_id = fill.request_id;
        }
        fill.checksum = Checksum(row);
      }
    }
    if (filled.empty()) return absl::OkStatus();
    for (const Filled& fill : filled) {
      write->Reset().Bind(1, fill.id).Bind(2, int64_t{fill.checksum});
      fill.previous < 0 ? write->BindNull(3) : write->Bind(3, fill.previous);
      fill.request_id.empty() ? write->BindNull(4) : write->BindText(4, fill.request_id);
      if (absl::Status status = write->Run(); !status.ok()) return status;
    }
  }
}

absl::Status FillSnapshots(Connection& connection) {
  absl::StatusOr<Statement> read = connection.Prepare("SELECT number, job_id, snapshot FROM jobs");
  if (!read.ok()) return read.status();
  std::vector<std::pair<int64_t, uint32_t>> sums;
  while (true) {
    absl::StatusOr<bool> found = read->Step();
    if (!found.ok()) return found.status();
    if (!*found) break;
    sums.emplace_back(read->Int(0), Checksum(read->Blob(1), read->Blob(2)));
  }
  absl::StatusOr<Statement> write =
      connection.Prepare("UPDATE jobs SET snapshot_checksum = ?2 WHERE number = ?1");
  if (!write.ok()) return write.status();
  for (const auto& [number, sum] : sums) {
    absl::Status status = write->Reset().Bind(1, number).Bind(2, int64_t{sum}).Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Gives the roll-ups of a store of version 1 or 2 their checksums.
absl::Status FillRollups(Connection& connection) {
  absl::StatusOr<Statement> read =
      connection.Prepare("SELECT " + RollupColumns() + " FROM rollups");
  if (!read.ok()) return read.status();
  struct Filled {
    int64_t job;
    int64_t branch;
    int64_t bucket;
    uint32_t checksum;
  };
  std::vector<Filled> filled;
  while (true) {
    absl::StatusOr<bool> found = read->Step();
    if (!found.ok()) return found.status();
    if (!*found) break;
    filled.push_back(
        {read->Int(0), read->Int(1), read->Int(2), Checksum(read->Int(0), RollupAt(*read))});
  }
  absl::StatusOr<Statement> write = connection.Prepare(
      "UPDATE rollups SET checksum = ?4 WHERE job = ?1 AND branch = ?2 AND bucket = ?3");
  if (!write.ok()) return write.status();
  for (const Filled& fill : filled) {
    write->Reset().Bind(1, fill.job).Bind(2, fill.branch).Bind(3, fill.bucket);
    absl::Status status = write->Bind(4, int64_t{fill.checksum}).Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Gives the lines of `jobs`, and the notes of deletions, of a store of version 1 to 3 what version
// 4 has of each.
absl::Status FillLines(Connection& connection) {
  absl::StatusOr<Statement> read = connection.Prepare("SELECT " DESCENT_JOB_COLUMNS " FROM jobs");
  if (!read.ok()) return read.status();
  std::vector<JobLine> lines;
  while (true) {
    absl::StatusOr<bool> found = read->Step();
    if (!found.ok()) return found.status();
    if (!*found) break;
    lines.push_back(JobLineAt(*read));
  }
  absl::StatusOr<Statement> last =
      connection.Prepare("SELECT max(id) FROM rows WHERE id BETWEEN ?1 AND ?2 AND kind <> 13");
  if (!last.ok()) return last.status();
  absl::StatusOr<Statement> write = connection.Prepare(kUpdateJobLine);
  if (!write.ok()) return write.status();
  for (JobLine& line : lines) {
    ScopedReset reset(
        last->Reset().Bind(1, RowId(line.number, 1)).Bind(2, RowId(line.number, kMaxRevision)));
    absl::StatusOr<bool> found = last->Step();
    if (!found.ok()) return found.status();
    if (*found && !last->IsNull(0)) line.last_other_revision = RevisionOf(last->Int(0));
    absl::Status status = BindJobLine(write->Reset(), line).Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status FillNotes(Connection& connection) {
  absl::StatusOr<Statement> read = connection.Prepare("SELECT number FROM deleted_jobs");
  if (!read.ok()) return read.status();
  std::vector<int64_t> numbers;
  while (true) {
    absl::StatusOr<bool> found = read->Step();
    if (!found.ok()) return found.status();
    if (!*found) break;
    numbers.push_back(read->Int(0));
  }
  absl::StatusOr<Statement> write =
      connection.Prepare("UPDATE deleted_jobs SET checksum = ?2 WHERE number = ?1");
  if (!write.ok()) return write.status();
  for (const int64_t number : numbers) {
    write->Reset().Bind(1, number).Bind(2, int64_t{Checksum(number)});
    if (absl::Status status = write->Run(); !status.ok()) return status;
  }
  read = connection.Prepare("SELECT job_id FROM folders_to_remove");
  if (!read.ok()) return read.status();
  std::vector<std::string> ids;
  while (true) {
    absl::StatusOr<bool> found = read->Step();
    if (!found.ok()) return found.status();
    if (!*found) break;
    ids.emplace_back(read->Blob(0));
  }
  write = connection.Prepare("UPDATE folders_to_remove SET checksum = ?2 WHERE job_id = ?1");
  if (!write.ok()) return write.status();
  for (const std::string& id : ids) {
    write->Reset().BindText(1, id).Bind(2, int64_t{Checksum(std::string_view(id))});
    if (absl::Status status = write->Run(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FillColumns(Connection& connection, int64_t version) {
  if (version <= 2) {
    if (absl::Status status = FillRollups(connection); !status.ok()) return status;
  }
  if (version == 1) {
    server::LogInfo("journal", "brings the store up to date: once, and a minute for some GB");
    if (absl::Status status = FillRows(connection); !status.ok()) return status;
    if (absl::Status status = FillSnapshots(connection); !status.ok()) return status;
  }
  if (version <= 3) {
    if (absl::Status status = FillLines(connection); !status.ok()) return status;
    if (absl::Status status = FillNotes(connection); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace descent::daemon
