// The part of Job that lends checkpoints to those who read them.

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/rpc_status.h"
#include "server/daemon/jobs/job.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

std::optional<int64_t> ParseIteration(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const CheckpointRecord>> Job::HoldCheckpoint(
    const std::string& given) {
  if (absl::Status status = LoadHistory(); !status.ok()) return status;
  MutexLock lock(mutex_);
  const std::vector<CheckpointRecord>& all = history_.checkpoints();
  if (all.empty()) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     absl::StrCat("jobs/", id_,
                                  " has no checkpoint yet; the command `checkpoint` "
                                  "makes one of a job that runs"),
                     "NO_CHECKPOINT");
  }
  const std::optional<int64_t> iteration = ParseIteration(given);
  const Lineage& lineage = history_.lineage();
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const CheckpointRecord& record) {
    if (record.name == given) return true;
    return (given.empty() || record.iteration == iteration) &&
           lineage.Holds(record.branch, record.iteration);
  });
  if (found == all.rend()) {
    std::vector<std::string> names;
    for (const CheckpointRecord& record : all) names.push_back(record.name);
    return MakeError(absl::StatusCode::kNotFound,
                     absl::StrCat("jobs/", id_, " has no checkpoint ",
                                  given.empty() ? "of its present history" : given, "; it has ",
                                  absl::StrJoin(names, ", ")),
                     "CHECKPOINT_NOT_FOUND");
  }
  held_.insert(found->name);
  const auto release = [self = shared_from_this()](const CheckpointRecord* record) {
    {
      MutexLock held(self->mutex_);
      self->held_.erase(self->held_.find(record->name));
    }
    delete record;
  };
  return std::shared_ptr<const CheckpointRecord>(new CheckpointRecord(*found), release);
}

}  // namespace descent::daemon
