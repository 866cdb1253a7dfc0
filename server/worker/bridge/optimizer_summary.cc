#include "server/worker/bridge/optimizer_summary.h"

#include <algorithm>
#include <vector>

#include "core/optimizer/groups.h"
#include "core/sequence/sequence.h"

namespace descent::worker {
namespace {

// These are as many as a chart has columns, a few times over.
constexpr int64_t kPoints = 200;

void SummarizeGroups(const api::Optimizer& optimizer, const Model& model,
                     api::SpecSummary* summary) {
  if (optimizer.groups().empty()) return;
  std::vector<ParameterGroup> groups;
  for (const api::ParameterGroup& group : optimizer.groups()) {
    groups.push_back({group.name(), group.pattern(), group.frozen()});
    summary->add_groups()->set_name(group.name());
    summary->mutable_groups()->rbegin()->set_frozen(group.frozen());
  }
  api::GroupSummary others;
  const std::vector<size_t> owners = GroupOwners(groups, model.parameters());
  for (size_t i = 0; i < owners.size(); ++i) {
    const Parameter& parameter = model.parameters()[i];
    api::GroupSummary* owner =
        owners[i] == 0 ? &others : summary->mutable_groups(static_cast<int>(owners[i]) - 1);
    owner->add_parameters(parameter.name);
    owner->set_scalars(owner->scalars() + parameter.tensor.numel());
  }
  if (!others.parameters().empty()) *summary->add_groups() = std::move(others);
}

void PreviewStepSize(const api::Spec& spec, ModelRun* run, api::SpecSummary* summary) {
  if (run->dials().empty() || run->dials().front()->name != "step_size") return;
  const descent::Sequence sequence = run->dials().front()->sequence;
  const int64_t last = spec.iterations() - 1, points = std::min(spec.iterations(), kPoints);
  for (int64_t i = 0; i < points; ++i) {
    // It goes without the product of both, which may overflow.
    const int64_t k =
        points == 1 ? 0 : last / (points - 1) * i + last % (points - 1) * i / (points - 1);
    api::SequencePoint* point = summary->add_step_size_preview();
    point->set_iteration(k);
    point->set_value(sequence.at(k));
  }
}

}  // namespace

void SummarizeOptimizer(const api::Spec& spec, const Model& model, ModelRun* run,
                        api::SpecSummary* summary) {
  SummarizeGroups(spec.optimizer(), model, summary);
  PreviewStepSize(spec, run, summary);
  // The state has the solution; the gradient comes besides.
  int64_t bytes = summary->parameter_bytes();
  for (const auto& [name, tensor] : run->Save().tensors) {
    bytes += tensor.numel() * static_cast<int64_t>(tensor.element_size());
  }
  summary->set_memory_bytes(bytes);
}

bool MovesNothing(const OptimizerOptions& optimizer, const Model& model) {
  return optimizer.Start(model)->frozen().size() == model.parameters().size();
}

}  // namespace descent::worker
