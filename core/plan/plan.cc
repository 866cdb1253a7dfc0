#include "core/plan/plan.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "c10/core/ScalarType.h"
#include "c10/core/TensorImpl.h"
#include "core/plan/arena_layout.h"
#include "core/plan/plan_builder.h"
#include "core/space/flat_space.h"
#include "core/space/number.h"

namespace descent {
namespace {

using internal::PlanSlot;
using Kind = PlanSlot::Kind;

constexpr int64_t kAlignment = 64;  // bytes: a cache line, and AVX-512's vector

PlanSlot* Root(PlanSlot* slot) {
  while (slot->root != slot) slot = slot->root;
  return slot;
}

int64_t Bytes(const PlanSlot& slot) {
  int64_t bytes = static_cast<int64_t>(c10::elementSize(slot.dtype));
  for (const int64_t size : slot.sizes) {
    if (__builtin_mul_overflow(bytes, size, &bytes)) throw std::bad_alloc();
  }
  return bytes;
}

// The buffers of a program, in groups that share the same memory because steps work in place.
class Lifetimes {
 public:
  // Notes that step t reads the slot.
  void Read(PlanSlot* slot, size_t t) {
    PlanSlot* root = Root(slot);
    if (root->kind != Kind::kBuffer) return;
    const auto found = group_.find(root);
    if (found == group_.end()) throw std::logic_error("a plan reads what no step has written");
    lifetimes_[found->second].last = t;
  }
  void Write(PlanSlot* slot, size_t t) {
    PlanSlot* root = Root(slot);
    if (root->kind != Kind::kBuffer) return;
    const auto [found, added] = group_.emplace(root, lifetimes_.size());
    if (added) {
      lifetimes_.push_back({Bytes(*root), t, t});
    } else {
      lifetimes_[found->second].last = t;
    }
  }

  // Makes x, which dies at step t, and y, which is born there, one.
  void Unite(PlanSlot* x, PlanSlot* y, size_t t) {
    const auto from = group_.find(Root(y)), to = group_.find(Root(x));
    if (from == group_.end() || to == group_.end() || from->second == to->second) return;
    Lifetime& one = lifetimes_[to->second];
    Lifetime& other = lifetimes_[from->second];
    if (one.last != t || other.first != t || one.bytes != other.bytes) return;
    one.last = other.last;
    const size_t gone = from->second;
    lifetimes_[gone].bytes = 0;
    for (auto& [slot, group] : group_) {
      if (group == gone) group = to->second;
    }
  }

  const std::map<PlanSlot*, size_t>& groups() const { return group_; }
  const std::vector<Lifetime>& lifetimes() const { return lifetimes_; }

 private:
  std::map<PlanSlot*, size_t> group_;  // by root
  std::vector<Lifetime> lifetimes_;    // by group
};

}  // namespace

Plan::Plan(PlanBuilder builder, const PlanTensor& value, Buffers buffers, at::Tensor* arena,
           Buffers states, const PlanTensor& report)
    : value_(value),
      report_(report),
      parameters_(buffers.size()),
      gradients_(buffers.size()),
      states_(states.size()),
      iteration_(builder.iteration_) {
  const at::AutoDispatchBelowADInplaceOrView guard;
  const std::vector<PlanStep> program = builder.Program();
  slots_ = std::move(builder.slots_);

  Lifetimes lifetimes;
  for (size_t t = 0; t < program.size(); ++t) {
    for (const PlanTensor& read : program[t].reads) {
      if (read) lifetimes.Read(read.slot_, t);
    }
    for (const PlanTensor& written : program[t].writes) {
      if (written) lifetimes.Write(written.slot_, t);
    }
    program_.push_back(program[t].run);
  }
  lifetimes.Read(value.slot_, program.size());
  if (report) lifetimes.Read(report.slot_, program.size());
  for (const auto& [slot, group] : lifetimes.groups()) unshared_bytes_ += Bytes(*slot);
  for (size_t t = 0; t < program.size(); ++t) {
    const PlanStep& step = program[t];
    if (!step.in_place || !step.reads.front() || !step.writes.front()) continue;
    lifetimes.Unite(step.reads.front().slot_, step.writes.front().slot_, t);
  }
  const ArenaLayout layout = LayOut(lifetimes.lifetimes(), kAlignment);
  arena_bytes_ = layout.bytes;
  const auto options = at::TensorOptions().device(builder.device());
  if (!arena->defined() || arena->numel() < arena_bytes_) {
    *arena = at::empty({arena_bytes_}, options.dtype(at::kByte));
  }
  arena_ = *arena;

  inputs_.resize(builder.inputs_);
  for (const std::unique_ptr<Slot>& owned : slots_) {
    Slot* slot = owned.get();
    Slot* root = Root(slot);
    if (root->kind == Kind::kBuffer) {
      const auto found = lifetimes.groups().find(root);
      if (found == lifetimes.groups().end()) continue;  // no step uses it
      slot->tensor = arena_.narrow(0, layout.offsets[found->second], Bytes(*root))
                         .view(slot->dtype)
                         .view(slot->sizes);
      continue;
    }
    // The storage comes with each run.
    slot->tensor = at::empty({0}, options.dtype(slot->dtype));
    at::TensorImpl* impl = slot->tensor.unsafeGetTensorImpl();
    impl->set_sizes_contiguous(slot->sizes);
    if (root->kind == Kind::kInput) {
      inputs_[root->index].tensors.push_back(impl);
      continue;
    }
    const bool state = root->kind == Kind::kState;
    const at::Tensor& view = (state ? builder.states_ : builder.parameters_)[root->index];
    const Buffers flat = state ? states : buffers;
    size_t buffer = 0;
    while (!flat[buffer].is_alias_of(view)) ++buffer;
    impl->set_storage_offset(view.storage_offset());
    auto& bindings = state ? states_ : root->kind == Kind::kParameter ? parameters_ : gradients_;
    bindings[buffer].tensors.push_back(impl);
  }
}

void Plan::Rebind(const at::Tensor& memory, Binding* binding) {
  const c10::Storage& storage = memory.storage();
  if (binding->memory == storage.unsafeGetStorageImpl()) return;
  for (at::TensorImpl* tensor : binding->tensors) tensor->set_storage_keep_dtype(storage);
  binding->memory = storage.unsafeGetStorageImpl();
}

double Plan::Run(Buffers x, Buffers g,
                 std::initializer_list<std::reference_wrapper<const at::Tensor>> inputs,
                 int64_t iteration, Buffers states) {
  *iteration_ = iteration;
  for (size_t i = 0; i < states.size(); ++i) Rebind(states[i], &states_[i]);
  for (size_t i = 0; i < x.size(); ++i) Rebind(x[i], &parameters_[i]);
  for (size_t i = 0; i < g.size(); ++i) Rebind(g[i], &gradients_[i]);
  size_t i = 0;
  for (const at::Tensor& input : inputs) {
    Binding& binding = inputs_[i++];
    Rebind(input, &binding);
    if (binding.offset == input.storage_offset()) continue;
    binding.offset = input.storage_offset();
    for (at::TensorImpl* tensor : binding.tensors) tensor->set_storage_offset(binding.offset);
  }
  const at::AutoDispatchBelowADInplaceOrView guard;
  for (const std::function<void()>& step : program_) step();
  return Number(*value_);
}

void Plan::ReadReport(std::span<double> numbers) const {
  const at::Tensor on_cpu = report_->is_cpu() ? *report_ : report_->cpu();
  for (size_t i = 0; i < numbers.size(); ++i) {
    switch (on_cpu.scalar_type()) {
      case at::kFloat:
        numbers[i] = on_cpu.const_data_ptr<float>()[i];
        break;
      case at::kDouble:
        numbers[i] = on_cpu.const_data_ptr<double>()[i];
        break;
      default:
        numbers[i] = on_cpu[static_cast<int64_t>(i)].item<double>();
    }
  }
}

}  // namespace descent
