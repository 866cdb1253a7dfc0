#include "server/worker/bridge/data_spec.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/data/number_type.h"
#include "core/objective/loss.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/execution_spec.h"
#include "server/worker/bridge/index_readers.h"
#include "server/worker/bridge/objective_spec.h"
#include "server/worker/bridge/source_spec.h"

namespace descent::worker {
namespace {

// With these limits products with the number of iterations don't overflow.
constexpr int64_t kMaxBatch = int64_t{1} << 31;
constexpr int64_t kMaxPadding = 1 << 16;
constexpr int64_t kMaxPrefetch = 64;
// Handing a batch from thread to thread costs a few microseconds: as much as copying so many bytes.
constexpr int64_t kWorthAThread = 64 << 10;

void ResolveSplit(const api::Spec& spec, api::Data* data, Violations* violations) {
  api::Split* split = data->mutable_split();
  if (data->has_test()) {
    violations->Add("data.split", "The test data are given as `test`: leave out one of the two.",
                    reason::kConflict);
  }
  if (!split->has_test_fraction()) {
    violations->Add("data.split.test_fraction", "Give the share of the test examples.",
                    reason::kMissingField);
  } else if (!(split->test_fraction() > 0 && split->test_fraction() < 1)) {
    violations->Add(
        "data.split.test_fraction",
        absl::StrCat("It is ", split->test_fraction(), ", but must be between 0 and 1."),
        reason::kOutOfRange);
  }
  if (!split->has_seed()) split->set_seed(spec.seed());
  if (!split->has_stratified()) split->set_stratified(false);
}

void ResolveNormalization(const std::string& field, api::Normalization* normalization,
                          Violations* violations) {
  if (!normalization->has_kind()) normalization->set_kind(api::Normalization::STANDARD);
  if (!normalization->has_per()) normalization->set_per(api::Normalization::FEATURE);
  if (normalization->kind() != api::Normalization::STANDARD &&
      normalization->kind() != api::Normalization::MIN_MAX) {
    violations->Add(field + ".kind", "It must be STANDARD or MIN_MAX.", reason::kOutOfRange);
  }
  if (normalization->per() < api::Normalization::FEATURE ||
      normalization->per() > api::Normalization::ALL) {
    violations->Add(field + ".per", "It must be FEATURE, CHANNEL or ALL.", reason::kOutOfRange);
  }
}

void CheckEncoding(const api::InputEncoding& encoding, Violations* violations) {
  if (encoding.has_divisor() && !(encoding.divisor() > 0 && std::isfinite(encoding.divisor()))) {
    violations->Add(
        "data.encoding.divisor",
        absl::StrCat("It is ", encoding.divisor(), ", but must be a finite number > 0."),
        reason::kOutOfRange);
  }
  if (encoding.has_dtype() && !NumberTypeFromName(encoding.dtype())) {
    violations->Add("data.encoding.dtype",
                    "It is no type of numbers as NumPy calls them: uint8, float64.",
                    reason::kOutOfRange);
  }
}

void ResolveAugmentation(api::Augmentation* augmentation, Violations* violations) {
  const auto check = [&](const char* name, double share) {
    if (share >= 0 && share <= 1) return;
    violations->Add(absl::StrCat("data.augmentation.", name),
                    absl::StrCat("It is ", share, ", but must be from 0 to 1."),
                    reason::kOutOfRange);
  };
  if (!augmentation->has_horizontal_flip()) augmentation->set_horizontal_flip(0);
  if (!augmentation->has_vertical_flip()) augmentation->set_vertical_flip(0);
  if (!augmentation->has_crop_padding()) augmentation->set_crop_padding(0);
  check("horizontal_flip", augmentation->horizontal_flip());
  check("vertical_flip", augmentation->vertical_flip());
  CheckBounds("data.augmentation.crop_padding", augmentation->crop_padding(), 0, kMaxPadding,
              violations);
}

void ResolveOrder(api::Data* data, Violations* violations) {
  api::Order* order = data->mutable_order();
  if (!order->has_replacement()) order->set_replacement(false);
  if (!order->has_balanced()) order->set_balanced(false);
  if (!order->has_last_batch()) order->set_last_batch(api::Order::KEEP);
  if (order->last_batch() != api::Order::KEEP && order->last_batch() != api::Order::DROP) {
    violations->Add("data.order.last_batch", "It must be KEEP or DROP.", reason::kOutOfRange);
  }
  const bool weighted = order->has_weight_column();
  if (weighted && !data->train().has_csv()) {
    violations->Add("data.order.weight_column", "Only a CSV file has columns.", reason::kConflict);
  }
  if (weighted && order->balanced()) {
    violations->Add("data.order.balanced", "Give it or `weight_column`, not both.",
                    reason::kConflict);
  }
  if ((weighted || order->balanced()) && !order->replacement()) {
    violations->Add("data.order.replacement",
                    "Examples with weights are drawn with replacement: set it to true.",
                    reason::kConflict);
  }
  if (order->replacement() && !data->shuffle()) {
    violations->Add("data.shuffle", "Drawing with replacement has no order: leave it out.",
                    reason::kConflict);
  }
}

// The terms of a sum all have the same targets.
TargetKind Targets(const api::Objective& objective) {
  const std::vector<Loss> losses = LossesOf(objective);
  return !losses.empty() && losses.front().predicts == Predicts::kClass ? TargetKind::kClass
                                                                        : TargetKind::kValues;
}

// Says whether there are losses, and all of them are such.
bool All(const api::Objective& objective, bool (*such)(const Loss& loss)) {
  const std::vector<Loss> losses = LossesOf(objective);
  return !losses.empty() && std::all_of(losses.begin(), losses.end(), such);
}

// Checks that targets may be numbers of any size for the loss.
void CheckTargetNormalization(const api::Spec& spec, Violations* violations) {
  const bool all =
      All(spec.objective(), [](const Loss& loss) { return loss.predicts == Predicts::kValues; });
  if (all) return;
  violations->Add(
      "data.target_normalization",
      LossesOf(spec.objective()).empty()
          ? "Nothing is compared with these targets: leave it out."
          : "The objective's targets are classes or probabilities, not to be normalized.",
      reason::kConflict);
}

Normalization ToNormalization(const api::Normalization& given) {
  Normalization normalization;
  if (given.kind() == api::Normalization::MIN_MAX)
    normalization.kind = Normalization::Kind::kMinMax;
  if (given.per() == api::Normalization::CHANNEL) normalization.per = Normalization::Per::kChannel;
  if (given.per() == api::Normalization::ALL) normalization.per = Normalization::Per::kAll;
  return normalization;
}

// True if the loss leaves targets out. In a sum all must: they have the same ones.
bool CanIgnore(const api::Objective& objective) {
  return All(objective, [](const Loss& loss) {
    return loss.predicts == Predicts::kClass && loss.weight != nullptr;
  });
}

}  // namespace

void ResolveData(api::Spec* spec, Violations* violations) {
  api::Data* data = spec->mutable_data();
  ResolveSource("data.train", spec->seed(), data->mutable_train(), violations);
  if (data->has_test()) {
    InheritFields(data->train(), data->mutable_test());
    ResolveSource("data.test", spec->seed(), data->mutable_test(), violations);
  }
  if (data->has_batch_size()) {
    CheckBounds("data.batch_size", data->batch_size(), 1, kMaxBatch, violations);
  }
  if (!data->has_shuffle()) data->set_shuffle(true);
  if (data->has_split()) ResolveSplit(*spec, data, violations);
  if (data->has_normalization()) {
    ResolveNormalization("data.normalization", data->mutable_normalization(), violations);
  }
  if (data->has_target_normalization()) {
    ResolveNormalization("data.target_normalization", data->mutable_target_normalization(),
                         violations);
    CheckTargetNormalization(*spec, violations);
  }
  if (data->has_ignore_index() && !CanIgnore(spec->objective())) {
    violations->Add(
        "data.ignore_index",
        "Only cross_entropy with classes and negative_log_likelihood leave targets out.",
        reason::kConflict);
  }
  if (data->has_encoding()) CheckEncoding(data->encoding(), violations);
  if (data->has_augmentation()) ResolveAugmentation(data->mutable_augmentation(), violations);
  if (data->has_order()) ResolveOrder(data, violations);
  if (data->has_prefetch()) {
    CheckBounds("data.prefetch", data->prefetch(), 0, kMaxPrefetch, violations);
  }
}

void CheckEvaluation(const api::Evaluation& evaluation, bool has_test, Violations* violations) {
  if (!evaluation.training_data() || has_test) return;
  violations->Add("evaluation.training_data",
                  "It is evaluated beside the test data: give data.test or data.split.",
                  reason::kConflict);
}

void ResolveBatches(const Dataset& train, api::Spec* spec, Violations* violations) {
  api::Data* data = spec->mutable_data();
  if (!data->has_prefetch()) {
    const int64_t row_bytes = static_cast<int64_t>(train.inputs.element_size()) *
                              (train.inputs.numel() / train.inputs.size(0));
    data->set_prefetch(data->has_augmentation() || row_bytes * data->batch_size() >= kWorthAThread);
  }
  const BatchOptions options = ToBatchOptions(*spec);
  const auto add = [&](const char* field, const absl::Status& status) {
    violations->Add(field, absl::StrCat(std::string(status.message()), "."), reason::kConflict);
  };
  if (absl::Status s = CheckAugmentation(options.augmentation, train.inputs); !s.ok()) {
    add("data.augmentation", s);
  }
  const absl::StatusOr<Order> order = Order::Create(train, options.order, options.seed);
  if (!order.ok()) add("data.order", order.status());
}

void ResolveEncoding(const InputEncoding& encoding, api::Data* data) {
  api::InputEncoding* resolved = data->mutable_encoding();
  resolved->set_divisor(encoding.divisor.value_or(1));
  resolved->set_dtype(encoding.type_name);
  resolved->clear_shape();
  for (const int64_t size : encoding.shape) resolved->add_shape(size);
  resolved->clear_least();
  resolved->clear_greatest();
  resolved->clear_whole();
  if (!encoding.spread) return;
  resolved->set_least(encoding.spread->least);
  resolved->set_greatest(encoding.spread->greatest);
  resolved->set_whole(encoding.spread->whole);
}

EncodeOptions ToEncodeOptions(const api::Spec& spec) {
  EncodeOptions options = {.dtype = ToDtype(spec.execution()),
                           .targets = Targets(spec.objective()),
                           .indices = !IndexReaders("model", spec.model()).empty()};
  if (spec.data().has_normalization()) {
    options.normalization = ToNormalization(spec.data().normalization());
  }
  if (spec.data().has_target_normalization()) {
    options.target_normalization = ToNormalization(spec.data().target_normalization());
  }
  if (CanIgnore(spec.objective())) {
    const bool given = spec.data().has_ignore_index();
    options.ignore_index = given ? spec.data().ignore_index() : kIgnoredClass;
  }
  const api::InputEncoding& encoding = spec.data().encoding();
  if (encoding.has_divisor()) options.encoding.divisor = encoding.divisor();
  if (encoding.has_dtype()) options.encoding.type = NumberTypeFromName(encoding.dtype());
  options.encoding.type_name = encoding.dtype();
  if (encoding.has_least() && encoding.has_greatest()) {
    options.encoding.spread = {encoding.least(), encoding.greatest(), encoding.whole()};
  }
  options.encoding.shape.assign(encoding.shape().begin(), encoding.shape().end());
  return options;
}

BatchOptions ToBatchOptions(const api::Spec& spec) {
  const api::Data& data = spec.data();
  return {.batch_size = data.batch_size(),
          .order = {.shuffle = data.shuffle(),
                    .replacement = data.order().replacement(),
                    .balanced = data.order().balanced(),
                    .weighted = data.order().has_weight_column()},
          .augmentation = {.horizontal_flip = data.augmentation().horizontal_flip(),
                           .vertical_flip = data.augmentation().vertical_flip(),
                           .crop_padding = data.augmentation().crop_padding()},
          .drop_last = data.order().last_batch() == api::Order::DROP,
          .seed = spec.seed(),
          .prefetch = data.prefetch(),
          .device = ToDevice(spec.execution())};
}

int64_t IterationsPerEpoch(int64_t examples, const api::Spec& spec) {
  if (!spec.has_data()) return spec.iterations();  // a function: all of it
  const int64_t batch_size = spec.data().batch_size();
  const bool drop = spec.data().order().last_batch() == api::Order::DROP;
  return (examples + (drop ? 0 : batch_size - 1)) / batch_size;
}

}  // namespace descent::worker
