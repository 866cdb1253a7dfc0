// `descent dataset`: data that are sent to the daemon, for specs to name.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/cli/context.h"
#include "client/cli/event_text.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cpp/dataset_upload.h"
#include "core/text/size_text.h"
#include "descent/v1/dataset_service.pb.h"
#include "proto/rules/names.h"

namespace descent::cli {
namespace {

// The last chunk is answered when all files were read back.
constexpr absl::Duration kCallTimeout = absl::Minutes(15);
// So often a line is drawn anew.
constexpr absl::Duration kRedraw = absl::Milliseconds(100);

struct DatasetOptions {
  std::string action, name, path, group;
};

std::string Size(int64_t bytes) { return SizeText(static_cast<double>(bytes)); }

// A line of progress on a terminal, which goes when it is done.
class ProgressLine {
 public:
  ProgressLine(const Context& context, std::string doing)
      : context_(context), doing_(std::move(doing)) {}
  ~ProgressLine() {
    if (drawn_) context_.io.err << "\r\x1b[K" << std::flush;
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Show(int64_t done, int64_t all) {
    const absl::Time now = context_.io.clock->Now();
    if (!context_.io.error_terminal || context_.json || (drawn_ && now - last_ < kRedraw)) return;
    last_ = now;
    drawn_ = true;
    context_.io.err << "\r\x1b[K" << doing_ << " " << Size(done) << " of " << Size(all) << " ("
                    << (all > 0 ? done * 100 / all : 100) << "%)" << std::flush;
  }

 private:
  const Context& context_;
  const std::string doing_;
  absl::Time last_;
  bool drawn_ = false;
};

std::string NameOf(const std::string& given) {
  return given.starts_with(rules::kDatasetCollection) ? given : rules::DatasetName(given);
}

int Upload(const Context& context, const DatasetOptions& options) {
  if (options.name.empty() || options.path.empty()) {
    return context.Usage("upload what? descent dataset upload NAME PATH");
  }
  const std::string name = NameOf(options.name);
  if (!rules::DatasetIdOf(name)) {
    return context.Usage(absl::StrCat("`", options.name,
                                      "` is no dataset's name: 1 to 63 lower-case letters, digits, "
                                      "dots, underscores and hyphens, from a letter on, not ending "
                                      "in a sign"));
  }
  absl::StatusOr<client::LocalDataset> local;
  {
    ProgressLine line(context, "reading");
    local = client::ReadLocalDataset(options.path,
                                     [&](int64_t done, int64_t all) { line.Show(done, all); });
  }
  if (!local.ok()) return context.Usage(std::string(local.status().message()));
  absl::StatusOr<v1::Dataset> uploaded;
  int64_t first = -1;
  {
    ProgressLine line(context, "uploading");
    uploaded = client::UploadDataset(
        context.Connect(kCallTimeout), name, options.group, *local,
        [&](int64_t done, int64_t all) {
          if (first < 0) {
            first = done;
            if (done > 0 && done < all && !context.json) {
              context.Say(absl::StrCat("goes on at ", Size(done), " of ", Size(all)));
            }
          }
          line.Show(done, all);
        },
        context.io.clock);
  }
  if (!uploaded.ok()) return context.Fail(NamingOptions(uploaded.status(), {{"group", "--group"}}));
  if (context.json) {
    context.io.out << Json(*uploaded) << "\n";
    return kOk;
  }
  const std::string id = rules::DatasetIdOf(uploaded->name()).value_or("");
  const std::string all =
      absl::StrCat(uploaded->files(), uploaded->files() == 1 ? " file, " : " files, ",
                   Size(uploaded->bytes()), ", digest ", uploaded->digest());
  context.Print(first == uploaded->offset()
                    ? absl::StrCat(uploaded->name(), " is there already: ", all)
                    : absl::StrCat(uploaded->name(), ": ", all));
  context.Say(absl::StrCat("a spec names it `dataset: ", id, "`, beside csv, image_folder, …"));
  return kOk;
}

std::string StandingOf(const v1::Dataset& dataset) {
  switch (dataset.state()) {
    case v1::Dataset::READY:
      return "ready";
    case v1::Dataset::VERIFYING:
      return "verifying";
    default: {
      const int64_t all = dataset.manifest_bytes() + dataset.bytes();
      return absl::StrCat("uploading, ", all > 0 ? dataset.offset() * 100 / all : 0, "%");
    }
  }
}

int ListDatasets(const Context& context) {
  const auto listed = context.Connect().ListDatasets();
  if (!listed.ok()) return context.Fail(listed.status());
  if (context.json) {
    for (const v1::Dataset& dataset : listed->datasets()) context.io.out << Json(dataset) << "\n";
    return kOk;
  }
  Table table;
  table.Add({"DATASET", "SIZE", "FILES", "DIGEST", "OWNER", "STATE", "USED BY"});
  for (const v1::Dataset& dataset : listed->datasets()) {
    const std::string owner = absl::StrCat(
        dataset.owner(), dataset.group().empty() ? "" : absl::StrCat(" (", dataset.group(), ")"));
    table.Add({rules::DatasetIdOf(dataset.name()).value_or(dataset.name()), Size(dataset.bytes()),
               absl::StrCat(dataset.files()), dataset.digest().substr(0, 12),
               owner.empty() ? "-" : Visible(owner), StandingOf(dataset),
               dataset.used_by().empty() ? "-" : absl::StrJoin(dataset.used_by(), ", ")});
  }
  context.io.out << table.Render(Columns(context.io));
  context.Say(listed->quota_bytes() > 0 ? absl::StrCat(Size(listed->used_bytes()), " of ",
                                                       Size(listed->quota_bytes()), " are used")
                                        : absl::StrCat(Size(listed->used_bytes()), " are used"));
  return kOk;
}

int Delete(const Context& context, const DatasetOptions& options) {
  if (options.name.empty()) {
    return context.Usage("delete what? `descent dataset list` has the names");
  }
  const absl::Status status = context.Connect(kCallTimeout).DeleteDataset(NameOf(options.name));
  if (!status.ok()) return context.Fail(status);
  context.Print(absl::StrCat(NameOf(options.name), " is deleted"));
  return kOk;
}

int RunDataset(const Context& context, const DatasetOptions& options) {
  if (options.action == "upload") return Upload(context, options);
  if (!options.path.empty()) return context.Usage("PATH is for upload alone");
  return options.action == "list" ? ListDatasets(context) : Delete(context, options);
}

}  // namespace

void AddDatasetCommand(CLI::App* app, Context* context) {
  CLI::App* command =
      app->add_subcommand("dataset", "Send data to the daemon, for specs to name; list, delete");
  const auto options = std::make_shared<DatasetOptions>();
  command->add_option("ACTION", options->action, "upload, list or delete")
      ->required()
      ->type_name("")
      ->check(CLI::IsMember({"upload", "list", "delete"}));
  command->add_option("NAME", options->name, "the dataset, as specs call it")->type_name("");
  command
      ->add_option("PATH", options->path,
                   "upload: a file, or a folder whose files are sent with their relative paths; "
                   "after an interruption the same command goes on")
      ->type_name("");
  command
      ->add_option("--group", options->group,
                   "upload: a group of yours, whose members may delete it too")
      ->type_name("GROUP");
  context->AddCommonOptions(command);
  command->callback([=] { context->action = [=] { return RunDataset(*context, *options); }; });
}

}  // namespace descent::cli
