#include "server/daemon/journal/schema.h"

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "descent/v1/event.pb.h"
#include "server/common/log.h"
#include "server/daemon/journal/checksum.h"
#include "server/daemon/journal/entries.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/journal/stored_rollup.h"

namespace descent::daemon {
namespace {

// Of a row of one command's event; empty for others, and for bytes that are none.
std::string RequestOfEntry(std::string_view entries) {
  std::string_view bytes;
  v1::Event event;
  if (!NextEntry(&entries, &bytes) ||
      !event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return "";
  }
  return ToPending(event).request_id;
}

constexpr int64_t kApplicationId = 0x44736E74;  // "Dsnt", for file(1)

// One script a version; version n is reached by running the first n. Never change one that was
// released: add another.
constexpr const char* kMigrations[] = {
    R"sql(
-- One journal each. AUTOINCREMENT: a number is never given again.
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id TEXT NOT NULL UNIQUE,
  -- The fold of the journal as the daemon last stored it: a serialized descent.v1.Job.
  snapshot BLOB NOT NULL,
  -- Iteration events up to here have been thinned into roll-ups.
  compacted_revision INTEGER NOT NULL DEFAULT 0,
  -- Bytes of the iteration rows up to counted_revision; what came later is added when needed.
  iteration_bytes INTEGER NOT NULL DEFAULT 0,
  counted_revision INTEGER NOT NULL DEFAULT 0
);

-- id = number << 40 | first_revision. An ITERATION row (kind 13) is a batch, any other one event.
-- entries: `repeated Event events = 1` as on the wire of descent.v1.WatchJobResponse.
CREATE TABLE rows (
  id INTEGER PRIMARY KEY,
  last_revision INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  first_iteration INTEGER NOT NULL,
  last_iteration INTEGER NOT NULL,
  entries BLOB NOT NULL
);
-- Finds commands, states and evaluations among millions of iterations.
CREATE INDEX rows_of_other_kinds ON rows (id, kind) WHERE kind <> 13;

-- What is left of thinned iteration events: of each bucket of iterations of a branch the smallest,
-- largest, mean and last of what can be plotted. Minimum, maximum and mean are over finite values;
-- NULL: there was none. A last that is NaN is NULL.
CREATE TABLE rollups (
  job INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  first_iteration INTEGER NOT NULL,
  last_iteration INTEGER NOT NULL,
  first_revision INTEGER NOT NULL,
  last_revision INTEGER NOT NULL,
  count INTEGER NOT NULL,
  value_count INTEGER NOT NULL,
  value_min REAL, value_max REAL, value_mean REAL, value_last REAL,
  gradient_norm_count INTEGER NOT NULL,
  gradient_norm_min REAL, gradient_norm_max REAL, gradient_norm_mean REAL, gradient_norm_last REAL,
  step_size_count INTEGER NOT NULL,
  step_size_min REAL, step_size_max REAL, step_size_mean REAL, step_size_last REAL,
  PRIMARY KEY (job, branch, bucket)
) WITHOUT ROWID;

-- Journals that were deleted but whose rows are still being removed, a few at a time.
CREATE TABLE deleted_jobs (number INTEGER PRIMARY KEY);
)sql",
    R"sql(
-- checksum.h; NULL: none. previous, request_id: StoredRow there; NULL: of an ITERATION row, or of no
-- request. They come after entries, but what of a row is read without its entries stands before.
ALTER TABLE rows ADD COLUMN checksum INTEGER;
ALTER TABLE rows ADD COLUMN previous INTEGER;
ALTER TABLE rows ADD COLUMN request_id TEXT;
-- Whether a request was made before, and what came of it.
CREATE INDEX rows_of_requests ON rows (id >> 40, request_id) WHERE request_id IS NOT NULL;
-- What a re-computed evaluation is compared with.
CREATE INDEX rows_of_evaluations ON rows (id >> 40, branch, first_iteration) WHERE kind = 14;
ALTER TABLE jobs ADD COLUMN snapshot_checksum INTEGER;
-- Deleted jobs whose folders may still be there.
CREATE TABLE folders_to_remove (job_id TEXT PRIMARY KEY) WITHOUT ROWID;
)sql",
    R"sql(
-- Where a journal ended a moment ago: its rows reach at least to here.
CREATE TABLE heads (
  job INTEGER PRIMARY KEY,
  revision INTEGER NOT NULL,
  checksum INTEGER NOT NULL
);
ALTER TABLE rollups ADD COLUMN checksum INTEGER;
)sql",
};
constexpr int64_t kVersion = std::size(kMigrations);

// Gives the rows of a store of version 1 what version 2 has of each. A few at a time: a row may be
// large.
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

}  // namespace

absl::Status Migrate(Connection& connection) {
  // Of a file without tables; of others it is UseIncrementalVacuum's.
  if (absl::Status status = connection.Execute("PRAGMA auto_vacuum = INCREMENTAL; BEGIN IMMEDIATE");
      !status.ok()) {
    return status;
  }
  const auto migrate = [&]() -> absl::Status {
    absl::StatusOr<int64_t> version = connection.QueryInt("PRAGMA user_version");
    if (!version.ok()) return version.status();
    absl::StatusOr<int64_t> application = connection.QueryInt("PRAGMA application_id");
    if (!application.ok()) return application.status();
    absl::StatusOr<int64_t> tables = connection.QueryInt("SELECT count(*) FROM sqlite_schema");
    if (!tables.ok()) return tables.status();
    if (*tables > 0 && *application != kApplicationId) {
      return absl::FailedPreconditionError(
          "it is a SQLite database, but not one of Descent's; choose another folder");
    }
    if (*version > kVersion) {
      return absl::FailedPreconditionError(absl::StrCat(
          "its schema has version ", *version, ", this program knows up to ", kVersion,
          ": it was made by a newer Descent; start that one, or choose another folder"));
    }
    for (int64_t v = *version; v < kVersion; ++v) {
      if (absl::Status status = connection.Execute(kMigrations[v]); !status.ok()) return status;
    }
    if (*version == 1 || *version == 2) {
      if (absl::Status status = FillRollups(connection); !status.ok()) return status;
    }
    if (*version == 1) {
      server::LogInfo("journal", "brings the store up to date: once, and a minute for some GB");
      if (absl::Status status = FillRows(connection); !status.ok()) return status;
      if (absl::Status status = FillSnapshots(connection); !status.ok()) return status;
    }
    return connection.Execute(absl::StrCat("PRAGMA application_id = ", kApplicationId,
                                           "; PRAGMA user_version = ", kVersion)
                                  .c_str());
  };
  absl::Status status = migrate();
  if (status.ok()) status = connection.Execute("COMMIT");
  if (!status.ok() && connection.in_transaction()) connection.Execute("ROLLBACK").IgnoreError();
  return status;
}

absl::Status CheckVersion(Connection& connection) {
  const absl::StatusOr<int64_t> version = connection.QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  const absl::StatusOr<int64_t> application = connection.QueryInt("PRAGMA application_id");
  if (!application.ok()) return application.status();
  if (*application == kApplicationId && *version == kVersion) return absl::OkStatus();
  if (*application != kApplicationId)
    return absl::FailedPreconditionError("it is no store of Descent's");
  return absl::FailedPreconditionError(
      absl::StrCat("its schema has version ", *version, ", this program knows ", kVersion, ": ",
                   *version < kVersion ? "start descentd once, which brings it up to date"
                                       : "it was made by a newer Descent"));
}

absl::Status UseIncrementalVacuum(Connection& connection) {
  constexpr int64_t kIncremental = 2;
  const absl::StatusOr<int64_t> mode = connection.QueryInt("PRAGMA auto_vacuum");
  if (!mode.ok() || *mode == kIncremental) return mode.status();
  absl::Status status = connection.Execute("PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
  if (absl::IsResourceExhausted(status)) {
    // It serves as well, it only does not shrink.
    server::LogWarning("journal", absl::StrCat("no room to rewrite the database, so that it could "
                                               "shrink when jobs are deleted: ",
                                               std::string(status.message())));
    return absl::OkStatus();
  }
  return status;
}

}  // namespace descent::daemon
