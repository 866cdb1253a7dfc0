#include "server/daemon/audit/acts.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/rules/names.h"
#include "server/daemon/journal/entries.h"

namespace descent::daemon {
namespace {

constexpr int64_t kBytesARead = 1 << 20;

// A fold over a journal's events.
class Acts {
 public:
  explicit Acts(const std::string& job_id) : job_(rules::JobName(job_id)) {}

  void Take(const v1::Event& event) {
    if (event.has_created()) {
      const v1::Created& created = event.created();
      owner_ = created.principal();
      group_ = created.group();
      v1::AuditEntry& entry = Add(event, "CreateJob", created);
      entry.set_outcome(v1::AuditEntry::DONE);
    } else if (event.has_command_accepted()) {
      const v1::CommandAccepted& accepted = event.command_accepted();
      v1::AuditEntry& entry = Add(event, "CommandJob", accepted);
      entry.set_outcome(v1::AuditEntry::PENDING);
      *entry.mutable_commands() = accepted.commands();
      if (accepted.has_at_iteration()) entry.set_at_iteration(accepted.at_iteration());
      pending_[accepted.request_id()] = acts_.size() - 1;
    } else if (event.has_command_applied()) {
      const v1::CommandApplied& applied = event.command_applied();
      // What is applied once more, in another branch, was told when it was applied first.
      if (v1::AuditEntry* entry = Resolve(applied.request_id()); entry != nullptr) {
        entry->set_outcome(v1::AuditEntry::DONE);
        entry->set_iteration(applied.iteration());
        *entry->mutable_changes() = applied.changes();
      }
    } else if (event.has_command_rejected()) {
      const v1::CommandRejected& rejected = event.command_rejected();
      if (v1::AuditEntry* entry = Resolve(rejected.request_id()); entry != nullptr) {
        entry->set_outcome(v1::AuditEntry::REJECTED);
        entry->set_reason(rejected.reason());
        entry->set_message(rejected.message());
      }
    }
  }

  std::vector<v1::AuditEntry> acts() && { return std::move(acts_); }

 private:
  template <class Request>
  v1::AuditEntry& Add(const v1::Event& event, const char* method, const Request& request) {
    v1::AuditEntry& entry = acts_.emplace_back();
    entry.set_time_unix_nanos(event.time_unix_nanos());
    entry.set_principal(request.principal());
    entry.set_method(method);
    entry.set_job(job_);
    entry.set_request_id(request.request_id());
    entry.set_revision(event.revision());
    entry.set_owner(owner_);
    entry.set_group(group_);
    if (request.has_trace()) *entry.mutable_trace() = request.trace();
    return entry;
  }

  v1::AuditEntry* Resolve(const std::string& request_id) {
    const auto found = pending_.find(request_id);
    if (found == pending_.end()) return nullptr;
    v1::AuditEntry* entry = &acts_[found->second];
    pending_.erase(found);
    return entry;
  }

  const std::string job_;
  std::string owner_, group_;
  std::vector<v1::AuditEntry> acts_;
  std::map<std::string, size_t> pending_;  // by request_id: which of acts_
};

}  // namespace

absl::StatusOr<std::vector<v1::AuditEntry>> ActsOf(JobJournal& journal) {
  Acts acts(journal.job_id());
  int64_t cursor = 0;
  while (true) {
    const absl::StatusOr<std::vector<RowPtr>> rows = journal.Read(
        cursor, kBytesARead,
        {v1::CREATED, v1::COMMAND_ACCEPTED, v1::COMMAND_APPLIED, v1::COMMAND_REJECTED});
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return std::move(acts).acts();
    for (const RowPtr& row : *rows) {
      cursor = std::max(cursor, row->last_revision);
      for (const Entry& entry : Entries(*row)) {
        v1::Event event;
        if (!event.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size()))) {
          return absl::DataLossError(
              absl::StrCat("The journal's event of revision ", entry.revision, " can't be read"));
        }
        acts.Take(event);
      }
    }
  }
}

}  // namespace descent::daemon
