#include "server/daemon/metrics/data_folder.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "server/daemon/backup/backup_note.h"
#include "server/daemon/metrics/family.h"

namespace descent::daemon {
namespace {

// The parts that are told apart; all that is none of them is `other`.
constexpr const char* kParts[] = {"journal", "jobs", "datasets", "orphans", "other"};

std::string_view PartOf(std::string_view name) {
  if (name.starts_with("descent.db")) return "journal";
  if (name == "uploads") return "datasets";  // those under way
  for (const std::string_view part : {"jobs", "datasets", "orphans"}) {
    if (name == part) return part;
  }
  return "other";
}

// Adds up what a file takes on the disk, or a folder with all that is in it. What is gone meanwhile
// counts nothing; links are not followed.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the folders are
int64_t BytesOf(const std::filesystem::path& path, const std::atomic<bool>& stopping) {
  struct stat status = {};
  if (stopping || lstat(path.c_str(), &status) != 0) return 0;
  int64_t bytes = int64_t{status.st_blocks} * 512;  // POSIX's unit, whatever the file system's is
  if (!S_ISDIR(status.st_mode)) return bytes;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    bytes += BytesOf(entry->path(), stopping);
  }
  return bytes;
}

}  // namespace

DataFolder::DataFolder(std::string path, const server::Clock* clock)
    : path_(std::move(path)), clock_(clock) {}

DataFolder::~DataFolder() {
  stopping_ = true;
  measuring_.Stop();
}

std::vector<prometheus::MetricFamily> DataFolder::Families() {
  std::vector<prometheus::MetricFamily> families;
  struct statvfs room = {};
  if (statvfs(path_.c_str(), &room) == 0) {
    const auto bytes = [&](fsblkcnt_t blocks) {
      return static_cast<double>(blocks) * static_cast<double>(room.f_frsize);
    };
    families.push_back(Sampled(Gauge("descent_data_free_bytes",
                                     "Room that the daemon has left in its folder's file system, "
                                     "in bytes."),
                               bytes(room.f_bavail)));
    families.push_back(Sampled(Gauge("descent_data_capacity_bytes",
                                     "Size of that file system, in bytes, without what is kept "
                                     "for root."),
                               bytes(room.f_blocks - room.f_bfree + room.f_bavail)));
  }
  struct stat note = {};
  if (stat((path_ + "/" + kLastBackup).c_str(), &note) == 0) {
    families.push_back(Sampled(Gauge("descent_last_backup_timestamp_seconds",
                                     "When the store was last backed up whole, in seconds since "
                                     "1970."),
                               static_cast<double>(note.st_mtim.tv_sec)));
  }
  auto used = Gauge("descent_data_used_bytes",
                    "Room that the daemon's folder takes, by part, in bytes; of the last five "
                    "minutes.");
  server::MutexLock lock(mutex_);
  for (const auto& [part, bytes] : bytes_) {
    AddSample(used, static_cast<double>(bytes), {{"part", part}});
  }
  if (!bytes_.empty()) families.push_back(std::move(used));
  const int64_t now = clock_->MonotonicNanos();
  if (!asked_ || now - *asked_ >= kPeriod) {
    asked_ = now;
    measuring_.Post([this] { Measure(); });
  }
  return families;
}

void DataFolder::Measure() {
  std::map<std::string, int64_t> bytes;
  for (const char* part : kParts) bytes[part] = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(path_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::filesystem::path& path = entry->path();
    bytes[std::string(PartOf(path.filename().string()))] += BytesOf(path, stopping_);
  }
  if (stopping_) return;
  server::MutexLock lock(mutex_);
  bytes_ = std::move(bytes);
}

}  // namespace descent::daemon
