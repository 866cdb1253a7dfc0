#include "core/model/layer.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "c10/core/ScalarType.h"
#include "core/fields/fields.h"
#include "core/model/fields.h"
#include "core/model/initializer.h"
#include "core/model/layer_fault.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

// Applies SplitMix64's finalizer (Steele, Lea & Flood 2014) to an FNV-1a hash of the name:
// neighbouring seeds and names give unrelated draws, the same on every machine.
uint64_t Mix(uint64_t seed, std::string_view name) {
  uint64_t hash = 14695981039346656037ULL;
  for (const unsigned char c : name) hash = (hash ^ c) * 1099511628211ULL;
  hash += seed * 0x9E3779B97F4A7C15ULL;
  hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9ULL;
  hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBULL;
  return hash ^ (hash >> 31);
}

// Gives the greatest number if the count overflows: no memory holds so many.
int64_t CountParameters(Layer& layer) {
  Fields list;
  layer.fields(list);
  int64_t count = 0;
  for (const Fields::Field& field : list.list()) {
    if (__builtin_add_overflow(count, field.tensor->numel(), &count)) {
      return std::numeric_limits<int64_t>::max();
    }
  }
  return count;
}

bool HasPlan(const BuildContext& context, std::string_view kind, const Layer& layer,
             const Shape& output_shape) {
  PlanBuilder plan(context.compute_dtype, context.compute_device);
  Shape input = context.input_shape, output = output_shape;
  input.insert(input.begin(), 1);
  output.insert(output.begin(), 1);
  const PlanTensor y = layer.Plan(plan, plan.Input(std::move(input), context.input_dtype));
  if (y && y.sizes() != output) {
    throw std::logic_error(absl::StrCat(context.Describe(kind), " has a plan that gives ",
                                        ToString(y.sizes()), " in place of ", ToString(output)));
  }
  return static_cast<bool>(y);
}

// Gives `out_features is -3; give a number ≥ 1`, or nothing if all is well. How many are too many
// is found out where they are counted.
std::string ProblemOf(const Field& field) {
  if (!field.whole()) {
    const auto* layer = field.As<std::optional<LayerOptions>>();
    if (layer != nullptr && !*layer) return absl::StrCat(field.name(), " is not given");
    return std::string(field.Check().message());
  }
  const auto least = static_cast<int64_t>(field.range().min);
  std::optional<int64_t> one;
  if (const auto* count = field.As<int64_t>()) one = *count;
  if (const auto* count = field.As<std::optional<int64_t>>()) one = *count;
  if (one && *one < least) {
    return absl::StrCat(field.name(), " is ", *one, "; give a number ≥ ", least);
  }
  if (const auto* counts = field.As<std::vector<int64_t>>()) {
    if (counts->empty() && field.must_be_given()) {
      return absl::StrCat(field.name(), " is empty; give at least one number");
    }
    for (const int64_t count : *counts) {
      if (count >= least) continue;
      return absl::StrCat(field.name(), " has ", count, "; give numbers ≥ ", least);
    }
  }
  return "";
}

}  // namespace

std::string ToString(const Shape& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

BuiltLayer BuiltLayer::Of(const BuildContext& context, std::string_view kind,
                          std::unique_ptr<Layer> layer, Shape output_shape,
                          std::vector<LayerSummary> children) {
  LayerSummary summary{.name = context.path,
                       .kind = std::string(kind),
                       .output_shape = output_shape,
                       .parameters = CountParameters(*layer),
                       .plan = HasPlan(context, kind, *layer, output_shape)};
  BuiltLayer built{std::move(layer), std::move(output_shape), context.dtype, std::move(children)};
  built.summaries.push_back(std::move(summary));
  return built;
}

std::string BuildContext::Describe(std::string_view kind) const {
  const std::string kind_text(kind);
  return path.empty() ? absl::StrCat("the model (", kind_text, ")")
                      : absl::StrCat("layer `", path, "` (", kind_text, ")");
}

absl::Status BuildContext::Mismatch(std::string_view kind, const std::string& problem,
                                    std::string_view field) const {
  return FaultStatus(
      {path, std::string(field), FaultKind::kShapeMismatch},
      absl::StrCat(Describe(kind), " ", problem, ", but ", source,
                   source == "the data" ? " give " : " gives ", ToString(input_shape)));
}

absl::Status BuildContext::Wrong(std::string_view kind, const std::string& problem,
                                 std::string_view field, FaultKind fault) const {
  return FaultStatus({path, std::string(field), fault}, absl::StrCat(Describe(kind), problem));
}

absl::StatusOr<at::Tensor> BuildContext::Parameter(std::string_view kind,
                                                   std::string_view parameter, const Shape& shape,
                                                   const Initializer& initializer,
                                                   const Fans& fans) const {
  const std::string short_name(parameter);
  int64_t bytes = static_cast<int64_t>(c10::elementSize(dtype));
  for (const int64_t dimension : shape) {
    if (dimension < 1 || __builtin_mul_overflow(bytes, dimension, &bytes)) {
      return Wrong(kind,
                   absl::StrCat(": its ", short_name, " of shape ", ToString(shape),
                                dimension < 1 ? " has a dimension below 1"
                                              : " is too large to count its bytes"),
                   "", dimension < 1 ? FaultKind::kShapeMismatch : FaultKind::kTooLarge);
    }
  }
  Start start{.values = {},
              .fans = fans,
              .seed = 0,
              .name = absl::StrCat(path, path.empty() ? "" : ".", short_name)};
  start.seed = Mix(seed, start.name);
  const auto options = at::TensorOptions().dtype(dtype);
  start.values = at::empty(shape, options.device(device.is_meta() ? at::kMeta : at::kCPU));
  if (const absl::Status status = initializer.Fill(start); !status.ok()) {
    return Wrong(kind,
                 absl::StrCat(": its ", short_name,
                              " can't be initialized: ", std::string(status.message())),
                 absl::StrCat(short_name, "_init"), FaultKind::kInvalidInitializer);
  }
  return start.values.to(device);
}

uint64_t BuildContext::SeedOf(std::string_view purpose) const {
  return Mix(seed, absl::StrCat(path, "/", std::string(purpose)));
}

namespace internal {

absl::Status CheckOptions(const BuildContext& context, std::string_view kind, bool takes_indices,
                          const FieldList& fields) {
  for (const Field& field : fields) {
    const std::string problem = ProblemOf(field);
    if (!problem.empty()) return context.Wrong(kind, absl::StrCat(": ", problem), field.name());
  }
  if (!takes_indices && !c10::isFloatingType(context.input_dtype)) {
    return context.Mismatch(kind,
                            "expects real numbers, and not indices (put an embedding before "
                            "it)");
  }
  return absl::OkStatus();
}

}  // namespace internal
}  // namespace descent
