#include "server/daemon/journal/schema.h"

#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"

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
};
constexpr int64_t kVersion = std::size(kMigrations);

}  // namespace

absl::Status Migrate(Connection& connection) {
  if (absl::Status status = connection.Execute("BEGIN IMMEDIATE"); !status.ok()) return status;
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
    return connection.Execute(absl::StrCat("PRAGMA application_id = ", kApplicationId,
                                           "; PRAGMA user_version = ", kVersion)
                                  .c_str());
  };
  absl::Status status = migrate();
  if (status.ok()) status = connection.Execute("COMMIT");
  if (!status.ok() && connection.in_transaction()) connection.Execute("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace descent::daemon
