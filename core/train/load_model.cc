#include "core/train/load_model.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/system/system.h"
#include "core/train/checkpoint.h"

namespace descent {
namespace {

// The prefix of what a checkpoint holds of the tests for stopping, which are not the run's.
constexpr std::string_view kStopTests = "stop.";

// Stands for the run's objective, of which a checkpoint knows the dials. Its gradient counts for
// nothing.
class DialsAlone {
 public:
  explicit DialsAlone(std::vector<LossWeight> dials) : dials_(std::move(dials)) {}

  const std::vector<LossWeight>& dials() const { return dials_; }
  void weigh(std::span<const double>) {}
  double gradient_into(const Model&, Model&) { return 0; }

 private:
  std::vector<LossWeight> dials_;
};

}  // namespace

absl::StatusOr<LoadedModel> LoadModel(const Model& model, const OptimizerOptions& optimizer,
                                      const std::vector<LossWeight>& weights,
                                      const std::string& path, const std::string& expected_sha256,
                                      const std::string& player) {
  absl::StatusOr<Checkpoint> checkpoint = LoadCheckpoint(path, expected_sha256);
  if (!checkpoint.ok()) return checkpoint.status();
  if (!player.empty()) checkpoint->state = PlayerState(checkpoint->state, player);
  std::erase_if(checkpoint->state.numbers, [](const auto& named) {
    return std::string_view(named.first).starts_with(kStopTests);
  });
  // These belong to what evaluations look at, if that is an average: the run itself has those of
  // the solution.
  std::map<std::string, at::Tensor> average_states;
  std::erase_if(checkpoint->state.tensors, [&](const auto& named) {
    if (!std::string_view(named.first).starts_with(kAverageStates)) return false;
    average_states.emplace(named.first.substr(kAverageStates.size()), named.second);
    return true;
  });
  absl::StatusOr<std::unique_ptr<ModelRun>> run =
      ModelRun::Create(optimizer, model, DialsAlone(weights));
  if (!run.ok()) return run.status();
  if (absl::Status status = (*run)->Load(checkpoint->state); !status.ok()) {
    return absl::Status(
        status.code(),
        absl::StrCat(path, " is no checkpoint of this model: ", std::string(status.message())));
  }
  const absl::StatusOr<ModelRun::View> view = (*run)->current();
  if (!view.ok()) return view.status();
  LoadedModel loaded{.model = view->average, .iteration = view->index};
  for (const Parameter& state : loaded.model.states()) {
    const auto found = average_states.find(state.name);
    if (found == average_states.end()) continue;
    if (!found->second.sizes().equals(state.tensor.sizes())) {
      return absl::InvalidArgumentError(absl::StrCat(path, " is no checkpoint of this model: `",
                                                     found->first,
                                                     "` of its average has another shape"));
    }
    state.tensor.copy_(found->second);
  }
  return loaded;
}

}  // namespace descent
