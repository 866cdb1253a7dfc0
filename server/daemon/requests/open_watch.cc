#include "server/daemon/requests/open_watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/requests/suggestion.h"

namespace descent::daemon {
namespace {

// Gives the part of a checked request that the journal understands.
WatchFilter FilterOf(const v1::WatchJobRequest& request) {
  WatchFilter filter;
  for (int kind : request.kinds()) filter.kinds.push_back(static_cast<v1::EventKind>(kind));
  filter.every = std::max<int64_t>(1, request.every());
  filter.extremes = request.extremes();
  return filter;
}

}  // namespace

absl::StatusOr<OpenedWatch> OpenWatch(const Jobs& jobs, const Caller& caller,
                                      const v1::WatchJobRequest& request) {
  const absl::StatusOr<std::shared_ptr<JobJournal>> journal =
      jobs.OpenJournal(caller, request.name());
  if (!journal.ok()) return WithSuggestion(journal.status(), caller, request.name(), jobs);
  absl::StatusOr<WatchCursor> cursor =
      WatchCursor::Create(*journal, request.after_revision(), FilterOf(request));
  if (cursor.ok()) return OpenedWatch{.journal = *journal, .cursor = *std::move(cursor)};
  absl::Status status = cursor.status();
  if (status.code() == absl::StatusCode::kOutOfRange) {
    const JobJournal& bounds = **journal;
    SetErrorDetail(ErrorDetail{.reason = reason::kCursorOutOfRange,
                               .metadata = {{"head_revision", absl::StrCat(bounds.head_revision())},
                                            {"compacted_revision",
                                             absl::StrCat(bounds.compacted_revision())}}},
                   &status);
  }
  return status;
}

}  // namespace descent::daemon
