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
#include "client/cli/progress_line.h"
#include "client/cpp/dataset_upload.h"
#include "core/text/size_text.h"
#include "descent/v1/dataset_service.pb.h"
#include "proto/rules/names.h"

namespace descent::cli {
namespace {

// The last chunk is answered when all files were read back.
constexpr absl::Duration kUploadTimeout = absl::Minutes(15);

struct DatasetOptions {
  std::string action, name, path, group;
};

std::string Size(int64_t bytes) { return SizeText(static_cast<double>(bytes)); }

client::DatasetProgress Shown(ProgressLine& line, const std::string& doing) {
  return [&line, doing](int64_t done, int64_t all) {
    line.Show([&] {
      return absl::StrCat(doing, " ", Size(done), " of ", Size(all), " (",
                          all > 0 ? done * 100 / all : 100, "%)");
    });
  };
}

std::string DatasetNameOf(const std::string& given) {
  return given.starts_with(rules::kDatasetCollection) ? given : rules::DatasetName(given);
}

int UploadFiles(const Context& context, const DatasetOptions& options) {
  if (options.name.empty() || options.path.empty()) {
    return context.Usage("upload what? descent dataset upload NAME PATH");
  }
  const std::string name = DatasetNameOf(options.name);
  if (!rules::DatasetIdOf(name)) {
    return context.Usage(absl::StrCat("`", options.name,
                                      "` is no dataset's name: 1 to 63 lower-case letters, digits, "
                                      "dots, underscores and hyphens, from a letter on, not ending "
                                      "in a sign"));
  }
  absl::StatusOr<client::LocalDataset> local;
  {
    ProgressLine line(context.io);
    local = client::ReadLocalDataset(options.path, Shown(line, "reading"));
  }
  if (!local.ok()) return context.Usage(std::string(local.status().message()));
  absl::StatusOr<v1::Dataset> uploaded;
  int64_t first = -1;
  {
    ProgressLine line(context.io);
    const client::DatasetProgress show = Shown(line, "uploading");
    uploaded = client::UploadDataset(
        context.Connect(kUploadTimeout), name, options.group, *local,
        [&](int64_t done, int64_t all) {
          if (first < 0) {
            first = done;
            if (done > 0 && done < all && !context.json) {
              context.Say(absl::StrCat("goes on at ", Size(done), " of ", Size(all)));
            }
          }
          show(done, all);
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

int DeleteDataset(const Context& context, const DatasetOptions& options) {
  if (options.name.empty()) {
    return context.Usage("delete what? `descent dataset list` has the names");
  }
  const absl::Status status =
      context.Connect(kUploadTimeout).DeleteDataset(DatasetNameOf(options.name));
  if (!status.ok()) return context.Fail(status);
  context.Print(absl::StrCat(DatasetNameOf(options.name), " is deleted"));
  return kOk;
}

int RunDataset(const Context& context, const DatasetOptions& options) {
  if (options.action == "upload") return UploadFiles(context, options);
  if (!options.path.empty()) return context.Usage("PATH is for upload alone");
  return options.action == "list" ? ListDatasets(context) : DeleteDataset(context, options);
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
