#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/context.h"
#include "client/cli/event_text.h"
#include "client/cli/exit_code.h"
#include "client/cli/follow.h"
#include "client/cli/format.h"
#include "client/cli/optimizer_text.h"
#include "client/cli/step_size_chart.h"
#include "client/cpp/identity.h"
#include "client/cpp/spec_override.h"
#include "client/cpp/spec_text.h"
#include "core/text/size_text.h"
#include "proto/rules/dial_path.h"

namespace descent::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The server reads and decodes all data before it answers.
constexpr absl::Duration kValidationTimeout = absl::Minutes(10);

struct SpecArguments {
  std::string file;
  std::vector<std::string> overrides;
  client::SpecFormat format = client::SpecFormat::kAuto;
  client::FieldMarks marks = {};
};

void AddSpecArguments(CLI::App* command, SpecArguments* arguments) {
  command->add_option("SPEC", arguments->file, "YAML, JSON or textproto file; - for stdin")
      ->required()
      ->type_name("");
  command
      ->add_option("--set", arguments->overrides,
                   "replace one field of the spec, as in batch_size=32; any unambiguous end of "
                   "its path will do; may be repeated")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false)
      ->take_all();
  const std::map<std::string, client::SpecFormat> formats = {
      {"yaml", client::SpecFormat::kYaml},
      {"json", client::SpecFormat::kYaml},
      {"textproto", client::SpecFormat::kTextproto}};
  command
      ->add_option("--format", arguments->format,
                   "yaml, json or textproto, if the file's name does not tell")
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case))
      ->type_name("FORMAT");
}

absl::StatusOr<v1::Spec> ReadSpec(SpecArguments* arguments) {
  return client::ReadSpecFile(arguments->file, arguments->overrides, arguments->format,
                              &arguments->marks);
}

std::string ShapeText(const v1::LayerSummary& layer) {
  return absl::StrCat("[", absl::StrJoin(layer.output_shape(), ", "), "]");
}

// Gives what a dial's path says in the resolved spec: `0.9`, `cosine: {initial: 0.001}`.
std::string DialText(const v1::Spec& spec, const std::string& path) {
  const Message* message = &spec;
  size_t start = 0;
  for (const v1::Player& player : spec.system().players()) {
    if (!path.starts_with(player.name() + ".")) continue;
    message = &player;
    start = player.name().size() + 1;
  }
  while (start < path.size()) {
    const size_t dot = std::min(path.find('.', start), path.size());
    const FieldDescriptor* field =
        message->GetDescriptor()->FindFieldByName(path.substr(start, dot - start));
    if (field == nullptr || field->is_repeated() || field->message_type() == nullptr ||
        !message->GetReflection()->HasField(*message, field)) {
      return "";
    }
    message = &message->GetReflection()->GetMessage(*message, field);
    start = dot + 1;
  }
  return client::PrintPart(*message);
}

// Tells a program's dials and series, as it declares them: nothing else is known of it.
std::string ProgramText(const v1::Spec& spec, size_t columns) {
  const auto number = [](bool has, double value) { return has ? Number(value) : std::string(); };
  Table dials;
  dials.Add({"DIAL", "INITIAL", "MIN", "MAX", "UNIT", "HELP"});
  for (const v1::ProgramDial& dial : spec.program().dials()) {
    dials.Add({Visible(dial.name()), number(dial.has_initial(), dial.initial()),
               number(dial.has_min(), dial.min()), number(dial.has_max(), dial.max()),
               Visible(dial.unit()), Visible(dial.help())});
  }
  Table facts;
  if (spec.has_iterations()) facts.Add({"iterations", Count(spec.iterations())});
  if (!spec.program().series().empty()) {
    facts.Add({"series", Visible(absl::StrJoin(spec.program().series(), ", "))});
  }
  return absl::StrCat(facts.Render(columns), dials.Render(columns));
}

std::string SummaryText(const v1::ValidateSpecResponse& response, size_t columns) {
  if (response.spec().has_program()) return ProgramText(response.spec(), columns);
  const v1::SpecSummary& summary = response.summary();
  Table layers;
  layers.Add({"LAYER", "KIND", "OUTPUT", Right("PARAMETERS"), "GRADIENT"});
  for (const v1::LayerSummary& layer : summary.layers()) {
    layers.Add({Visible(layer.name().empty() ? "." : layer.name()), Visible(layer.kind()),
                ShapeText(layer), Right(Count(layer.parameters())),
                layer.plan() ? "plan" : "autograd"});
  }
  Table facts;
  for (const v1::Player& player : response.spec().system().players()) {
    facts.Add(
        {absl::StrCat("optimizer of ", Visible(player.name())), OptimizerText(player.optimizer())});
  }
  if (!response.spec().has_system()) {
    facts.Add({"optimizer", OptimizerText(response.spec().optimizer())});
  }
  facts.Add(
      {"parameters", absl::StrCat(Count(summary.parameters()), " (",
                                  SizeText(static_cast<double>(summary.parameter_bytes())), ")")});
  if (summary.memory_bytes() > 0)
    facts.Add({"memory", SizeText(static_cast<double>(summary.memory_bytes()))});
  // A function has neither examples nor batches.
  const bool data = summary.train_examples() > 0;
  if (data) facts.Add({"training examples", Count(summary.train_examples())});
  if (summary.test_examples() > 0) facts.Add({"test examples", Count(summary.test_examples())});
  std::string iterations = Count(summary.iterations());
  if (data) absl::StrAppend(&iterations, ", ", Count(summary.iterations_per_epoch()), " an epoch");
  facts.Add({"iterations", iterations});
  if (response.spec().has_seed()) facts.Add({"seed", absl::StrCat(response.spec().seed())});
  Table dials;
  dials.Add({"DIAL", "VALUE"});
  for (const std::string& dial : summary.dials()) {
    dials.Add({Visible(dial), Visible(DialText(response.spec(), dial))});
  }
  return absl::StrCat(layers.Render(columns), "\n", facts.Render(columns), "\n",
                      GroupsText(summary, columns), dials.Render(columns));
}

// Gives a name as short as the first dial can be called and no other be meant: `step_size`, for a
// player `generator.step_size`, where a group has one too `adam.step_size`.
std::string ShortDialName(const v1::SpecSummary& summary) {
  const std::vector<std::string> dials(summary.dials().begin(), summary.dials().end());
  const std::string& dial = dials[0];
  const std::string last = rules::LastFields(dial, 1);
  std::vector<std::string> names = {last, absl::StrCat(dial.substr(0, dial.find('.') + 1), last)};
  for (size_t fields = 2; names.back() != dial; ++fields) {
    names.push_back(rules::LastFields(dial, fields));
  }
  for (const std::string& name : names) {
    if (rules::MatchDials(name, dials) == std::vector<size_t>{0}) return name;
  }
  return dial;
}

// Gives what people may type now.
std::string NextCommands(const Context& context, const v1::Job& job) {
  const std::string id = client::JobId(job.name());
  const std::string server = context.ServerOption();
  Table table("  ", /*gap=*/3);
  table.Add({"watch it", Whole(absl::StrCat("descent watch ", id, server))});
  if (job.summary().dials_size() > 0) {
    // Quoted: zsh takes an unquoted `*` for a pattern of file names.
    table.Add({"turn a dial",
               Whole(absl::StrCat("descent set ", id, " '", Visible(ShortDialName(job.summary())),
                                  "*=0.5'", server))});
  }
  table.Add({"wait for its end", Whole(absl::StrCat("descent wait ", id, server))});
  return table.Render(Columns(context.io));
}

// Says what people might not expect of their data.
void SayNotes(Context& context, const v1::SpecSummary& summary) {
  for (const std::string& note : summary.notes())
    context.Say(absl::StrCat("note: ", Visible(note)));
}

struct SubmitArguments {
  SpecArguments spec;
  bool follow = false;
  std::string job_id;
  std::string display_name;
  std::vector<std::string> labels;
  std::string request_id;
};

int Submit(Context& context, SubmitArguments& arguments) {
  v1::CreateJobRequest request;
  for (const std::string& label : arguments.labels) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0) {
      return context.Usage(absl::StrCat("--label ", label, ": write KEY=VALUE"));
    }
    (*request.mutable_job()->mutable_labels())[label.substr(0, equals)] = label.substr(equals + 1);
  }
  absl::StatusOr<v1::Spec> spec = ReadSpec(&arguments.spec);
  if (!spec.ok()) return context.Fail(spec.status());
  *request.mutable_job()->mutable_spec() = *std::move(spec);
  request.mutable_job()->set_display_name(arguments.display_name);
  request.set_job_id(arguments.job_id);
  request.set_request_id(arguments.request_id);
  const client::Client client = context.Connect(kValidationTimeout);
  const absl::StatusOr<v1::Job> job = client.CreateJob(std::move(request));
  if (!job.ok()) {
    return context.Fail(
        client::WithPlaces(job.status(), arguments.spec.file, arguments.spec.marks));
  }
  if (context.json && !arguments.follow) {
    context.io.out << Json(*job) << "\n";
    return kOk;
  }
  SayNotes(context, job->summary());
  if (!context.json) {
    context.Print(
        absl::StrCat(job->name(), ": ",
                     job->spec().has_program()
                         ? "waits for its program"
                         : absl::StrCat(Count(job->summary().parameters()), " parameters, ",
                                        Count(job->summary().iterations()), " iterations")));
    if (!arguments.follow) {
      context.io.out << NextCommands(context, *job);
      return kOk;
    }
    context.io.out.flush();
  }
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
  const int code = Follow(context, client,
                          {.job = *job,
                           .after_revision = 0,
                           .kinds = {},
                           .every = 0,
                           .every_iteration = false,
                           .skip_old_iterations = false},
                          &state);
  return code == kOk && state != v1::SUCCEEDED ? int{kRefused} : code;
}

int Validate(Context& context, SpecArguments& arguments) {
  absl::StatusOr<v1::Spec> spec = ReadSpec(&arguments);
  if (!spec.ok()) return context.Fail(spec.status());
  const auto response = context.Connect(kValidationTimeout).ValidateSpec(*spec);
  if (!response.ok()) {
    return context.Fail(client::WithPlaces(response.status(), arguments.file, arguments.marks));
  }
  if (context.json) {
    context.io.out << Json(*response) << "\n";
  } else {
    context.io.out << SummaryText(*response, Columns(context.io));
    SayNotes(context, response->summary());
    if (context.io.terminal) {
      const std::string chart = StepSizeChart(response->summary(), Columns(context.io));
      if (!chart.empty()) context.io.out << "\n" << chart;
    }
  }
  return kOk;
}

}  // namespace

void AddSubmitCommands(CLI::App* app, Context* context) {
  {
    CLI::App* command = app->add_subcommand("submit", "Submit a training job");
    const auto arguments = std::make_shared<SubmitArguments>();
    AddSpecArguments(command, &arguments->spec);
    command->add_flag("-f,--follow", arguments->follow,
                      "watch it to its end; exit 0 only if it succeeds");
    command->add_option("--job_id", arguments->job_id, "the job's name; drawn if not given")
        ->type_name("ID");
    command->add_option("--name", arguments->display_name, "a title for people")->type_name("TEXT");
    command->add_option("--label", arguments->labels, "for `list --filter`; may be repeated")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false)
        ->take_all();
    command
        ->add_option("--request_id", arguments->request_id,
                     "the same id with the same spec is the same job, never a second one")
        ->type_name("ID");
    context->AddCommonOptions(command);
    command->callback([=] { context->action = [=] { return Submit(*context, *arguments); }; });
  }
  {
    CLI::App* command = app->add_subcommand(
        "validate", "Check a spec as submit would; show layers, shapes, parameters and dials");
    const auto arguments = std::make_shared<SpecArguments>();
    AddSpecArguments(command, arguments.get());
    context->AddCommonOptions(command);
    command->callback([=] { context->action = [=] { return Validate(*context, *arguments); }; });
  }
}

}  // namespace descent::cli
