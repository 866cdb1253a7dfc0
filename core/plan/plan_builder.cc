#include "core/plan/plan_builder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <numeric>
#include <set>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "c10/core/Device.h"
#include "c10/core/ScalarType.h"

namespace descent {
namespace {

int64_t Count(const std::vector<int64_t>& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
}

}  // namespace

PlanBuilder::PlanBuilder(at::ScalarType dtype, at::Device device,
                         std::span<const at::Tensor> parameters, std::span<const at::Tensor> states)
    : dtype_(dtype), device_(device), parameters_(parameters), states_(states) {}

PlanBuilder::Slot* PlanBuilder::NewSlot(std::vector<int64_t> sizes, at::ScalarType dtype,
                                        Slot::Kind kind) {
  slots_.push_back(std::make_unique<Slot>());
  Slot* slot = slots_.back().get();
  slot->sizes = std::move(sizes);
  slot->dtype = dtype;
  slot->kind = kind;
  slot->root = slot;
  return slot;
}

PlanTensor PlanBuilder::Input(std::vector<int64_t> sizes, at::ScalarType dtype) {
  Slot* slot = NewSlot(std::move(sizes), dtype, Slot::Kind::kInput);
  slot->index = inputs_++;
  return PlanTensor(slot);
}

PlanBuilder::Slot* PlanBuilder::FieldSlot(const at::Tensor& field, Slot::Kind kind,
                                          std::span<const at::Tensor> all) {
  const void* identity = field.unsafeGetTensorImpl();
  const auto known = std::find(fields_.begin(), fields_.end(), identity);
  if (known != fields_.end()) return field_slots_[known - fields_.begin()];
  Slot* slot = NewSlot(field.sizes().vec(), field.scalar_type(), kind);
  const auto place = std::find_if(all.begin(), all.end(), [&](const at::Tensor& tensor) {
    return tensor.unsafeGetTensorImpl() == identity;
  });
  if (!all.empty() && place == all.end()) {
    throw std::invalid_argument("a layer's plan uses a tensor that the layer does not list");
  }
  slot->index = place - all.begin();
  fields_.push_back(identity);
  field_slots_.push_back(slot);
  return slot;
}

PlanTensor PlanBuilder::Parameter(const at::Tensor& field) {
  Slot* slot = FieldSlot(field, Slot::Kind::kParameter, parameters_);
  slot->needs_gradient = true;
  return PlanTensor(slot);
}

PlanTensor PlanBuilder::State(const at::Tensor& field) {
  return PlanTensor(FieldSlot(field, Slot::Kind::kState, states_));
}

PlanTensor PlanBuilder::Output(std::vector<int64_t> sizes, std::initializer_list<PlanTensor> from) {
  Slot* slot = NewSlot(std::move(sizes), dtype_, Slot::Kind::kBuffer);
  slot->needs_gradient =
      std::any_of(from.begin(), from.end(), [&](const PlanTensor& x) { return NeedsGradient(x); });
  return PlanTensor(slot);
}

PlanTensor PlanBuilder::Scratch(std::vector<int64_t> sizes) {
  return Scratch(std::move(sizes), dtype_);
}

PlanTensor PlanBuilder::Scratch(std::vector<int64_t> sizes, at::ScalarType dtype) {
  return PlanTensor(NewSlot(std::move(sizes), dtype, Slot::Kind::kBuffer));
}

PlanTensor PlanBuilder::ViewOf(Slot* root, std::vector<int64_t> sizes) {
  if (Count(sizes) != Count(root->sizes)) {
    throw std::invalid_argument("a view in a plan has another number of elements");
  }
  Slot* slot = NewSlot(std::move(sizes), root->dtype, root->kind);
  slot->root = root;
  return PlanTensor(slot);
}

PlanTensor PlanBuilder::View(const PlanTensor& x, std::vector<int64_t> sizes) {
  return ViewOf(x.slot_->root, std::move(sizes));
}

PlanBuilder::Slot* PlanBuilder::GradientOf(Slot* root) {
  if (root->gradient == nullptr) {
    const bool parameter = root->kind == Slot::Kind::kParameter;
    root->gradient =
        NewSlot(root->sizes, root->dtype, parameter ? Slot::Kind::kGradient : Slot::Kind::kBuffer);
    root->gradient->index = root->index;
  }
  return root->gradient;
}

PlanTensor PlanBuilder::Gradient(const PlanTensor& y) {
  if (!NeedsGradient(y)) return PlanTensor();
  return ViewOf(GradientOf(y.slot_->root), y.sizes());
}

PlanTensor PlanBuilder::Contribution(const PlanTensor& x) {
  if (!NeedsGradient(x)) return PlanTensor();
  Slot* root = x.slot_->root;
  GradientOf(root);
  // Which memory the share has is decided when all contributions are known.
  Slot* share = NewSlot(x.sizes(), root->dtype, Slot::Kind::kBuffer);
  share->sum = root->gradient;
  return PlanTensor(share);
}

void PlanBuilder::Forward(PlanStep step) { forward_.push_back(std::move(step)); }

void PlanBuilder::Backward(PlanStep step) {
  if (std::any_of(step.writes.begin(), step.writes.end(),
                  [](const PlanTensor& tensor) { return static_cast<bool>(tensor); })) {
    backward_.push_back(std::move(step));
  }
}

std::vector<PlanStep> PlanBuilder::Program() {
  // A parameter that nothing depends on has a gradient too: zero.
  for (const at::Tensor& parameter : parameters_) GradientOf(Parameter(parameter).slot_);
  std::vector<PlanStep> program;
  std::set<const Slot*> begun;  // the gradients that have been written
  const auto add = [&](const PlanStep& step) {
    program.push_back(step);
    for (const PlanTensor& written : step.writes) {
      if (!written || written.slot_->sum == nullptr) continue;
      Slot* gradient = written.slot_->sum;
      if (begun.insert(gradient).second) {
        written.slot_->root = gradient;
        continue;
      }
      const PlanTensor sum = ViewOf(gradient, gradient->sizes);
      const PlanTensor share = ViewOf(written.slot_, gradient->sizes);
      program.push_back(
          {.reads = {sum, share}, .writes = {sum}, .run = [=] { sum->add_(*share); }});
    }
  };
  for (const PlanStep& step : forward_) add(step);
  for (auto step = backward_.rbegin(); step != backward_.rend(); ++step) add(*step);
  std::vector<PlanStep> zeros;
  for (const std::unique_ptr<Slot>& slot : slots_) {
    if (slot->gradient == nullptr || begun.contains(slot->gradient)) continue;
    const PlanTensor gradient(slot->gradient);
    zeros.push_back({.reads = {}, .writes = {gradient}, .run = [=] { gradient->zero_(); }});
  }
  program.insert(program.begin(), zeros.begin(), zeros.end());
  return program;
}

}  // namespace descent
