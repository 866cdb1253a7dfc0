#include "server/daemon/main/check.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/daemon/jobs/checkpoint_check.h"
#include "server/daemon/jobs/digest.h"
#include "server/daemon/journal/check.h"
#include "server/daemon/main/progress_line.h"
#include "server/daemon/main/report.h"

namespace descent::daemon {
namespace {

absl::StatusOr<StoreReport> ReportOf(const std::string& data_dir, const std::string& path,
                                     bool skip_checkpoints) {
  ProgressLine line;
  const auto progress = [&](const std::string& what) { line.Show("looks at " + what); };
  absl::StatusOr<StoreReport> report = CheckStore(path, progress);
  if (!report.ok() || skip_checkpoints) return report;
  absl::Status checked = CheckCheckpoints(data_dir, FileSha256, progress, &*report);
  if (!checked.ok()) return checked;
  return report;
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
    nlohmann::json all = JsonOf(*report);
    all["path"] = path;
    PrintJson(all);
  } else {
    PrintReport(path, *report);
  }
  return report->whole() ? 0 : 1;
}

}  // namespace descent::daemon
