#include "core/model/layer.h"

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ATen/CPUGeneratorImpl.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/zeros.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "c10/core/ScalarType.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

// SplitMix64's finalizer (Steele, Lea & Flood 2014) over an FNV-1a hash of the name: neighbouring
// seeds and names give unrelated draws, the same on every machine.
uint64_t Mix(uint64_t seed, std::string_view name) {
  uint64_t hash = 14695981039346656037ULL;
  for (const unsigned char c : name) hash = (hash ^ c) * 1099511628211ULL;
  hash += seed * 0x9E3779B97F4A7C15ULL;
  hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9ULL;
  hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBULL;
  return hash ^ (hash >> 31);
}

}  // namespace

std::string ToString(const Shape& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

BuiltLayer BuiltLayer::Of(const BuildContext& context, std::string_view kind,
                          std::unique_ptr<Layer> layer, Shape output_shape, int64_t parameters,
                          std::vector<LayerSummary> children) {
  PlanBuilder plan(context.dtype, context.device);
  Shape input = context.input_shape, output = output_shape;
  input.insert(input.begin(), 1);
  output.insert(output.begin(), 1);
  const PlanTensor y = layer->Plan(plan, plan.Input(std::move(input), context.dtype));
  if (y && y.sizes() != output) {
    throw std::logic_error(absl::StrCat(context.Describe(kind), " has a plan that gives ",
                                        ToString(y.sizes()), " in place of ", ToString(output)));
  }
  BuiltLayer built{std::move(layer), std::move(output_shape), std::move(children)};
  built.summaries.push_back({.name = context.path,
                             .kind = std::string(kind),
                             .output_shape = built.output_shape,
                             .parameters = parameters,
                             .plan = static_cast<bool>(y)});
  return built;
}

std::string BuildContext::Describe(std::string_view kind) const {
  const std::string kind_text(kind);
  return path.empty() ? absl::StrCat("the model (", kind_text, ")")
                      : absl::StrCat("layer `", path, "` (", kind_text, ")");
}

absl::Status BuildContext::Mismatch(std::string_view kind, const std::string& problem) const {
  return absl::InvalidArgumentError(absl::StrCat(Describe(kind), " ", problem, ", but ", source,
                                                 source == "the data" ? " give " : " gives ",
                                                 ToString(input_shape)));
}

absl::StatusOr<at::Tensor> BuildContext::Uniform(std::string_view kind, std::string_view parameter,
                                                 const Shape& shape, double bound) const {
  int64_t bytes = static_cast<int64_t>(c10::elementSize(dtype));
  for (const int64_t dimension : shape) {
    if (dimension < 1 || __builtin_mul_overflow(bytes, dimension, &bytes)) {
      return absl::InvalidArgumentError(absl::StrCat(
          Describe(kind), ": its ", std::string(parameter), " of shape ", ToString(shape),
          dimension < 1 ? " has a dimension below 1" : " is too large to count its bytes"));
    }
  }
  const auto options = at::TensorOptions().dtype(dtype);
  if (device.is_meta()) return at::empty(shape, options.device(device));
  at::Tensor values = at::zeros(shape, options);
  if (bound > 0) {
    const std::string name = absl::StrCat(path, path.empty() ? "" : ".", std::string(parameter));
    at::Generator generator = at::detail::createCPUGenerator(Mix(seed, name));
    values.uniform_(-bound, bound, generator);
  }
  return values.to(device);
}

}  // namespace descent
