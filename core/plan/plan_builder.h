// A layer states its static plan to a `PlanBuilder`: forward and vector–Jacobian product as steps
// on buffers that are laid out once (plan.h runs them).
//
//   PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
//     const PlanTensor y = plan.Output(x.sizes(), {x});
//     plan.Forward({.reads = {x}, .writes = {y}, .run = [=] { at::tanh_out(*y, *x); }});
//     const PlanTensor dy = plan.Gradient(y), dx = plan.Contribution(x);
//     plan.Backward({.reads = {dy, y}, .writes = {dx},
//                    .run = [=] { at::tanh_backward_out(*dx, *dy, *y); }});
//     return y;
//   }
//
// Forward steps run in the order in which they were stated, backward steps in the reverse one. What
// a step reads and writes decides how long each buffer lives, and so where it lies; a step touches
// nothing else. The function is kept longer than the layer: it captures handles and numbers, never
// the layer or a tensor of it. It runs below autograd, and should not allocate.
//
// A builder owns what it made until a Plan takes it over. Not thread-safe.
#ifndef DESCENT_CORE_PLAN_PLAN_BUILDER_H_
#define DESCENT_CORE_PLAN_PLAN_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "c10/core/Device.h"
#include "c10/core/ScalarType.h"

namespace descent {

namespace internal {

struct PlanSlot {
  enum class Kind : uint8_t { kBuffer, kInput, kParameter, kGradient, kState };

  at::Tensor tensor;  // what a handle shows when the plan runs
  std::vector<int64_t> sizes;
  at::ScalarType dtype;
  Kind kind = Kind::kBuffer;
  size_t index = 0;          // the number of the input, parameter or state
  PlanSlot* root = nullptr;  // whose memory it is: its own, unless it is a view
  bool needs_gradient = false;
  PlanSlot* gradient = nullptr;  // only roots have one
  // For a contribution, the gradient that it is a share of. The first share that is written is the
  // gradient's own memory, the others are added to it.
  PlanSlot* sum = nullptr;
};

}  // namespace internal

// A tensor of a plan: contiguous, its first dimension usually the batch. While the plan is built
// only its shape is known; `*t` is the tensor when a step runs. It may be none, which is a gradient
// that nobody needs. A cheap handle, valid as long as its plan.
class PlanTensor {
 public:
  PlanTensor() = default;
  explicit operator bool() const { return slot_ != nullptr; }
  const at::Tensor& operator*() const { return slot_->tensor; }
  const at::Tensor* operator->() const { return &slot_->tensor; }

  const std::vector<int64_t>& sizes() const { return slot_->sizes; }
  int64_t size(size_t dimension) const { return slot_->sizes[dimension]; }
  at::ScalarType dtype() const { return slot_->dtype; }

 private:
  friend class PlanBuilder;
  friend class Plan;
  explicit PlanTensor(internal::PlanSlot* slot) : slot_(slot) {}
  internal::PlanSlot* slot_ = nullptr;
};

struct PlanStep {
  // What is read and written; handles that are none may be listed.
  std::vector<PlanTensor> reads;
  std::vector<PlanTensor> writes;  // in full, whatever was there
  std::function<void()> run;
  // True if the first of `writes` may lie in the memory of the first of `reads` (of the same size).
  bool in_place = false;
};

class PlanBuilder {
 public:
  // `parameters` and `states` are those of the model, in its order. Without them the plan can be
  // stated (that is how one finds out whether a layer has one) but not made.
  PlanBuilder(at::ScalarType dtype, at::Device device, std::span<const at::Tensor> parameters = {},
              std::span<const at::Tensor> states = {});

  // The dtype of every tensor for which no other is asked: the model's, or what ComputeIn said.
  at::ScalarType dtype() const { return dtype_; }
  // Sets it from here on; what comes in is to be cast (steps.h).
  void ComputeIn(at::ScalarType dtype) { dtype_ = dtype; }
  at::Device device() const { return device_; }

  // An input, which is given at each run; nobody needs its gradient.
  PlanTensor Input(std::vector<int64_t> sizes, at::ScalarType dtype);
  // A field of the layer that it lists. The same field is the same parameter.
  PlanTensor Parameter(const at::Tensor& field);
  // A field that the layer lists as state: read and written by forward steps, without gradient.
  PlanTensor State(const at::Tensor& field);
  // The iteration of each run, for steps whose randomness or state depends on it. Valid as long as
  // the plan.
  std::shared_ptr<const int64_t> Iteration() const { return iteration_; }
  // What a layer computes; it needs a gradient if one of `from` does.
  PlanTensor Output(std::vector<int64_t> sizes, std::initializer_list<PlanTensor> from);
  // Whatever else has to be kept from one step to another, without gradient.
  PlanTensor Scratch(std::vector<int64_t> sizes);
  PlanTensor Scratch(std::vector<int64_t> sizes, at::ScalarType dtype);
  // The same memory in another shape with as many elements. Its gradient is that of x.
  PlanTensor View(const PlanTensor& x, std::vector<int64_t> sizes);

  bool NeedsGradient(const PlanTensor& x) const { return x && x.slot_->root->needs_gradient; }
  // The derivative of the objective by y, to be read by backward steps; none if nobody needs it.
  PlanTensor Gradient(const PlanTensor& y);
  // Where a step that uses x (a value or a parameter) writes its share of the derivative by x. Ask
  // once per use; the shares are added. It is none if nobody needs it.
  PlanTensor Contribution(const PlanTensor& x);

  void Forward(PlanStep step);
  // Leaves the step out if it has nothing to write.
  void Backward(PlanStep step);

 private:
  friend class Plan;
  using Slot = internal::PlanSlot;

  Slot* NewSlot(std::vector<int64_t> sizes, at::ScalarType dtype, Slot::Kind kind);
  Slot* FieldSlot(const at::Tensor& field, Slot::Kind kind, std::span<const at::Tensor> all);
  Slot* GradientOf(Slot* root);
  PlanTensor ViewOf(Slot* root, std::vector<int64_t> sizes);
  // Gives all steps in the order of execution, with sums of contributions.
  std::vector<PlanStep> Program();

  at::ScalarType dtype_;
  const at::Device device_;
  const std::span<const at::Tensor> parameters_;
  const std::span<const at::Tensor> states_;
  const std::shared_ptr<int64_t> iteration_ = std::make_shared<int64_t>(0);
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<const void*> fields_;  // which parameter or state each of field_slots_ is
  std::vector<Slot*> field_slots_;
  size_t inputs_ = 0;
  std::vector<PlanStep> forward_;
  std::vector<PlanStep> backward_;
};

}  // namespace descent

#endif  // DESCENT_CORE_PLAN_PLAN_BUILDER_H_
