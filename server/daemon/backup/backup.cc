#include "server/daemon/backup/backup.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/files/private_file.h"
#include "descent/v1/event.pb.h"
#include "proto/rules/names.h"
#include "server/daemon/backup/files.h"
#include "server/daemon/backup/pins.h"
#include "server/daemon/jobs/checkpoint_check.h"
#include "server/daemon/jobs/digest.h"
#include "server/daemon/journal/snapshot.h"

namespace descent::daemon {
namespace {

// Between two rounds of pins lies the moment of a snapshot, a few milliseconds for thousands of
// checkpoints. In so short a time few jobs save more of them than they keep.
constexpr int kRounds = 20;

constexpr const char* kOwnFolder = "name a new one: each backup has its own";

using Shelves = std::map<std::string, StoredShelf>;  // by job_id

absl::StatusOr<Shelves> ReadShelves(StoreSnapshot& snapshot) {
  Shelves shelves;
  absl::Status read = snapshot.ReadEvents(
      {v1::CREATED, v1::CHECKPOINT_SAVED}, [&](const std::string& job_id, const v1::Event& event) {
        shelves.try_emplace(job_id, rules::JobName(job_id)).first->second.Apply(event);
      });
  if (!read.ok()) return read;
  return shelves;
}

// Gives the checkpoints that a journal keeps and whose files are not pinned: job and name.
std::set<std::pair<std::string, std::string>> Unpinned(const Shelves& shelves, const Pins& pins) {
  std::set<std::pair<std::string, std::string>> unpinned;
  for (const auto& [job_id, shelf] : shelves) {
    for (const CheckpointRecord& record : shelf.kept()) {
      if (pins.FilesOf(job_id, record.name).empty()) unpinned.emplace(job_id, record.name);
    }
  }
  return unpinned;
}

// A moment of the store, and all checkpoints' files that it speaks of.
struct Moment {
  std::unique_ptr<StoreSnapshot> snapshot;
  Shelves shelves;
};

// A file that the journal keeps is there, unless it was saved after the first round looked and
// pushed out before the second one did: then another moment is taken. One that is missing at two
// moments was missing before: the daemon removes none that its journal keeps. That is the store's
// damage, and is copied as such.
absl::StatusOr<Moment> TakeMoment(const std::string& database, Pins& pins) {
  absl::StatusOr<std::unique_ptr<StoreSnapshot>> snapshot = StoreSnapshot::Open(database);
  if (!snapshot.ok()) return snapshot.status();
  std::set<std::pair<std::string, std::string>> missing_before;
  for (int round = 0; round < kRounds; ++round) {
    absl::Status status = pins.AddAll();
    if (status.ok()) status = (*snapshot)->Take();
    if (status.ok()) status = pins.AddAll();
    if (!status.ok()) return status;
    absl::StatusOr<Shelves> shelves = ReadShelves(**snapshot);
    if (!shelves.ok()) return shelves.status();
    std::set<std::pair<std::string, std::string>> missing = Unpinned(*shelves, pins);
    const bool all_old =
        std::includes(missing_before.begin(), missing_before.end(), missing.begin(), missing.end());
    if (all_old) return Moment{.snapshot = *std::move(snapshot), .shelves = *std::move(shelves)};
    missing_before = std::move(missing);
  }
  const auto& [job_id, name] = *missing_before.begin();
  return absl::UnavailableError(absl::StrCat(
      "Checkpoints of ", rules::JobName(job_id), " come and go faster than they can be held (",
      name, "): have it keep more of them (checkpoints.keep), or pause it for a moment"));
}

// Puts the file that the record speaks of into the backup. Gives its bytes; −1 if there is none.
absl::StatusOr<int64_t> Place(const CheckpointRecord& record, const std::vector<std::string>& files,
                              const std::string& to, bool no_links) {
  for (const std::string& file : files) {
    if (!FaultOfCheckpoint(record, file, FileSha256).empty()) continue;
    if (absl::Status status = no_links ? Copy(file, to) : LinkOrCopy(file, to); !status.ok()) {
      return status;
    }
    std::error_code error;
    if (std::filesystem::hard_link_count(to, error) == 1) {
      const std::string fault = FaultOfCheckpoint(record, to, FileSha256);
      if (!fault.empty()) return absl::DataLossError(absl::StrCat("What was copied: ", fault));
    }
    return record.bytes;
  }
  return -1;
}

absl::Status PlaceCheckpoints(const BackupOptions& options, const Shelves& shelves,
                              const Pins& pins, const BackupProgress& progress,
                              BackupResult* result) {
  for (const auto& [job_id, shelf] : shelves) {
    const std::string folder = absl::StrCat(options.folder, "/jobs/", job_id, "/checkpoints");
    // More than the journal keeps are taken if they are there: a run that is computed again still
    // needs the one that it began from.
    for (const auto& [name, record] : shelf.saved()) {
      const std::vector<std::string> files = pins.FilesOf(job_id, name);
      if (files.empty()) continue;
      if (progress) progress(absl::StrCat("copies checkpoint ", name, " of jobs/", job_id));
      if (absl::Status status = MakeFolder(folder); !status.ok()) return status;
      const absl::StatusOr<int64_t> bytes =
          Place(record, files, rules::CheckpointPath(folder, name), options.no_links);
      if (!bytes.ok()) return bytes.status();
      if (*bytes < 0) continue;
      ++result->checkpoints;
      result->bytes += *bytes;
    }
  }
  return absl::OkStatus();
}

// A backup in the store would be part of the next one, and go with the store's disk.
absl::Status CheckApart(const BackupOptions& options) {
  std::error_code error;
  const std::filesystem::path store = std::filesystem::canonical(options.data_dir, error);
  const std::filesystem::path folder = std::filesystem::weakly_canonical(options.folder, error);
  const auto end = std::mismatch(store.begin(), store.end(), folder.begin(), folder.end()).first;
  if (error || end != store.end()) return absl::OkStatus();  // that it can't be made says more
  return absl::FailedPreconditionError(absl::StrCat(options.folder, " is in the store itself, ",
                                                    options.data_dir, "; name a folder outside"));
}

// Makes a folder that is empty, or was just made, this backup's alone: of two that begin at once in
// the same one, one makes `jobs`.
absl::Status Claim(const std::string& folder) {
  const std::string jobs = folder + "/jobs";
  if (mkdir(jobs.c_str(), S_IRWXU) == 0) return absl::OkStatus();
  if (errno == EEXIST) {
    return absl::FailedPreconditionError(
        absl::StrCat("Another backup is being made in ", folder, "; ", kOwnFolder));
  }
  return FileError(errno, absl::StrCat("Can't make the folder ", jobs));
}

// Datasets never change, so that those of any moment will do. One that is deleted meanwhile may be
// copied in part: it is left out.
absl::Status PlaceDatasets(const BackupOptions& options, const BackupProgress& progress,
                           BackupResult* result) {
  const std::filesystem::path from = std::filesystem::path(options.data_dir) / "datasets";
  std::error_code error;
  if (!std::filesystem::exists(from, error)) return absl::OkStatus();
  for (const auto& entry : std::filesystem::directory_iterator(from, error)) {
    const std::string name = entry.path().filename().string();
    if (!rules::IsDatasetId(name)) continue;
    if (progress) progress(absl::StrCat("copies ", rules::DatasetName(name)));
    const std::string to = absl::StrCat(options.folder, "/datasets/", name);
    int64_t bytes = 0;
    const absl::Status status = CopyTree(entry.path().string(), to, !options.no_links, &bytes);
    std::error_code gone;
    if (!std::filesystem::exists(entry.path(), gone)) {
      std::filesystem::remove_all(to, gone);
      continue;
    }
    if (!status.ok()) return status;
    result->bytes += bytes;
  }
  if (!error) return absl::OkStatus();
  return FileError(error.value(), absl::StrCat("Can't look through ", from.string()));
}

absl::Status WriteNote(const BackupOptions& options, const BackupResult& result,
                       const std::string& database) {
  const nlohmann::json note = {
      {"format", 1},
      {"made", absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone())},
      {"of", options.data_dir},
      {"jobs", result.report.jobs.size()},
      {"checkpoints", result.checkpoints},
      {"bytes", result.bytes},
      {"database_sha256", FileSha256(database)}};
  // What is not UTF-8 in the folder's name can't be in JSON.
  return WritePrivateFile(
      absl::StrCat(options.folder, "/", kBackupNote),
      note.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace

absl::Status CheckEmpty(const std::string& folder, const std::string& use) {
  std::error_code error;
  const std::filesystem::file_status itself = std::filesystem::symlink_status(folder, error);
  if (itself.type() == std::filesystem::file_type::not_found) return absl::OkStatus();
  if (std::filesystem::is_symlink(itself) && !std::filesystem::exists(folder, error)) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, " is a link that leads nowhere; ", use));
  }
  if (!std::filesystem::is_directory(folder, error)) {
    return absl::FailedPreconditionError(absl::StrCat(folder, " is no folder; ", use));
  }
  const bool empty = std::filesystem::is_empty(folder, error);
  if (error) return FileError(error.value(), absl::StrCat("Can't look into ", folder));
  if (empty) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("The folder ", folder, " is not empty; ", use));
}

absl::StatusOr<BackupResult> Backup(const BackupOptions& options, const BackupProgress& progress) {
  const std::string database = options.data_dir + "/descent.db";
  std::error_code error;
  if (!std::filesystem::exists(database, error)) {
    return absl::NotFoundError(
        absl::StrCat("There is no store in ", options.data_dir,
                     " (no descent.db); name the daemon's folder with --data_dir"));
  }
  absl::Status status = CheckEmpty(options.folder, kOwnFolder);
  if (status.ok()) status = CheckApart(options);
  if (status.ok()) status = MakeFolder(options.folder);
  if (status.ok()) status = Claim(options.folder);
  if (!status.ok()) return status;
  FolderInTheMaking folder(options.folder);
  const absl::StatusOr<std::unique_ptr<Pins>> pins = Pins::Make(options.data_dir);
  if (!pins.ok()) return pins.status();
  if (progress) progress("holds the checkpoints");
  absl::StatusOr<Moment> moment = TakeMoment(database, **pins);
  if (!moment.ok()) return moment.status();

  BackupResult result;
  const std::string copy = options.folder + "/descent.db";
  status = moment->snapshot->CopyTo(copy, [&](int64_t percent) {
    if (progress) progress(absl::StrCat("copies the database (", percent, " %)"));
  });
  moment->snapshot.reset();  // the daemon's log can be emptied again
  if (status.ok()) {
    status = PlaceCheckpoints(options, moment->shelves, **pins, progress, &result);
  }
  if (status.ok()) status = PlaceDatasets(options, progress, &result);
  if (!status.ok()) return status;
  const auto looks_at = [&](const std::string& what) {
    if (progress) progress("looks at " + what);
  };
  absl::StatusOr<StoreReport> report = CheckStore(copy, looks_at);
  if (!report.ok()) return report.status();
  // What was placed was read there already.
  status = CheckCheckpoints(options.folder, nullptr, looks_at, &*report);
  if (!status.ok()) return status;
  result.report = *std::move(report);
  result.bytes += static_cast<int64_t>(std::filesystem::file_size(copy, error));
  status = CopyAudit(options.data_dir, options.folder);
  if (status.ok() && options.secrets) status = CopySecrets(options.data_dir, options.folder);
  if (status.ok()) status = SyncTree(options.folder);
  if (status.ok()) status = WriteNote(options, result, copy);
  if (status.ok()) status = SyncFolder(options.folder);
  if (!status.ok()) return status;
  folder.Keep();
  return result;
}

}  // namespace descent::daemon
