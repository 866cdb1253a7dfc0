#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "client/cli/context.h"
#include "client/cli/event_text.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/stalled.h"
#include "client/cpp/identity.h"
#include "client/cpp/spec_text.h"
#include "core/text/size_text.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"

namespace descent::cli {
namespace {

// Gives `jobs/x  FAILED: the reason`, broken where the terminal ends, with the state in its colour.
std::string StateLine(const Io& io, const v1::Job& job, const std::string& reason) {
  const std::string state = StateText(job.state());
  std::string line =
      Wrap(absl::StrCat(Visible(job.name()), "  ", state, reason.empty() ? "" : ": ", reason),
           Columns(io), 0);
  if (!io.colour) return line;
  const char* colour = job.state() == v1::FAILED      ? "\x1b[1;31m"
                       : job.state() == v1::SUCCEEDED ? "\x1b[1;32m"
                                                      : "\x1b[1m";
  // No name of a job has capital letters.
  return line.replace(line.find(state), state.size(), absl::StrCat(colour, state, "\x1b[0m"));
}

// ----------------------------------------------------------------------------------------- list

// Gives the last step's step size, in a system each player's.
std::string StepSizes(const v1::Job& job) {
  if (job.last_iteration().has_step_size()) return Number(job.last_iteration().step_size());
  std::vector<std::string> numbers;
  for (const v1::DialState& dial : job.dials()) {
    if (dial.main_step_size()) numbers.push_back(Number(dial.value()));
  }
  return numbers.empty() || !job.has_last_iteration() ? "-" : absl::StrJoin(numbers, "/");
}

// Leaves out the columns that one can do without, as far as need be; then the first one is cut.
std::string FitList(Table table, size_t columns) {
  constexpr size_t kJob = 0, kValue = 3, kName = 7;
  for (size_t column = kName; column >= kValue && table.Columns() > columns; --column) {
    table.Drop(column);
  }
  table.Shorten(kJob, columns);
  return table.Render();
}

int List(const Context& context, const std::string& filter, int limit) {
  const auto jobs = context.Connect().ListJobs(filter, limit);
  if (!jobs.ok()) return context.Fail(NamingOptions(jobs.status(), {{"filter", "--filter"}}));
  if (context.json) {
    for (const v1::Job& job : *jobs) context.io.out << Json(job) << "\n";
    return kOk;
  }
  if (jobs->empty()) {
    context.io.out << (filter.empty() ? "no jobs; `descent submit SPEC` makes one\n"
                                      : "no job matches\n");
    return kOk;
  }
  Table table;
  std::set<std::string> stalled;
  table.Add({"JOB", "STATE", Right("ITERATION"), Right("VALUE"), Right("STEP SIZE"), "METRIC",
             "SUBMITTED", "NAME"});
  for (const v1::Job& job : *jobs) {
    const v1::Iteration& last = job.last_iteration();
    table.Add({Visible(client::JobId(job.name())), StateText(job.state()),
               Right(job.has_last_iteration() ? Count(last.index()) : "-"),
               Right(job.has_last_iteration() ? Number(last.value()) : "-"), Right(StepSizes(job)),
               job.has_last_evaluation() ? MainMetricText(job.last_evaluation()) : "-",
               Ago(static_cast<int64_t>(job.create_time_unix_nanos())),
               Visible(job.display_name())});
    if (!job.stalled().empty()) stalled.insert(job.stalled());
  }
  context.io.out << FitList(std::move(table), Columns(context.io));
  for (const std::string& why : stalled) context.Say(StalledNews().Next(why));
  return kOk;
}

// ------------------------------------------------------------------------------------------ get

std::string DialsText(const v1::Job& job, const std::string& indent, size_t columns) {
  Table dials(indent);
  for (const v1::DialState& dial : job.dials()) {
    dials.Add(
        {Visible(dial.path()), Right(Number(dial.value())), dial.overridden() ? "taken over" : ""});
  }
  return dials.Render(columns);
}

// Gives what the kernel holds the job's worker to: `at most 6.4 GB of memory, no new privileges,
// its own files and the data roots`.
std::string ConfinementText(const v1::Confinement& confinement) {
  std::vector<std::string> holds;
  if (confinement.memory_limit_bytes() > 0) {
    holds.push_back(absl::StrCat(
        "at most ", SizeText(static_cast<double>(confinement.memory_limit_bytes())), " of memory"));
  }
  if (confinement.no_new_privileges()) holds.emplace_back("no new privileges");
  if (confinement.filesystem()) holds.emplace_back("its own files and the data roots");
  return holds.empty() ? "nothing" : absl::StrJoin(holds, ", ");
}

std::string JobText(const Io& io, const v1::Job& job) {
  const bool is_program = job.spec().has_program();
  Table table("  ");
  const auto row = [&](const std::string& what, const std::string& text) {
    if (!text.empty()) table.Add({what, text});
  };
  row("name", Visible(job.display_name()));
  std::vector<std::string> labels;
  for (const auto& [key, value] : job.labels()) labels.push_back(Visible(key + "=" + value));
  std::sort(labels.begin(), labels.end());
  row("labels", absl::StrJoin(labels, ", "));
  row("reason", Visible(job.state_reason()));
  row("damage", Visible(job.damage()));
  row("stalled", Visible(job.stalled()));
  if (job.has_last_iteration()) {
    const v1::Iteration& last = job.last_iteration();
    const int64_t total = job.summary().iterations();
    std::string iteration =
        absl::StrCat(Count(last.index()), total > 0 ? absl::StrCat(" of ", Count(total)) : "");
    // What a program's epochs are, if it has any, is its own affair.
    if (!is_program) absl::StrAppend(&iteration, ", epoch ", absl::StrFormat("%.2f", last.epoch()));
    row("iteration", iteration);
    row("value", Number(last.value()));
    row("gradient norm", Number(last.gradient_norm()));
    row("computing time", Duration(absl::Seconds(last.elapsed_seconds())));
  }
  if (job.has_last_evaluation()) {
    row("evaluation", absl::StrCat(Visible(job.last_evaluation().dataset()), " ",
                                   MetricsText(job.last_evaluation()), " at iteration ",
                                   Count(job.last_evaluation().iteration())));
  }
  row("checkpoint", Visible(job.last_checkpoint()));
  row("attempt", job.attempt() > 0 ? absl::StrCat(job.attempt()) : "");
  if (job.has_confinement()) row("confined to", ConfinementText(job.confinement()));
  if (job.branch() > 0) row("branch", absl::StrCat(job.branch()));
  const auto time = [&](const std::string& what, uint64_t nanos) {
    const auto value = static_cast<int64_t>(nanos);
    if (value > 0) row(what, absl::StrCat(LocalTime(value), " (", Ago(value), ")"));
  };
  time("submitted", job.create_time_unix_nanos());
  time("started", job.start_time_unix_nanos());
  time("ended", job.end_time_unix_nanos());
  if (!is_program) row("parameters", Count(job.summary().parameters()));
  row("revision", Count(job.head_revision()));
  return absl::StrCat(StateLine(io, job, ""), "\n", table.Render(Columns(io)),
                      job.dials_size() > 0 ? "  dials\n" : "", DialsText(job, "    ", Columns(io)));
}

int Get(const Context& context, const std::string& name, bool spec) {
  const auto job = context.Connect().GetJob(client::JobName(name));
  if (!job.ok()) return context.Fail(job.status());
  if (spec) {
    context.io.out << (context.json ? Json(job->spec()) + "\n" : client::PrintSpec(job->spec()));
  } else if (context.json) {
    context.io.out << Json(*job) << "\n";
  } else {
    context.io.out << JobText(context.io, *job);
  }
  return kOk;
}

// ----------------------------------------------------------------------------------------- wait

// Cancels a watch when time is up.
class Timeout {
 public:
  Timeout(absl::Time deadline, client::JobWatch* watch) {
    if (deadline == absl::InfiniteFuture()) return;
    thread_ = std::thread([this, deadline, watch] {
      if (done_.WaitForNotificationWithDeadline(deadline)) return;
      watch->Cancel();
    });
  }
  ~Timeout() {
    done_.Notify();
    if (thread_.joinable()) thread_.join();
  }

 private:
  absl::Notification done_;
  std::thread thread_;
};

// `deadline` is that of all jobs together; `timeout` is what was given, for the message.
int WaitForOne(const Context& context, const client::Client& client, const std::string& name,
               absl::Time deadline, double timeout) {
  const auto found = client.GetJob(client::JobName(name));
  if (!found.ok()) return context.Fail(found.status());
  const auto watch = client.Watch(
      {.name = found->name(), .after_revision = 0, .kinds = {v1::STATE_CHANGED, v1::NOTICE}});
  v1::WatchJobResponse batch;
  absl::StatusOr<bool> more = true;
  // Why a checkpoint can't be saved is in a notice.
  Notices notices(context);
  if (found->state() == v1::RUNNING && !found->state_reason().empty()) {
    notices.Add(Visible(found->state_reason()));
  }
  StalledNews stalled;
  const auto tell = [&](const std::string& why) {
    if (const std::string line = stalled.Next(why); !line.empty()) context.Say(line);
  };
  tell(found->stalled());
  {
    const Timeout timer(deadline, watch.get());
    while (more.ok() && *more) {
      more = watch->Next(&batch);
      if (!more.ok() || !*more) break;
      tell(batch.stalled());
      for (const v1::Event& event : batch.events()) {
        // What the run waits for is told above.
        if (event.revision() > found->head_revision() && !event.notice().waits() &&
            event.notice().severity() == v1::Notice::ERROR) {
          notices.Add(Visible(event.notice().message()));
        }
      }
    }
  }
  if (absl::IsCancelled(more.status())) {
    return context.Fail(absl::DeadlineExceededError(
        absl::StrCat(found->name(), " has not ended within ", timeout, " s")));
  }
  if (!more.ok()) return context.Fail(more.status());
  const auto job = client.GetJob(found->name());
  if (!job.ok()) return context.Fail(job.status());
  if (context.json) {
    context.io.out << Json(*job) << "\n";
  } else {
    context.io.out << StateLine(context.io, *job, Visible(job->state_reason())) << "\n";
  }
  return job->state() == v1::SUCCEEDED ? kOk : kRefused;
}

int Wait(const Context& context, const std::vector<std::string>& names, double timeout) {
  const client::Client client = context.Connect();
  const absl::Time deadline =
      timeout > 0 ? absl::Now() + absl::Seconds(timeout) : absl::InfiniteFuture();
  int code = kOk;
  for (const std::string& name : names) {
    code = std::max(code, WaitForOne(context, client, name, deadline, timeout));
    if (code == kUnreachable) break;
    context.io.out.flush();
  }
  return code;
}

// --------------------------------------------------------------------------------------- delete

int Delete(const Context& context, const std::vector<std::string>& names, bool force) {
  const client::Client client = context.Connect();
  int code = kOk;
  for (const std::string& name : names) {
    absl::Status status = client.DeleteJob(client::JobName(name), force);
    if (GetErrorDetail(status).reason == reason::kJobNotFinished) {
      status = absl::Status(status.code(),
                            absl::StrReplaceAll(status.message(), {{"use force", "use --force"}}));
    }
    if (!status.ok()) {
      code = std::max(code, context.Fail(status));
      if (code == kUnreachable) return code;
    } else if (context.json) {
      v1::Job deleted;
      deleted.set_name(client::JobName(name));
      context.io.out << Json(deleted) << "\n";
    } else {
      context.io.out << Visible(client::JobName(name)) << " deleted\n";
    }
  }
  return code;
}

}  // namespace

void AddJobCommands(CLI::App* app, Context* context) {
  {
    CLI::App* command = app->add_subcommand("list", "List jobs, newest first");
    const auto filter = std::make_shared<std::string>();
    const auto limit = std::make_shared<int>(0);
    command
        ->add_option("--filter", *filter,
                     "for instance: state = RUNNING AND labels.team = \"vision\"")
        ->type_name("FILTER");
    command->add_option("--limit", *limit, "at most so many")
        ->type_name("N")
        ->check(WholeNumber(1));
    context->AddCommonOptions(command);
    command->callback([=] { context->action = [=] { return List(*context, *filter, *limit); }; });
  }
  {
    CLI::App* command = app->add_subcommand("get", "Show a job");
    const auto name = std::make_shared<std::string>();
    const auto spec = std::make_shared<bool>(false);
    command->add_option("JOB", *name, "the job")->required()->type_name("");
    command->add_flag("--spec", *spec,
                      "its spec, with every default and the seed, as YAML that submit takes");
    context->AddCommonOptions(command);
    command->callback([=] { context->action = [=] { return Get(*context, *name, *spec); }; });
  }
  {
    CLI::App* command = app->add_subcommand(
        "wait", "Wait until jobs have ended; exit 0 only if all succeeded, 1 if one has not");
    const auto names = std::make_shared<std::vector<std::string>>();
    const auto timeout = std::make_shared<double>(0);
    command->add_option("JOB", *names, "the jobs")->required()->type_name("");
    command->add_option("--timeout", *timeout, "give up after so many seconds in all, and exit 1")
        ->type_name("SECONDS")
        ->check(Seconds(/*or_zero=*/false));
    context->AddCommonOptions(command);
    command->callback([=] { context->action = [=] { return Wait(*context, *names, *timeout); }; });
  }
  {
    CLI::App* command =
        app->add_subcommand("delete", "Delete finished jobs with their history and checkpoints");
    const auto names = std::make_shared<std::vector<std::string>>();
    const auto force = std::make_shared<bool>(false);
    command->add_option("JOB", *names, "the jobs")->required()->type_name("");
    command->add_flag("--force", *force, "stop them first if they have not ended");
    context->AddCommonOptions(command);
    command->callback([=] { context->action = [=] { return Delete(*context, *names, *force); }; });
  }
}

}  // namespace descent::cli
