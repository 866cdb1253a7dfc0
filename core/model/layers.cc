#include "core/model/layers.h"

#include <unistd.h>

#include <cstdint>
#include <exception>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "c10/core/ScalarType.h"
#include "core/text/exception_text.h"

namespace descent {
namespace {

// Parameters, gradient and two moments are as large as each other.
constexpr int64_t kCopiesInTraining = 4;

absl::Status CheckOptions(const ModelOptions& options) {
  if (!c10::isFloatingType(options.dtype)) {
    return absl::InvalidArgumentError("a model's dtype must be floating point");
  }
  for (const int64_t dimension : options.input_shape) {
    if (dimension < 1) {
      return absl::InvalidArgumentError(absl::StrCat("the data have inputs of shape ",
                                                     ToString(options.input_shape),
                                                     ", with a dimension below 1"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<BuiltLayer> BuildOn(const ModelOptions& options, at::Device device) {
  BuildContext context;
  context.input_shape = options.input_shape;
  context.input_dtype = options.input_dtype.value_or(options.dtype);
  context.dtype = options.dtype;
  context.device = device;
  context.compute_device =
      options.compute_device.value_or(options.device.is_meta() ? at::kCPU : options.device);
  context.compute_dtype = options.compute_dtype.value_or(options.dtype);
  context.seed = options.seed;
  return options.root.Build(context);
}

absl::Status CheckMemory(const ModelOptions& options, const BuiltLayer& built) {
  const int64_t limit = options.memory_limit_bytes.value_or(
      static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE));
  const auto element = static_cast<int64_t>(c10::elementSize(options.dtype));
  const int64_t parameters = built.summaries.back().parameters;
  if (parameters == 0) {
    return absl::InvalidArgumentError(
        "the model has no parameters to train; add a layer that has some");
  }
  if (parameters < 0 || parameters > limit / (element * kCopiesInTraining)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the model has ", parameters, " parameters of ", element,
                     " bytes; with its gradient and two moments it does not fit into ", limit,
                     " bytes of memory"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BuiltModel> BuildModel(const ModelOptions& options) try {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  // The model is built on the meta device first, so that nothing is allocated before it is known to
  // fit.
  absl::StatusOr<BuiltLayer> built = BuildOn(options, at::kMeta);
  if (!built.ok()) return built.status();
  if (absl::Status status = CheckMemory(options, *built); !status.ok()) return status;
  if (!options.device.is_meta()) built = BuildOn(options, options.device);
  if (!built.ok()) return built.status();

  const int64_t parameters = built->summaries.back().parameters;
  return BuiltModel{Model(Layers(std::move(built->layer), options.input_shape,
                                 options.input_dtype.value_or(options.dtype))),
                    std::move(built->output_shape), std::move(built->summaries), parameters,
                    parameters * static_cast<int64_t>(c10::elementSize(options.dtype))};
} catch (const std::exception& error) {  // such as c10::Error, bad_alloc
  return absl::InternalError(absl::StrCat("the model could not be built: ", ExceptionText(error)));
}

}  // namespace descent
