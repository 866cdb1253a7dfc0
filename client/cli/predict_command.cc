#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "client/cli/context.h"
#include "client/cli/event_text.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/interruptible.h"
#include "client/cli/prediction_file.h"
#include "client/cli/progress_line.h"
#include "client/cpp/identity.h"
#include "client/cpp/spec_text.h"

namespace descent::cli {
namespace {

struct PredictArguments {
  std::string job;
  std::string file;
  std::string checkpoint;
  std::string data;
  std::string player;
  std::vector<std::string> overrides;
  int64_t batch_size = 0;
  bool probabilities = false;
  bool classes = false;
  bool force = false;
};

// Cancels the call at SIGINT, which does not wake a thread that reads.
class CancelAtInterrupt {
 public:
  CancelAtInterrupt(const Interruptible& interruptible, client::Prediction* call)
      : thread_([this, &interruptible, call] {
          while (!done_.WaitForNotificationWithTimeout(ProgressLine::kRedrawn)) {
            if (interruptible.interrupted()) call->Cancel();
          }
        }) {}
  ~CancelAtInterrupt() {
    done_.Notify();
    thread_.join();
  }

 private:
  absl::Notification done_;
  std::thread thread_;
};

absl::Status Receive(const Io& io, client::Prediction* call, PredictionFile* file) {
  ProgressLine progress(io);
  v1::PredictJobResponse response;
  while (true) {
    const absl::StatusOr<bool> more = call->Next(&response);
    if (!more.ok()) return more.status();
    if (!*more) return file->Finish();
    if (absl::Status status = file->Take(response); !status.ok()) return status;
    progress.Show([&] {
      const int64_t rows = file->rows();
      const int64_t total = file->header().rows();
      const double share = static_cast<double>(rows) / static_cast<double>(total);
      return absl::StrCat(Count(rows), "/", Count(total), " rows (", Percent(share), ")");
    });
  }
}

int PredictInto(Context& context, const PredictArguments& arguments) {
  if (arguments.probabilities && arguments.classes) {
    return context.Usage("--probabilities or --classes: only one of them can be written");
  }
  if (!arguments.overrides.empty() && arguments.data.empty()) {
    return context.Usage("--set changes what --data says; give --data too");
  }
  if (absl::Status status = PredictionFile::FormatOf(arguments.file).status(); !status.ok()) {
    return context.Usage(absl::StrCat("--output ", std::string(status.message())));
  }
  v1::PredictJobRequest request;
  request.set_name(client::JobName(arguments.job));
  request.set_checkpoint(arguments.checkpoint);
  request.set_player(arguments.player);
  if (arguments.batch_size > 0) request.set_batch_size(arguments.batch_size);
  if (arguments.probabilities) request.set_form(v1::PredictJobRequest::PROBABILITIES);
  if (arguments.classes) request.set_form(v1::PredictJobRequest::CLASSES);
  if (!arguments.data.empty()) {
    absl::StatusOr<v1::DataSource> data =
        client::ReadDataSource(arguments.data, arguments.overrides);
    if (!data.ok()) return context.Fail(data.status());
    *request.mutable_data() = *std::move(data);
  }
  // This comes before anything is computed: the folder may not be there.
  absl::StatusOr<std::unique_ptr<PredictionFile>> file =
      PredictionFile::Create({.path = arguments.file,
                              .overwrite = arguments.force,
                              .value_name = arguments.probabilities ? "probability"
                                            : arguments.classes     ? "class"
                                                                    : "prediction"});
  if (!file.ok()) return context.Fail(file.status());
  const Interruptible interruptible(context.io);
  const client::Client client = context.Connect();
  const std::unique_ptr<client::Prediction> call = client.Predict(std::move(request));
  absl::Status status;
  {
    const CancelAtInterrupt watching(interruptible, call.get());
    status = Receive(context.io, call.get(), file->get());
  }
  if (!status.ok() && interruptible.interrupted()) {
    context.Say(absl::StrCat("interrupted; ", arguments.file, " was not written"));
    return kInterrupted;
  }
  if (!status.ok()) {
    return context.Fail(
        NamingOptions(status, {{"form", arguments.classes ? "--classes" : "--probabilities"},
                               {"checkpoint", "--checkpoint"},
                               {"player", "--player"},
                               {"batch_size", "--batch_size"},
                               {"data", "--data"}}));
  }
  const v1::PredictionHeader& header = (*file)->header();
  for (const std::string& note : header.notes()) context.Say(absl::StrCat("note: ", Visible(note)));
  if (header.has_places() && (*file)->format() == PredictionFile::Format::kNpy) {
    context.Say("note: a .npy file does not say which rows of the data these are; a .csv does");
  }
  if (context.json) {
    context.io.out << Json(header) << "\n";
  } else {
    // A single number, such as a class, has no shape to be shown.
    const std::string shape =
        header.shape().empty() ? "" : absl::StrCat("[", absl::StrJoin(header.shape(), ", "), "] ");
    context.Print(absl::StrCat(Visible(arguments.file), ": ", Count(header.rows()), " rows of ",
                               shape, header.dtype(), ", by ", client::JobName(arguments.job),
                               " at iteration ", Count(header.iteration()), " (checkpoint ",
                               header.checkpoint(), ")"));
  }
  return kOk;
}

}  // namespace

void AddPredictCommand(CLI::App* app, Context* context) {
  CLI::App* command =
      app->add_subcommand("predict", "Write a checkpoint's predictions for data into a file");
  const auto arguments = std::make_shared<PredictArguments>();
  command->add_option("JOB", arguments->job, "the job")->required()->type_name("");
  command
      ->add_option("-o,--output", arguments->file,
                   "where to: .npy, what the model gives, for numpy.load; .csv, a table with the "
                   "predicted classes besides, and each row's place in the data")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--checkpoint", arguments->checkpoint,
                   "an iteration, or BRANCH-ITERATION; default: the newest that there is")
      ->type_name("K");
  command->add_option("--player", arguments->player, "whose model, of a system of several")
      ->type_name("NAME");
  command
      ->add_option(
          "--data", arguments->data,
          "what to predict: a file (.csv, .npy, .npz, .safetensors, .txt, idx), a picture or a "
          "folder of them, of which targets may be missing; or a .yaml file as data.test of a "
          "spec; default: the job's test data")
      ->type_name("DATA");
  command
      ->add_option("--set", arguments->overrides,
                   "replace one field of --data, as in context=32; may be repeated")
      ->type_name("PATH=VALUE")
      ->allow_extra_args(false)
      ->take_all();
  command->add_flag("--probabilities", arguments->probabilities,
                    "write probabilities instead of scores");
  command->add_flag("--classes", arguments->classes, "write the predicted classes alone");
  command->add_option("--batch_size", arguments->batch_size, "rows at a time; default: 1024")
      ->type_name("N")
      ->check(WholeNumber(1));
  command->add_flag("--force", arguments->force, "replace FILE if it is there");
  context->AddCommonOptions(command);
  command->callback([=] { context->action = [=] { return PredictInto(*context, *arguments); }; });
}

}  // namespace descent::cli
