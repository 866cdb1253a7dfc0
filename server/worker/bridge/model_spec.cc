#include "server/worker/bridge/model_spec.h"

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/model/layer_fault.h"
#include "core/model/relu.h"
#include "core/text/exception_text.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/layer_reader.h"
#include "server/worker/bridge/message_fields.h"

namespace descent::worker {
namespace {

// A kind of fault is known to programs by its reason.
const char* ReasonOf(FaultKind kind) {
  switch (kind) {
    case FaultKind::kOutOfRange:
      return reason::kOutOfRange;
    case FaultKind::kShapeMismatch:
      return reason::kShapeMismatch;
    case FaultKind::kTooLarge:
      return reason::kTooLarge;
    case FaultKind::kInvalidInitializer:
      return reason::kInvalidInitializer;
    case FaultKind::kInvalidGraph:
      return reason::kInvalidGraph;
  }
  return reason::kInvalidModel;
}

void AddFault(const absl::Status& status, const std::string& field, const LayerReader& reader,
              Violations* violations) {
  const std::optional<LayerFault> fault = FaultOf(status);
  std::string where = field;
  if (fault) {
    const auto place = reader.places().find(fault->path);
    if (place != reader.places().end()) where = place->second.field;
    if (!fault->field.empty()) absl::StrAppend(&where, ".", fault->field);
  }
  violations->Add(std::move(where), absl::StrCat(std::string(status.message()), "."),
                  fault ? ReasonOf(fault->kind) : reason::kInvalidModel);
}

void FillIn(const BuiltLayer& built, const LayerReader& reader) {
  for (const LayerSummary& layer : built.summaries) {
    const auto place = reader.places().find(layer.name);
    if (place == reader.places().end()) continue;
    for (const auto& [name, value] : layer.inferred) {
      MessageFields(place->second.options).Set(name, value);
    }
  }
}

}  // namespace

void ResolveLayers(const std::string& field, api::Layer* model, Violations* violations) {
  LayerReader(violations).Read(model, field, "", 1);
}

bool ResolveShapes(const std::string& field, const Shape& input_shape, at::ScalarType input_dtype,
                   at::ScalarType dtype, api::Layer* model, Violations* violations) {
  LayerReader reader(violations);
  const std::optional<LayerOptions> options = reader.Read(model, field, "", 1);
  if (!options) return false;
  BuildContext context;
  context.input_shape = input_shape;
  context.input_dtype = input_dtype;
  context.dtype = dtype;
  context.device = at::kMeta;
  try {
    const absl::StatusOr<BuiltLayer> built = options->Build(context);
    if (built.ok()) {
      FillIn(*built, reader);
      return true;
    }
    AddFault(built.status(), field, reader, violations);
  } catch (const std::exception& error) {
    violations->Add(field, ExceptionText(error), reason::kTooLarge);
  }
  return false;
}

LayerOptions ToLayerOptions(const api::Layer& layer) {
  api::Layer copy = layer;
  Violations none;
  std::optional<LayerOptions> options = LayerReader(&none).Read(&copy, "", "", 1);
  // It was refused before.
  return options ? *std::move(options) : LayerOptions(Relu{});
}

}  // namespace descent::worker
