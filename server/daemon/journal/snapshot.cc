#include "server/daemon/journal/snapshot.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/rules/names.h"
#include "server/daemon/journal/entries.h"
#include "server/daemon/journal/schema.h"
#include "server/daemon/journal/sqlite.h"

namespace descent::daemon {
namespace {

class Snapshot final : public StoreSnapshot {
 public:
  explicit Snapshot(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}

  absl::Status Take() override {
    if (connection_->in_transaction()) {
      if (absl::Status status = connection_->Execute("COMMIT"); !status.ok()) return status;
    }
    // A transaction sees the database as it is at its first read.
    if (absl::Status status = connection_->Execute("BEGIN"); !status.ok()) return status;
    return connection_->QueryInt("SELECT count(*) FROM sqlite_schema").status();
  }

  absl::Status ReadEvents(const std::vector<v1::EventKind>& kinds, const TakeEvent& take) override {
    absl::StatusOr<std::map<int64_t, std::string>> ids = Ids();
    if (!ids.ok()) return ids.status();
    // The index of other kinds than iterations is used if it is seen to hold all that is asked for.
    absl::StatusOr<Statement> read = connection_->Prepare(
        absl::StrCat("SELECT id, entries FROM rows WHERE kind <> ", v1::ITERATION, " AND kind IN (",
                     absl::StrJoin(kinds, ", "), ") ORDER BY id"));
    if (!read.ok()) return read.status();
    while (true) {
      const absl::StatusOr<bool> found = read->Step();
      if (!found.ok()) return found.status();
      if (!*found) return absl::OkStatus();
      const auto job = ids->find(JobOf(read->Int(0)));
      if (job == ids->end()) continue;  // it was deleted, or has lost its line
      std::string_view rest = read->Blob(1);
      std::string_view bytes;
      v1::Event event;
      if (!NextEntry(&rest, &bytes) ||
          !event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
        continue;
      }
      event.set_revision(RevisionOf(read->Int(0)));
      take(job->second, event);
    }
  }

  absl::Status CopyTo(const std::string& path,
                      const std::function<void(int64_t percent)>& progress) override {
    const absl::StatusOr<std::unique_ptr<Connection>> copy =
        Connection::Open(path, Connection::Mode::kReadWrite, "");
    if (!copy.ok()) return copy.status();
    absl::Status status = connection_->CopyInto(**copy, [&](int64_t pages, int64_t of) {
      if (progress) progress(100 * pages / std::max<int64_t>(1, of));
    });
    // What is only read needs no log, nor an index of one beside it. A daemon begins one anew.
    if (status.ok()) status = (*copy)->Execute("PRAGMA journal_mode = DELETE");
    return status;
  }

 private:
  // Gives the names of jobs by their numbers.
  absl::StatusOr<std::map<int64_t, std::string>> Ids() {
    absl::StatusOr<Statement> read = connection_->Prepare("SELECT number, job_id FROM jobs");
    if (!read.ok()) return read.status();
    std::map<int64_t, std::string> ids;
    while (true) {
      const absl::StatusOr<bool> found = read->Step();
      if (!found.ok()) return found.status();
      if (!*found) return ids;
      std::string id(read->Blob(1));
      // It becomes a part of paths.
      if (rules::IsJobId(id)) ids[read->Int(0)] = std::move(id);
    }
  }

  const std::unique_ptr<Connection> connection_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreSnapshot>> StoreSnapshot::Open(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat("there is no database ", path));
  }
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(path, Connection::Mode::kReadOnly, "");
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<SchemaState> schema = CheckSchema(**connection);
  if (!schema.ok()) return schema.status();
  if (!schema->readable) return absl::DataLossError(absl::StrJoin(schema->problems, "; "));
  return std::make_unique<Snapshot>(*std::move(connection));
}

}  // namespace descent::daemon
