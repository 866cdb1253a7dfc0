#include "server/daemon/main/backup_commands.h"

#include <sys/stat.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/files/private_file.h"
#include "server/daemon/backup/backup.h"
#include "server/daemon/backup/backup_note.h"
#include "server/daemon/backup/restore.h"
#include "server/daemon/main/data_dir.h"
#include "server/daemon/main/progress_line.h"
#include "server/daemon/main/report.h"

namespace descent::daemon {
namespace {

std::string Absolute(const std::string& path) {
  std::error_code error;
  std::string folder = std::filesystem::absolute(path, error).lexically_normal().string();
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

// Gives `12 checkpoints, 3.4 MB`.
std::string Size(const BackupResult& result) {
  return absl::StrCat(
      result.checkpoints, result.checkpoints == 1 ? " checkpoint, " : " checkpoints, ",
      (result.bytes + 50'000) / 100'000 / 10, ".", (result.bytes + 50'000) / 100'000 % 10, " MB");
}

// Prints what was made in `folder`, and gives the exit status.
int Tell(const std::string& folder, const BackupResult& result, bool json) {
  if (json) {
    nlohmann::json all = JsonOf(result.report);
    all["folder"] = folder;
    all["checkpoints"] = result.checkpoints;
    all["bytes"] = result.bytes;
    PrintJson(all);
  } else {
    PrintReport(folder, result.report);
    std::cout << folder << ": " << Size(result) << "\n";
  }
  return result.report.whole() ? 0 : 1;
}

int Fail(const std::string& doing, const absl::Status& status) {
  std::cerr << "descentd: " << doing << ": " << std::string(status.message()) << "\n";
  return 2;
}

}  // namespace

BackupCommands::BackupCommands(CLI::App& app) {
  backup_ = app.add_subcommand(
      "backup",
      "Copies all of the store in --data_dir to a new folder: journals, and the checkpoints that "
      "they keep, checked. The daemon may run meanwhile. Exit status: 0 all is whole, 1 it was "
      "copied but something in it is damaged, 2 it can't be copied");
  restore_ = app.add_subcommand(
      "restore",
      "Makes a store in --data_dir, an empty folder, from what `descentd backup` made, and checks "
      "it. Exit status as of backup");
  for (CLI::App* command : {backup_, restore_}) {
    command->add_option("folder", folder_, "The folder of the backup")->required();
    command->add_flag("--json", json_, "What came of it as JSON");
    command->fallthrough();  // --data_dir after it
  }
  backup_->add_flag("--secrets", secrets_,
                    "The keys and tokens too: whoever can read the backup can then do all that "
                    "this daemon's admin can");
  backup_->add_flag("--no_links", no_links_,
                    "Copies checkpoints also within one file system, where else they are further "
                    "names of the same files");
}

int BackupCommands::Run(const std::string& data_dir) const {
  // Specs, checkpoints and keys are their owner's.
  umask(S_IRWXG | S_IRWXO);
  return backup_->parsed() ? Backup(Absolute(data_dir)) : Restore(Absolute(data_dir));
}

int BackupCommands::Backup(const std::string& data_dir) const {
  const std::string folder = Absolute(folder_);
  absl::StatusOr<BackupResult> result;
  {
    ProgressLine line;
    result = daemon::Backup(
        {.data_dir = data_dir, .folder = folder, .secrets = secrets_, .no_links = no_links_},
        [&](const std::string& what) { line.Show(what); });
  }
  if (!result.ok()) return Fail("can't back up " + data_dir, result.status());
  if (result->report.whole()) {
    const absl::Status status = WritePrivateFile(data_dir + "/" + kLastBackup, folder + "\n");
    // The backup is whole all the same; somebody may be told that there is none.
    if (!status.ok()) std::cerr << "descentd: " << std::string(status.message()) << "\n";
  }
  return Tell(folder, *result, json_);
}

int BackupCommands::Restore(const std::string& data_dir) const {
  const std::string folder = Absolute(folder_);
  const std::string doing = absl::StrCat("can't restore ", folder, " to ", data_dir);
  absl::Status status = CheckEmpty(data_dir, "name an empty one, or a new one, with --data_dir");
  if (!status.ok()) return Fail(doing, status);
  const absl::StatusOr<std::unique_ptr<DataDir>> lock = DataDir::Lock(data_dir);
  if (!lock.ok()) return Fail(doing, lock.status());
  absl::StatusOr<BackupResult> result;
  {
    ProgressLine line;
    result = daemon::Restore(folder, data_dir, [&](const std::string& what) { line.Show(what); });
  }
  if (!result.ok()) return Fail(doing, result.status());
  return Tell(data_dir, *result, json_);
}

}  // namespace descent::daemon
