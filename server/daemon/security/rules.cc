#include "server/daemon/security/rules.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

constexpr Rule kRules[] = {
    // TrainingService. Whoever watches a job sees all of it, its data's paths too.
    {.what = "CreateJob", .least = Role::kOperator},
    {.what = "GetJob", .least = Role::kViewer},
    {.what = "ListJobs", .least = Role::kViewer},
    {.what = "DeleteJob", .least = Role::kOperator, .whose = Whose::kOwn},
    {.what = "WatchJob", .least = Role::kViewer},
    {.what = "CommandJob", .least = Role::kOperator, .whose = Whose::kOwn},
    // These two have a worker work, on whatever files they name.
    {.what = "ValidateSpec", .least = Role::kOperator},
    {.what = "PredictJob", .least = Role::kOperator},
    // AuditService. Those who are no admins are shown what is theirs.
    {.what = "ListAuditEntries", .least = Role::kOperator},

    // DatasetService. Whose upload CreateDataset would go on with, the store asks itself.
    {.what = "CreateDataset", .least = Role::kOperator},
    {.what = "WriteDataset", .least = Role::kOperator, .whose = Whose::kOwn},
    {.what = "GetDataset", .least = Role::kViewer},
    {.what = "ListDatasets", .least = Role::kViewer},
    {.what = "DeleteDataset", .least = Role::kOperator, .whose = Whose::kOwn},

    // TokenService.
    {.what = "CreateToken", .least = Role::kAdmin},
    {.what = "ListTokens", .least = Role::kAdmin},
    {.what = "RevokeToken", .least = Role::kAdmin},
    {.what = "CreateLoginCode", .least = Role::kViewer},

    // HTTP's paths that stand for no method; --open_metrics opens /metrics to all.
    {.what = "GET /metrics", .least = Role::kMetrics},
    {.what = "GET /v1/whoami", .least = Role::kMetrics},
    {.what = "POST /v1/session"},  // the code, or the token, that it brings is what is asked for
    {.what = "DELETE /v1/session", .least = Role::kMetrics},
    {.what = "GET /healthz"},
    {.what = "GET /readyz"},
    {.what = "GET /"},  // the page itself, and its scripts
};

absl::Status NotYours(std::string_view message) {
  return MakeError(absl::StatusCode::kPermissionDenied, message, reason::kNotYours);
}

bool IsIn(const Caller& caller, std::string_view group) {
  return !group.empty() && std::ranges::find(caller.groups, group) != caller.groups.end();
}

}  // namespace

std::span<const Rule> Rules() { return kRules; }

const Rule* FindRule(std::string_view what) {
  const auto* const found = std::ranges::find(kRules, what, &Rule::what);
  return found == std::end(kRules) ? nullptr : found;
}

absl::Status CheckRole(const Caller& caller, std::string_view what) {
  const Rule* rule = FindRule(what);
  if (rule == nullptr) {
    return MakeError(absl::StatusCode::kInternal,
                     absl::StrCat("nothing says who may do ", std::string(what)),
                     reason::kInternal);
  }
  if (!rule->least || caller.role >= *rule->least) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kPermissionDenied,
      absl::StrCat(std::string(what), " needs the role ", std::string(RoleName(*rule->least)),
                   "; that of ", caller.principal, " is ", std::string(RoleName(caller.role)),
                   ": ask who runs descentd for a token that may"),
      reason::kRoleTooLow);
}

absl::Status CheckOwner(const Caller& caller, std::string_view what, std::string_view name,
                        const Ownership& ownership) {
  const Rule* rule = FindRule(what);
  if (rule != nullptr && rule->whose == Whose::kAny) return absl::OkStatus();
  if (caller.role == Role::kAdmin || IsIn(caller, ownership.group)) return absl::OkStatus();
  if (!ownership.owner.empty() && ownership.owner == caller.principal) return absl::OkStatus();
  return NotYours(
      absl::StrCat(std::string(name), " is ",
                   ownership.owner.empty() ? std::string("no person's") : ownership.owner + "'s",
                   ownership.group.empty() ? "" : absl::StrCat(", of the group ", ownership.group),
                   "; ", std::string(what), " is for ",
                   ownership.group.empty() ? "its owner" : "its owner, its group", " and admins"));
}

absl::Status CheckGroup(const Caller& caller, std::string_view group) {
  if (group.empty() || caller.role == Role::kAdmin || IsIn(caller, group)) return absl::OkStatus();
  return NotYours(absl::StrCat(
      "group: ", caller.principal, " is not in the group \"", std::string(group), "\"; ",
      caller.groups.empty() ? "name none"
                            : absl::StrCat("groups: ", absl::StrJoin(caller.groups, ", "))));
}

absl::Status CheckReplay(const Caller& caller, std::string_view request_id,
                         std::string_view principal) {
  if (caller.role == Role::kAdmin || caller.principal == principal) return absl::OkStatus();
  return NotYours(absl::StrCat("request_id \"", std::string(request_id),
                               "\" is of somebody else's request; draw a fresh one"));
}

}  // namespace descent::daemon
