#include "server/daemon/journal/schema.h"

#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/common/log.h"
#include "server/daemon/journal/repairs.h"
#include "server/daemon/journal/schema_columns.h"
#include "server/daemon/journal/schema_shape.h"

namespace descent::daemon {
namespace {

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
    R"sql(
-- JobLine and checksum.h; NULL: none. These notes say what is removed.
ALTER TABLE jobs ADD COLUMN last_other_revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN checksum INTEGER;
ALTER TABLE deleted_jobs ADD COLUMN checksum INTEGER;
ALTER TABLE folders_to_remove ADD COLUMN checksum INTEGER;
)sql",
};
constexpr int64_t kVersion = std::size(kMigrations);

// Gives in what the tables differ from those of this version, as the scripts make them.
absl::StatusOr<SchemaDifference> DifferenceFrom(Connection& connection, int64_t version) {
  absl::StatusOr<std::unique_ptr<Connection>> reference =
      Connection::Open(":memory:", Connection::Mode::kReadWrite, "");
  if (!reference.ok()) return reference.status();
  for (int64_t v = 0; v < version; ++v) {
    if (absl::Status status = (*reference)->Execute(kMigrations[v]); !status.ok()) return status;
  }
  return CompareSchemas(connection, **reference);
}

constexpr const char* kPutBack =
    "Put descent.db back from a copy; without one, move it away and begin anew with --new_store";

absl::Status NotOurs() {
  return absl::FailedPreconditionError(
      "it is a SQLite database, but not one of Descent's; choose another folder");
}

absl::Status Newer(int64_t version) {
  return absl::FailedPreconditionError(absl::StrCat(
      "its schema has version ", version, ", this program knows up to ", kVersion,
      ": it was made by a newer Descent, or that number is damaged; start the newer one, put "
      "descent.db back from a copy, or choose another folder"));
}

// The tables must be those of the version that the file says it has, before anything is done with
// them. Indexes are made anew afterwards.
absl::Status CheckTables(Connection& connection, int64_t version) {
  if (version <= 0) {
    return absl::DataLossError(
        absl::StrCat("the database is damaged: it says that it is of version ", version,
                     ", but a store with tables is of 1 or later. ", kPutBack));
  }
  absl::StatusOr<SchemaDifference> difference = DifferenceFrom(connection, version);
  if (!difference.ok()) return difference.status();
  std::vector<std::string> wrong = std::move(difference->lost);
  wrong.insert(wrong.end(), difference->strange.begin(), difference->strange.end());
  if (wrong.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the database is damaged: as one of version ", version,
                                          ", ", absl::StrJoin(wrong, "; "), ". ", kPutBack));
}

}  // namespace

absl::Status Migrate(Connection& connection) {
  // This is for a file without tables; for others it is UseIncrementalVacuum's.
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
    if (*tables > 0 && *application != kApplicationId) return NotOurs();
    if (*version > kVersion) return Newer(*version);
    if (*tables > 0 || *version != 0) {
      if (absl::Status status = CheckTables(connection, *version); !status.ok()) return status;
    }
    for (int64_t v = *version; v < kVersion; ++v) {
      if (absl::Status status = connection.Execute(kMigrations[v]); !status.ok()) return status;
    }
    if (*version > 0) {
      if (absl::Status status = FillColumns(connection, *version); !status.ok()) return status;
      absl::StatusOr<SchemaDifference> difference = DifferenceFrom(connection, kVersion);
      if (!difference.ok()) return difference.status();
      absl::Status status = MakeAnew(connection, difference->indexes);
      if (!status.ok()) return status;
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

absl::StatusOr<SchemaState> CheckSchema(Connection& connection) {
  const absl::StatusOr<int64_t> version = connection.QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  const absl::StatusOr<int64_t> application = connection.QueryInt("PRAGMA application_id");
  if (!application.ok()) return application.status();
  if (*application != kApplicationId) return NotOurs();
  if (*version > kVersion) return Newer(*version);
  SchemaState state;
  if (*version < kVersion) {
    const absl::Status tables = CheckTables(connection, *version);
    if (absl::IsDataLoss(tables)) {
      return SchemaState{.problems = {std::string(tables.message())}, .readable = false};
    }
    if (!tables.ok()) return tables;
    return absl::FailedPreconditionError(
        absl::StrCat("its schema has version ", *version, ", this program knows ", kVersion,
                     ": start descentd once, which brings it up to date"));
  }
  const absl::StatusOr<SchemaDifference> difference = DifferenceFrom(connection, kVersion);
  if (!difference.ok()) return difference.status();
  for (const std::vector<std::string>* clauses : {&difference->lost, &difference->strange}) {
    for (const std::string& clause : *clauses) {
      state.problems.push_back(absl::StrCat(clause, ". ", kPutBack));
      state.readable = false;
    }
  }
  for (const SchemaDifference::Index& index : difference->indexes) {
    state.problems.push_back(absl::StrCat("the index `", index.name,
                                          "` is missing or not as it was made: descentd makes it "
                                          "anew when it starts; check again then"));
    state.readable = false;
  }
  for (const std::string& object : difference->foreign) {
    state.problems.push_back(absl::StrCat(object,
                                          " is not Descent's, and may change or refuse "
                                          "what descentd writes: drop it"));
  }
  if (!state.readable) return state;
  const absl::StatusOr<std::vector<std::string>> damaged = DamagedNotes(connection);
  if (absl::IsDataLoss(damaged.status())) {
    state.problems.emplace_back(damaged.status().message());
    return state;
  }
  if (!damaged.ok()) return damaged.status();
  for (const std::string& clause : *damaged) {
    state.problems.push_back(absl::StrCat(clause, ": descentd mends that when it starts"));
  }
  return state;
}

absl::Status UseIncrementalVacuum(Connection& connection) {
  constexpr int64_t kIncremental = 2;
  const absl::StatusOr<int64_t> mode = connection.QueryInt("PRAGMA auto_vacuum");
  if (!mode.ok() || *mode == kIncremental) return mode.status();
  absl::Status status = connection.Execute("PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
  if (absl::IsResourceExhausted(status)) {
    // The store serves as well, it only does not shrink.
    server::LogWarning("journal", absl::StrCat("no room to rewrite the database, so that it could "
                                               "shrink when jobs are deleted: ",
                                               std::string(status.message())));
    return absl::OkStatus();
  }
  return status;
}

}  // namespace descent::daemon
