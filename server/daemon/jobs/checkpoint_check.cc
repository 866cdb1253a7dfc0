#include "server/daemon/jobs/checkpoint_check.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "proto/rules/names.h"

namespace descent::daemon {
namespace {

// Gives the checkpoints that the journal keeps now; none if the job has been deleted.
absl::StatusOr<std::vector<CheckpointRecord>> KeptNow(const std::string& database,
                                                      const StoreReport::Job& job) {
  StoredShelf shelf(rules::JobName(job.job_id));
  const absl::Status read =
      ReadStoredEvents(database, job.number, {v1::CREATED, v1::CHECKPOINT_SAVED},
                       [&](const v1::Event& event) { shelf.Apply(event); });
  if (!read.ok() && !absl::IsNotFound(read)) return read;
  return read.ok() ? shelf.kept() : std::vector<CheckpointRecord>();
}

}  // namespace

void StoredShelf::Apply(const v1::Event& event) {
  if (event.has_created()) keep_ = KeptCheckpoints(event.created().spec().checkpoints());
  if (!event.has_checkpoint_saved()) return;
  shelf_.Apply(event);
  if (const CheckpointRecord* record = shelf_.Find(event.checkpoint_saved().checkpoint())) {
    saved_[record->name] = *record;
  }
  shelf_.TakeSurplus(keep_, "", event.revision());
}

absl::Status CheckCheckpoints(const std::string& data_dir, const FileDigest& digest,
                              const CheckProgress& progress, StoreReport* report) {
  const std::string database = data_dir + "/descent.db";
  for (StoreReport::Job& job : report->jobs) {
    if (!job.damage.empty()) continue;
    absl::StatusOr<std::vector<CheckpointRecord>> kept = KeptNow(database, job);
    if (!kept.ok()) return kept.status();
    const std::string folder = absl::StrCat(data_dir, "/jobs/", job.job_id, "/checkpoints");
    std::vector<std::pair<CheckpointRecord, std::string>> faults;
    for (const CheckpointRecord& record : *kept) {
      if (progress) {
        progress(absl::StrCat("checkpoint ", record.name, " of ", rules::JobName(job.job_id)));
      }
      std::string fault =
          FaultOfCheckpoint(record, rules::CheckpointPath(folder, record.name), digest);
      if (!fault.empty()) faults.emplace_back(record, std::move(fault));
    }
    for (const CheckpointRecord& record : *kept)
      job.looked_at.push_back({.name = record.name, .fault = ""});
    if (faults.empty()) continue;
    kept = KeptNow(database, job);
    if (!kept.ok()) return kept.status();
    for (const auto& [record, fault] : faults) {
      const bool is_kept = std::ranges::any_of(*kept, [&](const CheckpointRecord& now) {
        return now.name == record.name && now.sha256 == record.sha256;
      });
      const auto looked_at =
          std::ranges::find(job.looked_at, record.name, &StoreReport::Job::Checkpoint::name);
      if (is_kept) {
        job.checkpoints.push_back(absl::StrCat("checkpoint ", record.name, ": ", fault));
        looked_at->fault = fault;
      } else {
        job.looked_at.erase(looked_at);
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace descent::daemon
