#include "server/daemon/requests/list_audit.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/audit/acts.h"

namespace descent::daemon {
namespace {

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;
constexpr size_t kMaxPageBytes = size_t{1} << 20;  // or one entry

// Where a page begins: after so many of the entries of this time.
struct Place {
  uint64_t time = UINT64_MAX;
  size_t passed = 0;
};

std::string ToToken(const Place& place) { return absl::StrCat(place.time, "-", place.passed); }

absl::StatusOr<Place> ReadToken(const std::string& token) {
  Place place;
  if (token.empty()) return place;
  const size_t dash = token.find('-');
  if (dash == std::string::npos || !absl::SimpleAtoi(token.substr(0, dash), &place.time) ||
      !absl::SimpleAtoi(token.substr(dash + 1), &place.passed)) {
    return InvalidField("page_token", "is not one that ListAuditEntries returned",
                        reason::kInvalidPageToken);
  }
  return place;
}

// Whether the caller may see an entry: an admin all, others what they did and what was done to jobs
// of theirs.
bool MaySee(const Caller& caller, const v1::AuditEntry& entry) {
  if (caller.role == Role::kAdmin || entry.principal() == caller.principal) return true;
  if (entry.job().empty()) return false;
  if (entry.owner() == caller.principal) return true;
  return !entry.group().empty() &&
         std::ranges::find(caller.groups, entry.group()) != caller.groups.end();
}

bool IsWanted(const v1::ListAuditEntriesRequest& request, const v1::AuditEntry& entry) {
  const uint64_t time = entry.time_unix_nanos();
  return (request.job().empty() || request.job() == entry.job()) &&
         (request.principal().empty() || request.principal() == entry.principal()) &&
         time >= request.since_unix_nanos() &&
         (request.until_unix_nanos() == 0 || time < request.until_unix_nanos());
}

// True if nothing that was asked for can have been done to this job.
bool IsOutside(const v1::ListAuditEntriesRequest& request, const v1::Job& job) {
  if (!request.job().empty() && request.job() != job.name()) return true;
  if (request.until_unix_nanos() != 0 &&
      job.create_time_unix_nanos() >= request.until_unix_nanos()) {
    return true;
  }
  return job.end_time_unix_nanos() != 0 && job.end_time_unix_nanos() < request.since_unix_nanos();
}

// Orders by time, and entries of one time always in the same way, so that pages fit together.
auto KeyOf(const v1::AuditEntry& entry) {
  return std::make_tuple(entry.time_unix_nanos(), entry.revision(), std::string_view(entry.job()),
                         std::string_view(entry.method()), std::string_view(entry.request_id()));
}

}  // namespace

absl::StatusOr<v1::ListAuditEntriesResponse> ListAudit(const Jobs& jobs, const AuditLog* audit,
                                                       const Caller& caller,
                                                       const v1::ListAuditEntriesRequest& request) {
  const absl::StatusOr<Place> place = ReadToken(request.page_token());
  if (!place.ok()) return place.status();
  std::vector<v1::AuditEntry> entries;
  const auto take = [&](const v1::AuditEntry& entry) {
    if (IsWanted(request, entry) && MaySee(caller, entry)) entries.push_back(entry);
  };

  std::map<std::string, uint64_t> made;  // the jobs that there are: when
  for (const v1::Job& job : jobs.Snapshot(caller)) {
    made[job.name()] = job.create_time_unix_nanos();
    if (IsOutside(request, job)) continue;
    const absl::StatusOr<std::shared_ptr<JobJournal>> journal =
        jobs.OpenJournal(caller, job.name());
    const absl::StatusOr<std::vector<v1::AuditEntry>> acts =
        journal.ok() ? ActsOf(**journal) : journal.status();
    if (absl::IsNotFound(acts.status())) made.erase(job.name());  // deleted just now
    if (absl::IsUnavailable(acts.status())) return acts.status();
    if (!acts.ok()) continue;
    for (const v1::AuditEntry& entry : *acts) take(entry);
  }
  if (audit != nullptr) {
    std::vector<std::string> words;
    if (!request.job().empty()) words.push_back(absl::StrCat("\"", request.job(), "\""));
    absl::Status status = audit->Read(words, [&](AuditLog::Record&& record) {
      if (record.entries().empty()) return;
      // A deletion is written down before it is carried out. Where it was not, the job is there,
      // and its journal has said all of this.
      const v1::AuditEntry& first = record.entries(0);
      const auto job = made.find(first.job());
      if (first.deleted() && job != made.end() && job->second == first.time_unix_nanos()) return;
      for (const v1::AuditEntry& entry : record.entries()) take(entry);
    });
    if (!status.ok()) return status;
  }
  std::ranges::stable_sort(entries, [](const v1::AuditEntry& a, const v1::AuditEntry& b) {
    return KeyOf(b) < KeyOf(a);
  });

  v1::ListAuditEntriesResponse response;
  const int page_size =
      request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
  Place now;
  size_t bytes = 0;
  for (v1::AuditEntry& entry : entries) {
    const uint64_t time = entry.time_unix_nanos();
    const size_t passed = time == now.time ? now.passed : 0;
    if (time > place->time || (time == place->time && passed < place->passed)) {
      now = {.time = time, .passed = passed + 1};
      continue;
    }
    bytes += entry.ByteSizeLong();
    if (response.entries_size() == page_size ||
        (response.entries_size() > 0 && bytes > kMaxPageBytes)) {
      response.set_next_page_token(ToToken(now));
      break;
    }
    now = {.time = time, .passed = passed + 1};
    *response.add_entries() = std::move(entry);
  }
  return response;
}

}  // namespace descent::daemon
