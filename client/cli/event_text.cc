#include "client/cli/event_text.h"

#include <google/protobuf/util/json_util.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/format.h"
#include "core/text/size_text.h"

namespace descent::cli {
namespace {

std::string CauseText(v1::Rewound::Cause cause) {
  switch (cause) {
    case v1::Rewound::RECOMPUTED:
      return ": computed again, it came out differently";
    case v1::Rewound::RESTARTED:
      return ": its program was started again";
    default:
      return "";
  }
}

std::string AttemptText(const v1::Event& event) {
  const v1::WorkerInfo& worker = event.attempt_started().worker();
  return absl::StrCat(
      "attempt ", event.attempt(),
      // A program may not say its device.
      worker.device().empty() ? "" : absl::StrCat(" on ", Visible(worker.device())),
      worker.threads() == 0
          ? ""
          : absl::StrCat(", ", worker.threads(), worker.threads() == 1 ? " thread" : " threads"),
      worker.cpu_capability().empty() ? ""
                                      : absl::StrCat(" (", Visible(worker.cpu_capability()), ")"),
      worker.pid() > 0 ? absl::StrCat(", process ", worker.pid()) : "",
      event.attempt_started().checkpoint().empty()
          ? ""
          : absl::StrCat(", from checkpoint ", Visible(event.attempt_started().checkpoint())));
}

std::string IterationText(const v1::Iteration& it, const SeriesNames& series) {
  std::string text =
      absl::StrCat("iteration ", Count(it.index()), "  value ", Number(it.value()),
                   "  gradient norm ", Number(it.gradient_norm()),
                   it.has_step_size() ? absl::StrCat("  step size ", Number(it.step_size())) : "",
                   "  epoch ", absl::StrFormat("%.2f", it.epoch()));
  for (const std::string& field : series.Fields(it)) absl::StrAppend(&text, "  ", field);
  return text;
}

std::string AcceptedText(const v1::CommandAccepted& accepted) {
  std::vector<std::string> names;
  for (const v1::Command& command : accepted.commands()) names.push_back(CommandName(command));
  return absl::StrCat("received: ", absl::StrJoin(names, ", "),
                      accepted.has_at_iteration()
                          ? absl::StrCat(" at iteration ", Count(accepted.at_iteration()))
                          : "",
                      ", by ", Visible(accepted.principal()));
}

std::string AppliedText(const v1::CommandApplied& applied) {
  std::vector<std::string> what;
  for (const v1::Change& change : applied.changes()) {
    what.push_back(absl::StrCat(Visible(change.path()), " ", Number(change.old_value()), " → ",
                                Number(change.new_value()),
                                change.released() ? " (released to its schedule)" : ""));
  }
  // What changed no dial is told by its name.
  for (const std::string& name : applied.commands()) {
    if (name != "set" && name != "scale" && name != "release") what.push_back(Visible(name));
  }
  if (what.empty()) what.push_back(absl::StrJoin(applied.commands(), ", "));
  return absl::StrCat("iteration ", Count(applied.iteration()), ": ", absl::StrJoin(what, ", "),
                      ", by ", Visible(applied.principal()),
                      applied.has_reapplied_from() ? " (applied again after a rewind)" : "");
}

// Shows a matrix that fits into a line row by row, `[[9, 1], [0, 7]]`, and of others the size.
std::string MetricText(const v1::Metric& metric) {
  constexpr int kMostRows = 5;
  const bool share = metric.name() == "accuracy" || metric.name().rfind("top_", 0) == 0;
  if (share) return Percent(metric.value(), 2);
  if (metric.size() > 0) return absl::StrCat(metric.size(), " × ", metric.size());
  if (metric.values().empty()) return Number(metric.value());
  const int rows = static_cast<int>(std::lround(std::sqrt(metric.values_size())));
  if (rows > kMostRows || rows * rows != metric.values_size()) {
    return absl::StrCat(rows, " × ", rows);
  }
  std::vector<std::string> lines;
  for (int i = 0; i < rows; ++i) {
    std::vector<std::string> line;
    for (int j = 0; j < rows; ++j) line.push_back(Number(metric.values(i * rows + j)));
    lines.push_back(absl::StrCat("[", absl::StrJoin(line, ", "), "]"));
  }
  return absl::StrCat("[", absl::StrJoin(lines, ", "), "]");
}

}  // namespace

std::string CommandName(const v1::Command& command) {
  const auto dial = [](const std::string& path) { return Visible(path); };
  switch (command.kind_case()) {
    case v1::Command::kSet:
      return absl::StrCat("set ", dial(command.set().path()), "=", Number(command.set().value()));
    case v1::Command::kScale:
      return absl::StrCat("scale ", dial(command.scale().path()), " by ",
                          Number(command.scale().factor()));
    case v1::Command::kRelease:
      return absl::StrCat("release ", dial(command.release().path()));
    case v1::Command::kPause:
      return "pause";
    case v1::Command::kResume:
      return "resume";
    case v1::Command::kStop:
      return "stop";
    case v1::Command::kCheckpoint:
      return "checkpoint";
    case v1::Command::kEvaluate:
      return "evaluate";
    case v1::Command::KIND_NOT_SET:
      return "unknown command";
  }
  return "";
}

std::string MetricsText(const v1::Evaluated& evaluation) {
  std::vector<std::string> metrics;
  if (evaluation.parts() > 0) {
    metrics.push_back(absl::StrCat("part ", evaluation.part() + 1, " of ", evaluation.parts()));
  }
  for (const v1::Metric& metric : evaluation.metrics()) {
    metrics.push_back(absl::StrCat(Visible(metric.name()), " ", MetricText(metric)));
  }
  return absl::StrJoin(metrics, ", ");
}

std::string MainMetricText(const v1::Evaluated& evaluation) {
  const v1::Metric* main = nullptr;
  for (const v1::Metric& metric : evaluation.metrics()) {
    if (!metric.values().empty() || metric.size() > 0) continue;
    if (main == nullptr || main->name() == "loss") main = &metric;
  }
  return main == nullptr ? "-" : absl::StrCat(Visible(main->name()), " ", MetricText(*main));
}

std::string StateText(v1::JobState state) {
  if (state == v1::JOB_STATE_UNSPECIFIED) return "UNKNOWN";  // the journal that says it is lost
  const std::string name = v1::JobState_Name(state);
  return name.empty() ? absl::StrCat("state ", static_cast<int>(state)) : name;
}

std::string EventText(const v1::Event& event, const SeriesNames& series) {
  switch (event.kind_case()) {
    case v1::Event::kCreated: {
      const v1::Created& created = event.created();
      return absl::StrCat("submitted by ", Visible(created.principal()), ": ",
                          Count(created.summary().parameters()), " parameters, ",
                          Count(created.summary().iterations()), " iterations");
    }
    case v1::Event::kAttemptStarted:
      return AttemptText(event);
    case v1::Event::kSeries:
      return absl::StrCat("series: ", Visible(absl::StrJoin(event.series().names(), ", ")));
    case v1::Event::kIteration:
      return IterationText(event.iteration(), series);
    case v1::Event::kEvaluation:
      return absl::StrCat("iteration ", Count(event.evaluation().iteration()), ": ",
                          Visible(event.evaluation().dataset()), " ",
                          MetricsText(event.evaluation()));
    case v1::Event::kCommandAccepted:
      return AcceptedText(event.command_accepted());
    case v1::Event::kCommandApplied:
      return AppliedText(event.command_applied());
    case v1::Event::kCommandRejected:
      return absl::StrCat("refused: ", Visible(event.command_rejected().message()), " (asked by ",
                          Visible(event.command_rejected().principal()), ")");
    case v1::Event::kStateChanged: {
      const v1::StateChanged& change = event.state_changed();
      return absl::StrCat(
          StateText(change.state()),
          change.has_iteration() ? absl::StrCat(" at iteration ", Count(change.iteration())) : "",
          change.reason().empty() ? "" : ": ", Visible(change.reason()));
    }
    case v1::Event::kCheckpointSaved:
      return absl::StrCat("checkpoint ", Visible(event.checkpoint_saved().checkpoint()), " (",
                          SizeText(static_cast<double>(event.checkpoint_saved().bytes())), ")");
    case v1::Event::kRewound: {
      const v1::Rewound& rewound = event.rewound();
      return absl::StrCat("rewound to iteration ", Count(rewound.to_iteration()), ", branch ",
                          rewound.from_branch(), " → ", rewound.to_branch(),
                          CauseText(rewound.cause()), rewound.detail().empty() ? "" : ": ",
                          Visible(rewound.detail()));
    }
    case v1::Event::kNotice: {
      const auto severity = event.notice().severity();
      return absl::StrCat(severity == v1::Notice::WARNING ? "warning: "
                          : severity == v1::Notice::ERROR ? "error: "
                                                          : "",
                          Visible(event.notice().message()));
    }
    case v1::Event::KIND_NOT_SET:
      return "an event of a kind that this version does not know";
  }
  return "";
}

std::string Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  // A program that reads `iteration.index` must find it at iteration 0 too.
  options.always_print_primitive_fields = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) return "{}";
  return json;
}

}  // namespace descent::cli
