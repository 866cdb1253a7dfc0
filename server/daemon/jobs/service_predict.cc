// The part of the service that has checkpoints' models predict.

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/datasets/spec_datasets.h"
#include "server/daemon/jobs/job.h"
#include "server/daemon/jobs/service_impl.h"

namespace descent::daemon {
namespace {

class PredictionHandle final : public Prediction {
 public:
  // `loading` are the ids of those whose job is still being read; confined to the loop.
  PredictionHandle(std::string id, std::shared_ptr<server::Loop> loop, Supervisor* supervisor,
                   std::set<std::string>* loading)
      : id_(std::move(id)), loop_(std::move(loop)), supervisor_(supervisor), loading_(loading) {}
  ~PredictionHandle() override {
    loop_->Post([supervisor = supervisor_, loading = loading_, id = id_] {
      loading->erase(id);
      supervisor->CancelPrediction(id);
    });
  }

  void Taken() override {
    loop_->Post([supervisor = supervisor_, id = id_] { supervisor->AllowPrediction(id); });
  }

 private:
  const std::string id_;
  const std::shared_ptr<server::Loop> loop_;
  Supervisor* const supervisor_;
  std::set<std::string>* const loading_;
};

// Checks that it names a player of a system, or that there is none to name.
absl::Status CheckPlayer(const std::string& name, const v1::Job& job) {
  std::vector<std::string> names;
  for (const v1::Player& player : job.spec().system().players()) names.push_back(player.name());
  if (names.empty() && name.empty()) return absl::OkStatus();
  if (std::find(names.begin(), names.end(), name) != names.end()) return absl::OkStatus();
  return InvalidField("player",
                      names.empty()
                          ? absl::StrCat(job.name(), " trains one model: leave it out")
                          : absl::StrCat("say whose model: ", absl::StrJoin(names, " or ")),
                      name.empty() ? reason::kMissingField : reason::kUnknownName);
}

}  // namespace

std::unique_ptr<Prediction> JobsServiceImpl::Predict(const Caller& caller,
                                                     const v1::PredictJobRequest& request,
                                                     std::shared_ptr<PredictionSink> sink) {
  const std::string id = absl::StrCat("p", ++predictions_);
  const auto begin = [this, id, request, caller, sink](Job::Predictor predictor) {
    if (loading_predictions_.erase(id) == 0) return;  // nobody wants it any more
    const absl::Status status = PredictOnLoop(id, caller, request, std::move(predictor), sink);
    if (!status.ok()) sink->OnEnd(status);
  };
  loop_->Post([this, id, request, begin, sink = std::move(sink)] {
    const absl::StatusOr<JobPtr> job = Find(request.name());
    if (!job.ok()) return sink->OnEnd(job.status());
    loading_predictions_.insert(id);
    (*job)->FindPredictor(request.checkpoint(), begin);
  });
  return std::make_unique<PredictionHandle>(id, loop_, &supervisor_, &loading_predictions_);
}

absl::Status JobsServiceImpl::PredictOnLoop(const std::string& id, const Caller& caller,
                                            const v1::PredictJobRequest& request,
                                            Job::Predictor predictor,
                                            const std::shared_ptr<PredictionSink>& sink) {
  if (stopping_) return ShuttingDown();
  const absl::StatusOr<JobPtr> found = Find(request.name());
  if (!found.ok()) return found.status();
  // What its first event says of model and data may be lost with it.
  if (absl::Status damage = (*found)->damage(); !damage.ok()) return damage;
  if (!predictor.job.ok()) return predictor.job.status();
  v1::Job& job = *predictor.job;
  if (job.spec().objective().has_function()) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     absl::StrCat(request.name(),
                                  " minimizes a function of a vector: it has no "
                                  "model that could predict"),
                     reason::kNoModel);
  }
  if (job.spec().has_program()) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     absl::StrCat(request.name(),
                                  " is a program's: the daemon has no model of it that could "
                                  "predict"),
                     reason::kNoModel);
  }
  if (absl::Status status = CheckPlayer(request.player(), job); !status.ok()) return status;
  const bool has_test = job.spec().data().has_test() || job.spec().data().has_split();
  if (request.data().kind_case() == v1::DataSource::KIND_NOT_SET && !request.data().has_dataset() &&
      !has_test) {
    return InvalidField("data",
                        absl::StrCat(request.name(),
                                     " has no test data: say what to predict, for "
                                     "instance {csv: {path: /data/new.csv}}"),
                        reason::kMissingField);
  }
  const absl::StatusOr<std::shared_ptr<const CheckpointRecord>>& checkpoint = predictor.checkpoint;
  if (!checkpoint.ok()) return checkpoint.status();

  v1::DataSource data = request.data();
  std::vector<DatasetUse> held;
  const std::string user = absl::StrCat("a prediction of ", request.name());
  absl::Status datasets = ResolveDatasets(options_.datasets, user, "data", &data, &held);
  if (datasets.ok() && data.kind_case() == v1::DataSource::KIND_NOT_SET) {
    datasets = HoldDatasets(options_.datasets, user, job.spec(), &held);
  }
  if (!datasets.ok()) return datasets;
  const std::string folder = options_.data_dir + "/datasets";
  LocateDatasets(folder, &data);
  LocateDatasets(folder, job.mutable_spec());
  LocateDatasets(folder, job.mutable_summary());

  worker::v1::Predict predict;
  predict.mutable_spec()->Swap(job.mutable_spec());
  predict.mutable_summary()->Swap(job.mutable_summary());
  predict.set_checkpoint_dir(absl::StrCat(DirOf((*found)->id()), "/checkpoints"));
  predict.set_checkpoint((*checkpoint)->name);
  predict.set_checkpoint_sha256((*checkpoint)->sha256);
  *predict.mutable_data() = std::move(data);
  if (request.has_batch_size()) predict.set_batch_size(request.batch_size());
  predict.set_form(request.form());
  predict.set_player(request.player());
  // The checkpoint's file, and the datasets, are held until the last of the two callbacks is
  // forgotten.
  supervisor_.Predict(
      id, caller, std::move(predict),
      {.on_response =
           [sink, checkpoint = *checkpoint, held = std::move(held)](
               v1::PredictJobResponse response) { sink->OnResponse(std::move(response)); },
       .on_end = [sink](const absl::Status& status) { sink->OnEnd(status); }});
  return absl::OkStatus();
}

}  // namespace descent::daemon
