#include "server/daemon/jobs/checkpoint_shelf.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

std::optional<int64_t> ParseIteration(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

int64_t KeptCheckpoints(const v1::Checkpoints& policy) {
  constexpr int64_t kDefaultKeep = 3;
  return std::max<int64_t>(1, policy.has_keep() ? policy.keep() : kDefaultKeep);
}

void CheckpointShelf::Apply(const v1::Event& event) {
  if (!event.has_checkpoint_saved()) return;
  const v1::CheckpointSaved& saved = event.checkpoint_saved();
  Forget(saved.checkpoint());
  records_.push_back({saved.checkpoint(), event.branch(), saved.iteration(), saved.sha256(),
                      saved.bytes(), event.revision()});
}

const CheckpointRecord* CheckpointShelf::Find(const std::string& name) const {
  const auto it = std::ranges::find(records_, name, &CheckpointRecord::name);
  return it == records_.end() ? nullptr : &*it;
}

bool CheckpointShelf::Has(const v1::CheckpointSaved& saved) const {
  const CheckpointRecord* record = Find(saved.checkpoint());
  return record != nullptr && record->sha256 == saved.sha256();
}

std::vector<CheckpointRecord> CheckpointShelf::OfHistory(const Lineage& lineage) const {
  std::vector<CheckpointRecord> records;
  for (auto it = records_.rbegin(); it != records_.rend(); ++it) {
    if (lineage.Holds(it->branch, it->iteration)) records.push_back(*it);
  }
  return records;
}

absl::StatusOr<CheckpointRecord> CheckpointShelf::Choose(const std::string& given,
                                                         const Lineage& lineage,
                                                         int64_t durable_revision) const {
  std::vector<CheckpointRecord> durable;
  std::ranges::copy_if(records_, std::back_inserter(durable),
                       [&](const CheckpointRecord& r) { return r.revision <= durable_revision; });
  if (durable.empty()) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     absl::StrCat(job_,
                                  " has no checkpoint yet; the command `checkpoint` "
                                  "makes one of a job that runs"),
                     reason::kNoCheckpoint);
  }
  const std::optional<int64_t> iteration = ParseIteration(given);
  const auto found =
      std::find_if(durable.rbegin(), durable.rend(), [&](const CheckpointRecord& record) {
        if (record.name == given) return true;
        return (given.empty() || record.iteration == iteration) &&
               lineage.Holds(record.branch, record.iteration);
      });
  if (found != durable.rend()) return *found;
  std::vector<std::string> names;
  for (const CheckpointRecord& record : durable) names.push_back(record.name);
  return MakeError(
      absl::StatusCode::kNotFound,
      absl::StrCat(job_, " has no checkpoint ", given.empty() ? "of its present history" : given,
                   "; it has ", absl::StrJoin(names, ", ")),
      reason::kCheckpointNotFound);
}

std::vector<std::string> CheckpointShelf::TakeSurplus(int64_t keep, const std::string& needed,
                                                      int64_t durable_revision) {
  std::vector<std::string> names;
  int64_t newer = std::ranges::count_if(records_, [&](const CheckpointRecord& record) {
    return record.revision <= durable_revision;
  });
  for (const CheckpointRecord& record : records_) {
    if (record.revision > durable_revision) continue;
    if (--newer < keep) break;
    if (record.name != needed && held_.count(record.name) == 0) names.push_back(record.name);
  }
  for (const std::string& name : names) Forget(name);
  return names;
}

void CheckpointShelf::Forget(const std::string& name) {
  std::erase_if(records_, [&](const CheckpointRecord& record) { return record.name == name; });
}

}  // namespace descent::daemon
