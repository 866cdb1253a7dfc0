// `descent audit`: who did what.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/context.h"
#include "client/cli/event_text.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cpp/identity.h"
#include "descent/v1/audit_service.pb.h"

namespace descent::cli {
namespace {

constexpr int kDefaultLimit = 100;

struct AuditOptions {
  std::string job, principal, since;
  int limit = kDefaultLimit;
};

// Gives the moment of `2h`, of which the present is the end, or of `2026-11-21` or
// `2026-11-21T10:00:00`; false if it is none.
bool ReadSince(const std::string& text, absl::Time* since) {
  if (const int64_t seconds = SecondsOf(text); seconds > 0) {
    *since = absl::Now() - absl::Seconds(seconds);
    return true;
  }
  for (const char* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    if (absl::ParseTime(format, text, absl::LocalTimeZone(), since, nullptr)) return true;
  }
  return absl::ParseTime(absl::RFC3339_full, text, since, nullptr);
}

// Gives `set, pause`, or the method's name with what it was done to.
std::string What(const v1::AuditEntry& entry) {
  if (entry.method() == "CreateJob") return "create";
  if (entry.method() == "DeleteJob") return "delete";
  if (entry.commands_size() > 0) {
    std::vector<std::string> names;
    for (const v1::Command& command : entry.commands()) names.push_back(CommandName(command));
    return absl::StrJoin(names, ", ");
  }
  if (entry.has_token()) {
    return absl::StrCat(entry.method() == "RevokeToken" ? "revoke token " : "create token ",
                        Visible(entry.token().id()));
  }
  return entry.method().empty() ? "-" : Visible(entry.method());
}

std::string ChangesText(const v1::AuditEntry& entry) {
  std::vector<std::string> texts;
  for (const v1::Change& change : entry.changes()) {
    texts.push_back(absl::StrCat(Visible(change.path()), " ", Number(change.old_value()), " → ",
                                 Number(change.new_value())));
  }
  return absl::StrJoin(texts, ", ");
}

// Says what came of it.
std::string Outcome(const v1::AuditEntry& entry) {
  switch (entry.outcome()) {
    case v1::AuditEntry::PENDING:
      return "not applied yet";
    case v1::AuditEntry::DONE: {
      const std::string changes = ChangesText(entry);
      if (!entry.has_iteration()) return "done";
      return absl::StrCat("at iteration ", Count(entry.iteration()),
                          changes.empty() ? "" : absl::StrCat(": ", changes));
    }
    case v1::AuditEntry::REJECTED:
      return absl::StrCat("rejected: ", Visible(entry.message()));
    case v1::AuditEntry::REFUSED:
      return absl::StrCat(
          "refused", entry.count() > 1 ? absl::StrCat(" ", Count(entry.count()), " times") : "",
          ": ", Visible(entry.message()),
          entry.from().empty() ? "" : absl::StrCat(", from ", Visible(entry.from())));
    default:
      return "";
  }
}

int Audit(const Context& context, const AuditOptions& options) {
  v1::ListAuditEntriesRequest request;
  if (!options.job.empty()) request.set_job(client::JobName(options.job));
  request.set_principal(options.principal);
  if (!options.since.empty()) {
    absl::Time since;
    if (!ReadSince(options.since, &since)) {
      return context.Usage(absl::StrCat("--since: `", options.since,
                                        "` is no time; write 2h, 30d, 2026-11-21 or "
                                        "2026-11-21T10:00:00"));
    }
    request.set_since_unix_nanos(static_cast<uint64_t>(absl::ToUnixNanos(since)));
  }
  const auto entries = context.Connect().ListAuditEntries(request, options.limit);
  if (!entries.ok()) return context.Fail(NamingOptions(entries.status(), {{"job", "JOB"}}));
  if (context.json) {
    for (const v1::AuditEntry& entry : *entries) context.io.out << Json(entry) << "\n";
    return kOk;
  }
  if (entries->empty()) {
    context.io.out << "nobody did anything that was asked for here\n";
    return kOk;
  }
  Table table;
  table.Add({"TIME", "WHO", "JOB", "WHAT", "REQUEST", "OUTCOME"});
  for (const v1::AuditEntry& entry : *entries) {
    const std::string job = entry.job().empty() ? "-" : Visible(client::JobId(entry.job()));
    table.Add({LocalTime(static_cast<int64_t>(entry.time_unix_nanos())),
               entry.principal().empty() ? "-" : Visible(entry.principal()), job, What(entry),
               entry.request_id().empty() ? "-" : Visible(entry.request_id()), Outcome(entry)});
  }
  context.io.out << table.Render(Columns(context.io));
  if (static_cast<int>(entries->size()) == options.limit) {
    context.Say(
        absl::StrCat("the newest ", Count(options.limit), "; --limit 0 shows all, --since fewer"));
  }
  return kOk;
}

}  // namespace

void AddAuditCommand(CLI::App* app, Context* context) {
  CLI::App* command = app->add_subcommand(
      "audit", "Who did what: jobs made and deleted, commands, tokens, refusals; newest first");
  const auto options = std::make_shared<AuditOptions>();
  command->add_option("JOB", options->job, "one job alone, also one that was deleted")
      ->type_name("");
  command->add_option("--principal", options->principal, "what this one did alone")
      ->type_name("NAME");
  command
      ->add_option("--since", options->since,
                   "what was done since then alone: 2h, 30d, 2026-11-21, 2026-11-21T10:00:00")
      ->type_name("TIME");
  command->add_option("--limit", options->limit, "so many at most; 0: all")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  context->AddCommonOptions(command);
  command->callback([=] { context->action = [=] { return Audit(*context, *options); }; });
}

}  // namespace descent::cli
