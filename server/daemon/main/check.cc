#include "server/daemon/main/check.h"

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/rules/names.h"
#include "server/daemon/jobs/checkpoint_check.h"
#include "server/daemon/jobs/digest.h"
#include "server/daemon/journal/check.h"

namespace descent::daemon {
namespace {

// A line on a terminal that says what a long check looks at; gone at its end. Nothing elsewhere.
class ProgressLine {
 public:
  ~ProgressLine() {
    if (shown_) std::cerr << "\r\x1b[K" << std::flush;
  }
  ProgressLine() = default;
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Show(const std::string& what) {
    const auto now = std::chrono::steady_clock::now();
    if (!is_terminal_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    shown_ = true;
    std::cerr << "\r\x1b[Kdescentd: looks at " << what << std::flush;
  }

 private:
  const bool is_terminal_ = isatty(STDERR_FILENO) == 1;
  // A short check shows none.
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(1);
  bool shown_ = false;
};

absl::StatusOr<StoreReport> ReportOf(const std::string& data_dir, const std::string& path,
                                     bool skip_checkpoints) {
  ProgressLine line;
  const auto progress = [&](const std::string& what) { line.Show(what); };
  absl::StatusOr<StoreReport> report = CheckStore(path, progress);
  if (!report.ok() || skip_checkpoints) return report;
  absl::Status checked = CheckCheckpoints(data_dir, FileSha256, progress, &*report);
  if (!checked.ok()) return checked;
  return report;
}

void PrintJson(const std::string& path, const StoreReport& report) {
  nlohmann::json jobs = nlohmann::json::array();
  for (const StoreReport::Job& job : report.jobs) {
    nlohmann::json& entry = jobs.emplace_back();
    entry = {{"job", rules::JobName(job.job_id)},
             {"head_revision", job.head_revision},
             {"whole", job.whole()}};
    if (!job.damage.empty()) entry["damage"] = job.damage;
    if (!job.checkpoints.empty()) entry["checkpoints"] = job.checkpoints;
  }
  const nlohmann::json all = {{"path", path},
                              {"whole", report.whole()},
                              {"jobs", std::move(jobs)},
                              {"problems", report.problems}};
  std::cout << all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

void PrintText(const std::string& path, const StoreReport& report) {
  for (const std::string& problem : report.problems) std::cout << path << ": " << problem << "\n";
  if (!report.readable) {
    std::cout << "the database itself is damaged; its jobs were not looked at\n";
    return;
  }
  size_t damaged = 0;
  for (const StoreReport::Job& job : report.jobs) {
    const std::string name = rules::JobName(job.job_id);
    if (!job.whole()) ++damaged;
    if (!job.damage.empty()) std::cout << name << ": " << job.damage << "\n";
    for (const std::string& fault : job.checkpoints) std::cout << name << ": " << fault << "\n";
  }
  std::cout << report.jobs.size() << (report.jobs.size() == 1 ? " job, " : " jobs, ");
  if (report.whole()) {
    std::cout << "all whole\n";
  } else {
    std::cout << damaged << " damaged"
              << (report.problems.empty() ? "" : ", and the database itself") << "\n";
  }
}

}  // namespace

int Check(const std::string& data_dir, const CheckOptions& options) {
  const std::string path = data_dir + "/descent.db";
  const absl::StatusOr<StoreReport> report = ReportOf(data_dir, path, options.skip_checkpoints);
  if (!report.ok()) {
    std::cerr << "descentd: can't check " << path << ": " << std::string(report.status().message())
              << "\n";
    return 2;
  }
  if (options.json) {
    PrintJson(path, *report);
  } else {
    PrintText(path, *report);
  }
  return report->whole() ? 0 : 1;
}

}  // namespace descent::daemon
