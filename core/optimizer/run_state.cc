#include "core/optimizer/run_state.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/model/layers.h"
#include "core/optimizer/run.h"
#include "core/optimizer/state.h"

namespace descent {
namespace {

// The name under which a checkpoint holds what the model remembers besides its parameters.
constexpr std::string_view kStates = "state";

std::string TensorName(std::string_view space, const Parameter& parameter) {
  return absl::StrCat(std::string(space), "/", parameter.name);
}

class Saver final : public StateVisitor<Model> {
 public:
  void Space(std::string_view name, Model& x) override {
    for (const Parameter& parameter : x.parameters()) {
      state.tensors.emplace_back(TensorName(name, parameter), parameter.tensor);
    }
  }
  void Tensor(std::string_view name, at::Tensor& tensor) override {
    state.tensors.emplace_back(name, tensor);
  }
  void States(const Model& x) override {
    for (const Parameter& remembered : x.states()) {
      state.tensors.emplace_back(TensorName(kStates, remembered), remembered.tensor);
    }
  }
  void Number(std::string_view name, double& number) override {
    state.numbers.emplace_back(name, number);
  }
  void Integer(std::string_view name, int64_t& integer) override {
    state.integers.emplace_back(name, integer);
  }

  RunState state;
};

// Looks everything up before anything is written.
class Checker final : public StateVisitor<Model> {
 public:
  explicit Checker(const RunState& state) {
    for (const auto& [name, tensor] : state.tensors) Insert(name, &tensor);
    for (const auto& [name, number] : state.numbers) Insert(name, nullptr);
    for (const auto& [name, integer] : state.integers) {
      Insert(name, nullptr);
      if (integer < 0) Refuse(name, absl::StrCat("is negative: ", integer));
    }
  }

  void Space(std::string_view name, Model& x) override {
    for (const Parameter& parameter : x.parameters()) {
      Check(TensorName(name, parameter), parameter.tensor);
    }
  }
  void States(const Model& x) override {
    for (const Parameter& remembered : x.states()) {
      Check(TensorName(kStates, remembered), remembered.tensor);
    }
  }
  void Tensor(std::string_view name, at::Tensor& tensor) override {
    Check(std::string(name), tensor);
  }
  void Number(std::string_view name, double&) override { Take(std::string(name)); }
  void Integer(std::string_view name, int64_t&) override { Take(std::string(name)); }

  absl::Status status() {
    for (const auto& [name, tensor] : entries_) Refuse(name, "is not part of this run's state");
    return status_;
  }

 private:
  void Check(const std::string& name, const at::Tensor& present) {
    const at::Tensor* tensor = Take(name).value_or(nullptr);
    if (tensor == nullptr) return;
    if (!tensor->sizes().equals(present.sizes())) {
      Refuse(name, absl::StrCat("has the shape ", ToString(tensor->sizes().vec()),
                                " where the model has ", ToString(present.sizes().vec())));
    } else if (tensor->scalar_type() != present.scalar_type()) {
      Refuse(name, "has another dtype than the model");
    }
  }

  void Insert(const std::string& name, const at::Tensor* tensor) {
    if (!entries_.emplace(name, tensor).second) Refuse(name, "is there twice");
  }

  std::optional<const at::Tensor*> Take(const std::string& name) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      Refuse(name, "is missing");
      return std::nullopt;
    }
    const at::Tensor* tensor = found->second;
    entries_.erase(found);
    return tensor;
  }

  void Refuse(const std::string& name, const std::string& problem) {
    if (!status_.ok()) return;
    status_ = absl::InvalidArgumentError(absl::StrCat("the saved state: `", name, "` ", problem));
  }

  std::map<std::string, const at::Tensor*> entries_;
  absl::Status status_;
};

// Writes what the Checker found in order.
class Loader final : public StateVisitor<Model> {
 public:
  explicit Loader(const RunState& state)
      : tensors_(state.tensors.begin(), state.tensors.end()),
        numbers_(state.numbers.begin(), state.numbers.end()),
        integers_(state.integers.begin(), state.integers.end()) {}

  void Space(std::string_view name, Model& x) override { CopyAll(name, x.parameters()); }
  void States(const Model& x) override { CopyAll(kStates, x.states()); }
  void Tensor(std::string_view name, at::Tensor& tensor) override {
    Copy(std::string(name), tensor);
  }
  void Number(std::string_view name, double& number) override {
    number = numbers_.at(std::string(name));
  }
  void Integer(std::string_view name, int64_t& integer) override {
    integer = integers_.at(std::string(name));
  }

 private:
  void CopyAll(std::string_view space, std::span<const Parameter> parameters) {
    for (const Parameter& parameter : parameters) {
      Copy(TensorName(space, parameter), parameter.tensor);
    }
  }
  void Copy(const std::string& name, const at::Tensor& to) {
    const auto found = tensors_.find(name);
    if (found != tensors_.end()) to.copy_(found->second);
  }

  std::map<std::string, at::Tensor> tensors_;
  std::map<std::string, double> numbers_;
  std::map<std::string, int64_t> integers_;
};

}  // namespace

RunState SaveRun(Run<Model>& run) {
  Saver saver;
  run.Save(saver);
  return std::move(saver.state);
}

absl::Status CheckRunState(Run<Model>& run, const RunState& state) {
  Checker checker(state);
  run.Save(checker);
  return checker.status();
}

void RestoreRun(Run<Model>& run, const RunState& state) {
  Loader loader(state);
  run.Restore(loader);
}

}  // namespace descent
