#include "server/worker/session/predict.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/data/examples.h"
#include "core/data/normalization.h"
#include "core/objective/evaluate.h"
#include "core/objective/predict.h"
#include "core/text/exception_text.h"
#include "core/text/utf8.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"
#include "server/common/limits.h"
#include "server/worker/bridge/prediction.h"

namespace descent::worker {
namespace {

using Form = api::PredictJobRequest::Form;

constexpr size_t kMessageBytes = server::kPartBytes;
constexpr size_t kNoteBytes = 2000;
constexpr int kNiceness = 10;

std::string_view Bytes(const at::Tensor& rows) {
  return {static_cast<const char*>(rows.const_data_ptr()), rows.nbytes()};
}

const char* DtypeName(at::ScalarType type) {
  return type == at::kLong ? "int64" : type == at::kDouble ? "float64" : "float32";
}

class Prediction {
 public:
  Prediction(const v1::Predict& request, DataCache* cache, Inbox* inbox, Outbox* outbox)
      : request_(request),
        cache_(cache),
        inbox_(inbox),
        outbox_(outbox),
        form_(request.form() == api::PredictJobRequest::FORM_UNSPECIFIED
                  ? api::PredictJobRequest::OUTPUTS
                  : request.form()),
        credits_(request.credits()) {}

  void Run() {
    std::variant<PreparedPrediction, PredictionRefusal> prepared = PreparePrediction(
        {.spec = request_.spec(),
         .summary = request_.summary(),
         .checkpoint = rules::CheckpointPath(request_.checkpoint_dir(), request_.checkpoint()),
         .checkpoint_sha256 = request_.checkpoint_sha256(),
         .data = request_.data(),
         .player = request_.player()},
        cache_);
    if (const auto* refusal = std::get_if<PredictionRefusal>(&prepared)) return End(*refusal);
    const PreparedPrediction& ready = std::get<PreparedPrediction>(prepared);
    if (form_ != api::PredictJobRequest::OUTPUTS) {
      if (absl::Status status = CheckForm(ready.loss); !status.ok()) {
        PredictionRefusal refusal{status, "", {}};
        refusal.violations.Add("form", std::string(status.message()), reason::kNoSuchForm);
        return End(refusal);
      }
    }
    // With these threads the last bits are those of evaluations.
    at::set_num_threads(request_.spec().execution().threads());
    const int64_t batch_size =
        request_.has_batch_size() ? request_.batch_size() : EvaluateOptions().batch_size;
    absl::Status status = SendHeader(ready);
    if (status.ok()) {
      status = Predict(ready.model, ready.inputs, batch_size, [&](const at::Tensor& outputs) {
        return SendRows(ready, Denormalize(ready.target_normalization, outputs));
      });
    }
    End(PredictionRefusal{status, status.ok() ? "" : reason::kPredictionFailed, {}});
  }

  void End(const PredictionRefusal& refusal) {
    if (leftover_) return;  // nobody waits for it
    v1::WorkerMessage message;
    message.mutable_prediction()->set_id(request_.id());
    v1::PredictionEnd* end = message.mutable_prediction()->mutable_end();
    end->set_code(static_cast<int>(refusal.status.code()));
    end->set_message(std::string(refusal.status.message()));
    end->set_reason(refusal.reason);
    for (const Violation& violation : refusal.violations.list()) {
      v1::FieldViolation* added = end->add_violations();
      added->set_field(violation.field);
      added->set_description(violation.description);
      added->set_reason(violation.reason);
    }
    outbox_->Send(std::move(message));
  }

  std::optional<v1::DaemonMessage> leftover() { return std::move(leftover_); }

 private:
  absl::Status CheckForm(const Loss& loss) const {
    if (form_ == api::PredictJobRequest::CLASSES) {
      if (PredictsClasses(loss.predicts)) return absl::OkStatus();
      return absl::FailedPreconditionError(
          absl::StrCat("The job's objective, ", loss.name, ", has no classes."));
    }
    if (loss.probabilities) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "What its model gives are no probabilities for the job's objective, ", loss.name, "."));
  }

  bool HasClasses(const Loss& loss) const {
    return PredictsClasses(loss.predicts) && form_ != api::PredictJobRequest::CLASSES;
  }

  absl::Status SendHeader(const PreparedPrediction& ready) {
    api::PredictJobResponse response;
    api::PredictionHeader* header = response.mutable_header();
    header->set_checkpoint(request_.checkpoint());
    header->set_iteration(ready.iteration);
    header->set_rows(ready.inputs.size(0));
    const bool classes = form_ == api::PredictJobRequest::CLASSES;
    const Shape class_shape = PredictsClasses(ready.loss.predicts)
                                  ? PredictedShape(ready.loss.predicts, ready.output_shape)
                                  : Shape();
    for (const int64_t size : classes ? class_shape : ready.output_shape) header->add_shape(size);
    header->set_dtype(DtypeName(classes ? at::kLong : ready.dtype));
    header->set_has_classes(HasClasses(ready.loss));
    if (header->has_classes()) {
      for (const int64_t size : class_shape) header->add_class_shape(size);
    }
    header->set_has_places(ready.origin.moved());
    header->set_has_files(!ready.origin.File(0).empty());
    for (const std::string& note : ready.notes) header->add_notes(ShortUtf8(note, kNoteBytes));
    // The header has as many names as fit, the messages after it have the others.
    size_t bytes = 0;
    auto* names = header->mutable_class_names();
    for (const std::string& name : ready.class_names) {
      if ((bytes += name.size() + 8) > kMessageBytes) {
        if (absl::Status status = Send(std::exchange(response, {})); !status.ok()) return status;
        bytes = name.size() + 8;
        names = response.mutable_class_names()->mutable_class_names();
      }
      names->Add()->assign(name);
    }
    return Send(std::move(response));
  }

  // The rows that follow those that were sent.
  absl::Status SendRows(const PreparedPrediction& ready, const at::Tensor& outputs) {
    const Loss& loss = ready.loss;
    at::Tensor classes;
    if (PredictsClasses(loss.predicts)) classes = PredictedClasses(loss.predicts, outputs);
    at::Tensor values = outputs;
    if (form_ == api::PredictJobRequest::PROBABILITIES) values = loss.probabilities(outputs);
    if (form_ == api::PredictJobRequest::CLASSES) values = std::exchange(classes, at::Tensor());
    values = values.to(at::kCPU).contiguous();
    // A message has as many rows as fit; a row that does not is sent in parts.
    const int64_t rows = values.size(0);
    const auto row_bytes =
        (values.nbytes() + (classes.defined() ? classes.nbytes() : 0)) / static_cast<size_t>(rows);
    for (int64_t first = 0, count = 0; first < rows; first += count, sent_ += count) {
      api::PredictJobResponse response;
      count = Fitting(ready.origin, rows - first, row_bytes);
      AddOrigins(ready.origin, count, response.mutable_rows());
      std::string_view left = Bytes(values.narrow(0, first, count));
      std::string_view classes_left =
          classes.defined() ? Bytes(classes.narrow(0, first, count)) : std::string_view();
      while (!left.empty() || !classes_left.empty()) {
        response.mutable_rows()->set_values(Take(&left));
        response.mutable_rows()->set_classes(Take(&classes_left));
        if (absl::Status status = Send(std::exchange(response, {})); !status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }

  // How many of the next rows fit into a message; at least one.
  int64_t Fitting(const Origin& origin, int64_t left, size_t row_bytes) const {
    const size_t place_bytes = origin.moved() ? 10 : 0;  // at most
    size_t bytes = 0;
    int64_t count = 0;
    for (; count < left; ++count) {
      bytes += row_bytes + place_bytes + origin.File(sent_ + count).size();
      if (count > 0 && bytes > kMessageBytes) break;
    }
    return count;
  }

  // Where the next rows come from, if that can't be told by their order.
  void AddOrigins(const Origin& origin, int64_t count, api::PredictionRows* rows) const {
    for (int64_t row = sent_; row < sent_ + count; ++row) {
      if (origin.moved()) rows->add_places(origin.Place(row));
      if (const std::string_view file = origin.File(row); !file.empty()) {
        rows->add_files(ValidUtf8(file));
      }
    }
  }

  static std::string Take(std::string_view* left) {
    std::string taken(left->substr(0, kMessageBytes));
    left->remove_prefix(taken.size());
    return taken;
  }

  // Waits until the response may be sent. CANCELLED if it is no longer wanted.
  absl::Status Send(api::PredictJobResponse response) {
    while (credits_ < 1 || inbox_->HasNews()) {
      if (absl::Status status = Listen(inbox_->Take()); !status.ok()) return status;
    }
    --credits_;
    v1::WorkerMessage message;
    message.mutable_prediction()->set_id(request_.id());
    *message.mutable_prediction()->mutable_response() = std::move(response);
    outbox_->Send(std::move(message));
    return absl::OkStatus();
  }

  absl::Status Listen(v1::DaemonMessage message) {
    switch (message.kind_case()) {
      case v1::DaemonMessage::kPredictMore:
        if (message.predict_more().id() == request_.id()) {
          credits_ += message.predict_more().credits();
        }
        return absl::OkStatus();
      case v1::DaemonMessage::kCancelPredict:
        if (message.cancel_predict().id() != request_.id()) return absl::OkStatus();
        return absl::CancelledError("Nobody wants the prediction any more.");
      default:  // the daemon has forgotten it
        leftover_ = std::move(message);
        return absl::CancelledError("The daemon wants something else.");
    }
  }

  const v1::Predict& request_;
  DataCache* const cache_;
  Inbox* const inbox_;
  Outbox* const outbox_;
  const Form form_;
  int32_t credits_;
  int64_t sent_ = 0;  // rows
  std::optional<v1::DaemonMessage> leftover_;
};

}  // namespace

std::optional<v1::DaemonMessage> AnswerPredict(const v1::Predict& request, DataCache* cache,
                                               Inbox* inbox, Outbox* outbox) {
  Prediction prediction(request, cache, inbox, outbox);
  // It runs on a thread of its own: without privileges a lowered priority can't be raised again,
  // and the next thing that this process does may be to train.
  std::thread([&] {
    setpriority(PRIO_PROCESS, 0, kNiceness);  // in Linux this is the thread's priority
    try {
      prediction.Run();
    } catch (const std::exception& error) {  // such as LibTorch's, or for want of memory
      prediction.End(
          {absl::InternalError(absl::StrCat("The prediction failed: ", ExceptionText(error))),
           reason::kInternal,
           {}});
    }
  }).join();
  return prediction.leftover();
}

}  // namespace descent::worker
