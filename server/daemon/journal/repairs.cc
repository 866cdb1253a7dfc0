#include "server/daemon/journal/repairs.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "proto/rules/names.h"
#include "server/common/log.h"
#include "server/daemon/journal/checksum.h"
#include "server/daemon/journal/schema.h"

namespace descent::daemon {
namespace {

struct Notes {
  std::vector<int64_t> deleted_jobs;
  std::vector<std::string> folders;
  int64_t last_number = -1;  // that it should be; −1: it may be right
};

// A deletion takes the line in `jobs` away, and whoever creates a namesake takes the note about its
// folder away.
absl::StatusOr<std::vector<int64_t>> DamagedDeletions(Connection& connection) {
  absl::StatusOr<Statement> read = connection.Prepare(
      "SELECT number, checksum, number IN (SELECT number FROM jobs) FROM deleted_jobs");
  if (!read.ok()) return read.status();
  std::vector<int64_t> damaged;
  while (true) {
    const absl::StatusOr<bool> found = read->Step();
    if (!found.ok()) return found.status();
    if (!*found) return damaged;
    const int64_t number = read->Int(0);
    if (read->Int(1) != int64_t{Checksum(number)} || read->Int(2) != 0) damaged.push_back(number);
  }
}

absl::StatusOr<std::vector<std::string>> DamagedFolders(Connection& connection) {
  absl::StatusOr<Statement> read = connection.Prepare(
      "SELECT job_id, checksum, job_id IN (SELECT job_id FROM jobs) FROM folders_to_remove");
  if (!read.ok()) return read.status();
  std::vector<std::string> damaged;
  while (true) {
    const absl::StatusOr<bool> found = read->Step();
    if (!found.ok()) return found.status();
    if (!*found) return damaged;
    std::string id(read->Blob(0));
    if (read->Int(1) != int64_t{Checksum(std::string_view(id))} || read->Int(2) != 0 ||
        !rules::IsJobId(id)) {
      damaged.push_back(std::move(id));
    }
  }
}

// A number that is given twice gives a job the rows of another, and one out of range those of
// anybody. The upper half of the range is none that jobs come to, so it is damage, too.
absl::StatusOr<int64_t> BetterLastNumber(Connection& connection) {
  constexpr int64_t kMost = kMaxJobNumber / 2;
  const absl::StatusOr<int64_t> used = connection.QueryInt(
      absl::StrCat("SELECT max(coalesce((SELECT max(number) FROM jobs WHERE number <= ", kMost,
                   "), 0), coalesce((SELECT max(number) FROM deleted_jobs WHERE number <= ", kMost,
                   "), 0), coalesce((SELECT max(id) >> 40 FROM rows WHERE id < ",
                   RowId(kMost + 1, 0), "), 0))"));
  if (absl::IsDataLoss(used.status())) return -1;  // of a page that can't be read its job tells
  if (!used.ok()) return used.status();
  const absl::StatusOr<int64_t> last =
      connection.QueryInt("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'jobs'");
  if (!last.ok()) return last.status();
  return *last >= *used && *last <= kMost ? -1 : *used;
}

absl::StatusOr<Notes> Look(Connection& connection) {
  absl::StatusOr<std::vector<int64_t>> deleted_jobs = DamagedDeletions(connection);
  if (!deleted_jobs.ok()) return deleted_jobs.status();
  absl::StatusOr<std::vector<std::string>> folders = DamagedFolders(connection);
  if (!folders.ok()) return folders.status();
  const absl::StatusOr<int64_t> last_number = BetterLastNumber(connection);
  if (!last_number.ok()) return last_number.status();
  return Notes{*std::move(deleted_jobs), *std::move(folders), *last_number};
}

std::vector<std::string> Clauses(const Notes& notes) {
  std::vector<std::string> clauses;
  for (const int64_t number : notes.deleted_jobs) {
    clauses.push_back(
        absl::StrCat("the note that job number ", number, " was deleted is not what was written"));
  }
  for (const std::string& id : notes.folders) {
    clauses.push_back(absl::StrCat("the note that the folder of \"", Printable(id),
                                   "\" is to be removed is not what was written"));
  }
  if (notes.last_number >= 0) {
    clauses.emplace_back("the note of the last number that a job got is not what was written");
  }
  return clauses;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> DamagedNotes(Connection& connection) {
  const absl::StatusOr<Notes> notes = Look(connection);
  if (!notes.ok()) return notes.status();
  return Clauses(*notes);
}

absl::Status MakeAnew(Connection& connection, const std::vector<SchemaDifference::Index>& indexes) {
  for (const SchemaDifference::Index& index : indexes) {
    server::LogWarning("journal", absl::StrCat("the index `", index.name,
                                               "` is missing or not as it was made: it is made "
                                               "anew from the rows"));
    absl::Status status;
    if (index.is_there) {
      status = connection.Execute(absl::StrCat("DROP INDEX ", index.name).c_str());
    }
    if (status.ok()) status = connection.Execute(index.sql.c_str());
    if (!status.ok()) return status;
  }
  const absl::StatusOr<Notes> notes = Look(connection);
  // Pages that can't be read are damage that is told of by whoever needs them.
  if (absl::IsDataLoss(notes.status())) return absl::OkStatus();
  if (!notes.ok()) return notes.status();
  for (const std::string& clause : Clauses(*notes)) {
    server::LogWarning("journal", absl::StrCat(clause, "; it is mended, and nothing removed"));
  }
  for (const int64_t number : notes->deleted_jobs) {
    absl::Status status = connection.Execute(
        absl::StrCat("DELETE FROM deleted_jobs WHERE number = ", number).c_str());
    if (!status.ok()) return status;
  }
  absl::StatusOr<Statement> forget =
      connection.Prepare("DELETE FROM folders_to_remove WHERE job_id = ?1");
  if (!forget.ok()) return forget.status();
  for (const std::string& id : notes->folders) {
    if (absl::Status status = forget->Reset().BindText(1, id).Run(); !status.ok()) return status;
  }
  if (notes->last_number < 0) return absl::OkStatus();
  return connection.Execute(absl::StrCat("DELETE FROM sqlite_sequence WHERE name = 'jobs'; "
                                         "INSERT INTO sqlite_sequence VALUES ('jobs', ",
                                         notes->last_number, ")")
                                .c_str());
}

}  // namespace descent::daemon
