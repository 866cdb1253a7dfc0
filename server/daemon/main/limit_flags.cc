#include "server/daemon/main/limit_flags.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <system_error>

namespace descent::daemon {
namespace {

constexpr int64_t kMost = 1'000'000'000;
constexpr int64_t kMostKeptFree = int64_t{256} << 20;
constexpr int64_t kShareKeptFree = 20;

}  // namespace

void LimitFlags::AddTo(CLI::App& app) {
  app.add_option("--max_watches", max_watches,
                 "Watches that are open at a time, over gRPC and HTTP together; one principal has "
                 "three quarters of them at most")
      ->check(CLI::Range(int64_t{1}, kMost));
  app.add_option("--max_jobs", max_jobs,
                 "Jobs that are kept, those that are over included; beyond that no job is made")
      ->check(CLI::Range(int64_t{1}, kMost));
  app.add_option("--max_unfinished_jobs", max_unfinished_jobs,
                 "Jobs that wait, run or are paused at a time; one owner has three quarters of "
                 "them at most")
      ->check(CLI::Range(int64_t{1}, kMost));
  app.add_option("--max_parameters", max_parameters,
                 "Parameters that a job's model may have; 0: as many as memory takes")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--min_free_disk", min_free_disk,
                 "No job is made while less than this is free on the disk of --data_dir, in bytes, "
                 "or such as 10G; 0: as long as there is any. Default: a twentieth of that disk, "
                 "at most 256 MiB")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(CLI::NonNegativeNumber)
      ->default_str("");
}

int64_t LimitFlags::MaxParameters() const {
  return max_parameters > 0 ? max_parameters : std::numeric_limits<int64_t>::max();
}

int64_t LimitFlags::MinFreeDisk(const std::string& data_dir) const {
  if (min_free_disk >= 0) return min_free_disk;
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(data_dir, error);
  if (error) return 0;
  return std::min(static_cast<int64_t>(space.capacity) / kShareKeptFree, kMostKeptFree);
}

}  // namespace descent::daemon
