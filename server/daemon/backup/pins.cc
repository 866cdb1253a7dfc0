#include "server/daemon/backup/pins.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/rules/names.h"
#include "server/daemon/backup/files.h"

namespace descent::daemon {
namespace {

constexpr const char* kPrefix = "backup-";

// Removes the pins of backups that were killed.
void RemoveStale(const std::string& data_dir) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir, error)) {
    const std::string name = entry.path().filename().string();
    int pid = 0;
    absl::string_view digits = name;
    if (!absl::ConsumePrefix(&digits, kPrefix) || !absl::SimpleAtoi(digits, &pid) || pid <= 0 ||
        pid == getpid() || kill(pid, 0) == 0 || errno != ESRCH || entry.is_symlink(error)) {
      continue;
    }
    std::filesystem::remove_all(entry.path(), error);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pins>> Pins::Make(const std::string& data_dir) {
  RemoveStale(data_dir);
  const std::string folder = absl::StrCat(data_dir, "/", kPrefix, getpid());
  if (mkdir(folder.c_str(), S_IRWXU) != 0) {
    return FileError(errno, absl::StrCat("Can't make the folder ", folder,
                                         ", which holds checkpoints while they are copied"));
  }
  return std::unique_ptr<Pins>(new Pins(data_dir, folder));
}

Pins::~Pins() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

absl::Status Pins::AddAll() {
  const int round = rounds_++;
  std::error_code error;
  for (const auto& job : std::filesystem::directory_iterator(data_dir_ + "/jobs", error)) {
    const std::string id = job.path().filename().string();
    if (!rules::IsJobId(id)) continue;
    const std::string to = FolderOf(round, id);
    std::error_code gone;  // the job was deleted meanwhile, or has none yet
    for (const auto& entry :
         std::filesystem::directory_iterator(job.path() / "checkpoints", gone)) {
      // What is still being written has another ending; what is no file is nobody's checkpoint.
      std::error_code unknown;
      if (entry.path().extension() != ".safetensors" || !entry.is_regular_file(unknown)) continue;
      if (absl::Status status = MakeFolder(to); !status.ok()) return status;
      const absl::Status status =
          LinkOrCopy(entry.path().string(), to + "/" + entry.path().filename().string());
      if (!status.ok() && !absl::IsNotFound(status)) return status;
    }
  }
  // A store that never had a job may have no such folder.
  if (error && error != std::errc::no_such_file_or_directory) {
    return FileError(error.value(), absl::StrCat("Can't look through ", data_dir_, "/jobs"));
  }
  return absl::OkStatus();
}

std::vector<std::string> Pins::FilesOf(const std::string& job_id,
                                       const std::string& checkpoint) const {
  std::vector<std::string> files;
  for (int round = rounds_ - 1; round >= 0; --round) {
    std::string path = rules::CheckpointPath(FolderOf(round, job_id), checkpoint);
    std::error_code error;
    if (std::filesystem::exists(path, error)) files.push_back(std::move(path));
  }
  return files;
}

std::string Pins::FolderOf(int round, const std::string& job_id) const {
  return absl::StrCat(folder_, "/", round, "/", job_id);
}

}  // namespace descent::daemon
