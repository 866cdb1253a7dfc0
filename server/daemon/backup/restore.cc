#include "server/daemon/backup/restore.h"

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/rules/names.h"
#include "server/common/regular_file.h"
#include "server/daemon/backup/files.h"
#include "server/daemon/jobs/checkpoint_check.h"
#include "server/daemon/jobs/digest.h"
#include "server/daemon/journal/journal.h"

namespace descent::daemon {
namespace {

constexpr size_t kMostNoteBytes = 64 << 10;

// Gives the database's SHA-256, as the note has it.
absl::StatusOr<std::string> ReadNote(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kBackupNote);
  const absl::StatusOr<std::string> text = server::ReadRegularFile(path, kMostNoteBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(absl::StrCat(
        folder, " is no backup of `descentd backup`, or one that was not finished: it has no ",
        kBackupNote));
  }
  if (!text.ok()) return text.status();
  const nlohmann::json note = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const bool readable = note.is_object() && note.contains("format") &&
                        note["format"].is_number_integer() && note.contains("database_sha256") &&
                        note["database_sha256"].is_string();
  if (!readable) return absl::DataLossError(absl::StrCat(path, " is not what was written"));
  if (note["format"].get<int64_t>() != 1) {
    return absl::FailedPreconditionError(
        absl::StrCat(path,
                     " has another format than this descentd knows (1): it was made by a "
                     "newer one, which can restore it"));
  }
  return note["database_sha256"].get<std::string>();
}

absl::Status CopyCheckpoints(const std::string& folder, const std::string& data_dir,
                             const BackupProgress& progress, BackupResult* result) {
  std::error_code error;
  for (const auto& job : std::filesystem::directory_iterator(folder + "/jobs", error)) {
    const std::string id = job.path().filename().string();
    if (!rules::IsJobId(id)) continue;
    const std::string to = absl::StrCat(data_dir, "/jobs/", id, "/checkpoints");
    if (absl::Status status = MakeFolder(to); !status.ok()) return status;
    std::error_code none;
    for (const auto& entry :
         std::filesystem::directory_iterator(job.path() / "checkpoints", none)) {
      const std::string name = entry.path().filename().string();
      // What is none is a checkpoint that is missing: the check says so of its job.
      const bool is_file = entry.symlink_status(none).type() == std::filesystem::file_type::regular;
      if (entry.path().extension() != ".safetensors" || !is_file) continue;
      if (progress) progress(absl::StrCat("copies ", name, " of jobs/", id));
      absl::Status status = Copy(entry.path().string(), absl::StrCat(to, "/", name));
      if (!status.ok()) return status;
      ++result->checkpoints;
      result->bytes += static_cast<int64_t>(entry.file_size(none));
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return FileError(error.value(), absl::StrCat("Can't look through ", folder, "/jobs"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BackupResult> Restore(const std::string& folder, const std::string& data_dir,
                                     const BackupProgress& progress) {
  FolderInTheMaking made(data_dir);
  const absl::StatusOr<std::string> digest = ReadNote(folder);
  if (!digest.ok()) return digest.status();
  BackupResult result;
  absl::Status status = CopyCheckpoints(folder, data_dir, progress, &result);
  if (progress) progress("copies the datasets");
  if (status.ok()) {
    status = CopyTree(folder + "/datasets", data_dir + "/datasets", /*link=*/false, &result.bytes);
  }
  if (!status.ok()) return status;
  const std::string database = data_dir + "/descent.db";
  if (progress) progress("copies the database");
  status = Copy(folder + "/descent.db", database);
  if (!status.ok()) return status;
  if (FileSha256(database) != *digest) {
    return absl::DataLossError(absl::StrCat(
        folder, "/descent.db is not what was backed up: its SHA-256 is another than that in ",
        kBackupNote));
  }
  std::error_code error;
  result.bytes += static_cast<int64_t>(std::filesystem::file_size(database, error));
  {
    // It brings the schema up to date, and begins the log anew.
    const absl::StatusOr<std::unique_ptr<Journal>> journal = Journal::Open({.path = database});
    if (!journal.ok()) return journal.status();
  }
  const auto looks_at = [&](const std::string& what) {
    if (progress) progress("looks at " + what);
  };
  absl::StatusOr<StoreReport> report = CheckStore(database, looks_at);
  if (!report.ok()) return report.status();
  status = CheckCheckpoints(data_dir, FileSha256, looks_at, &*report);
  if (status.ok()) status = CopyAudit(folder, data_dir);
  if (status.ok()) status = CopySecrets(folder, data_dir);
  if (status.ok()) status = SyncTree(data_dir);
  if (!status.ok()) return status;
  result.report = *std::move(report);
  made.Keep();
  return result;
}

}  // namespace descent::daemon
