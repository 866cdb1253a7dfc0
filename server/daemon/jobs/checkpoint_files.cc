#include "server/daemon/jobs/checkpoint_files.h"

#include <signal.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/rules/names.h"
#include "server/daemon/sockets/descriptors.h"

namespace descent::daemon {
std::string FaultOfCheckpoint(const CheckpointRecord& record, const std::string& path,
                              const FileDigest& digest) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return absl::StrCat(path, " is missing");
  }
  if (!error && !std::filesystem::is_regular_file(status)) {
    return absl::StrCat(path, " is no regular file");
  }
  const auto size = error ? 0 : static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) return absl::StrCat(path, " can't be looked at: ", error.message());
  if (size != record.bytes) {
    return absl::StrCat(path, " has ", size, " bytes, where the journal says ", record.bytes);
  }
  if (!digest) return "";
  const std::string found = digest(path);
  if (found == record.sha256 || (found.empty() && !CheckDescriptors().ok())) return "";
  return absl::StrCat(
      path, found.empty() ? " can't be read" : " is not what was written: its SHA-256 is another");
}

Inspection InspectCheckpoints(const std::string& folder,
                              const std::vector<CheckpointRecord>& candidates,
                              const FileDigest& digest) {
  Inspection inspection;
  for (const CheckpointRecord& record : candidates) {
    if (FaultOfCheckpoint(record, rules::CheckpointPath(folder, record.name), digest).empty()) {
      inspection.checkpoint = record;
      break;
    }
    inspection.passed_over.push_back(record.name);
  }
  return inspection;
}

// Unfinished files are called `{checkpoint}.safetensors.{pid}-{n}.tmp`.
void RemoveUnfinished(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::vector<std::string> parts = absl::StrSplit(entry.path().filename().string(), '.');
    int pid = 0;
    if (parts.size() < 3 || parts.back() != "tmp" ||
        !absl::SimpleAtoi(parts[parts.size() - 2].substr(0, parts[parts.size() - 2].find('-')),
                          &pid) ||
        pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH) {
      continue;
    }
    std::filesystem::remove(entry.path(), error);
  }
}

void RemoveCheckpoints(const std::string& folder, const std::vector<std::string>& names) {
  std::error_code ignored;
  for (const std::string& name : names) {
    std::filesystem::remove(rules::CheckpointPath(folder, name), ignored);
  }
}

void ForgetRemoved(const std::string& folder, int64_t keep, CheckpointShelf* shelf) {
  const std::vector<CheckpointRecord>& records = shelf->records();
  std::vector<std::string> removed;
  for (int64_t i = 0; i + keep < static_cast<int64_t>(records.size()); ++i) {
    std::error_code error;
    const std::string& name = records[static_cast<size_t>(i)].name;
    if (!std::filesystem::exists(rules::CheckpointPath(folder, name), error))
      removed.push_back(name);
  }
  for (const std::string& name : removed) shelf->Forget(name);
}

}  // namespace descent::daemon
