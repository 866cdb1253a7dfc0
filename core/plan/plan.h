// A `Plan` is a compiled objective: value and gradient as a list of steps on static buffers.
//
// No graph is recorded and nothing is allocated while it runs (on CPU): the buffers lie in one
// arena, 64-byte aligned, sharing memory where their lifetimes allow; the gradient is written into
// the flat gradient's memory. A plan is made for one batch shape, dtype and device, and works on
// any model of the same structure: each run binds its tensors to the memory that it is given, which
// costs nothing if that is the same as last time. What was bound last is kept alive.
//
// The same arguments give the same bits. A plan owns its arena, or shares it with other plans that
// don't run at the same time. Not thread-safe.
#ifndef DESCENT_CORE_PLAN_PLAN_H_
#define DESCENT_CORE_PLAN_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/plan/plan_builder.h"
#include "core/space/flat_space.h"

namespace descent {

class Plan {
 public:
  // `value` is one number, written by a forward step. `buffers` and `states` are the flat buffers
  // that the builder's parameters and states are views of. `arena` is replaced by a larger one if
  // it is too small. `report` is further numbers that somebody wants to know after a run, and may
  // be none.
  Plan(PlanBuilder builder, const PlanTensor& value, Buffers buffers, at::Tensor* arena,
       Buffers states = {}, const PlanTensor& report = PlanTensor());

  // Gives the value on these inputs (in the order in which the builder was asked for them;
  // contiguous, of the sizes and dtypes asked for) at the parameters in the buffers x, and writes
  // the gradient into the buffers g, whose gaps are left alone. x, g and states have the layouts
  // that the plan was made for.
  double Run(Buffers x, Buffers g,
             std::initializer_list<std::reference_wrapper<const at::Tensor>> inputs,
             int64_t iteration = 0, Buffers states = {});

  // Reads what the last run wrote into `report`, before another plan of the arena runs.
  void ReadReport(std::span<double> numbers) const;

  // The bytes of its own buffers in the arena.
  int64_t arena_bytes() const { return arena_bytes_; }
  // The bytes that they would take without sharing memory.
  int64_t unshared_bytes() const { return unshared_bytes_; }
  size_t steps() const { return program_.size(); }

 private:
  using Slot = internal::PlanSlot;

  // Tensors on memory that is given at each run.
  struct Binding {                 // the storage that they share at present
    const void* memory = nullptr;  // of the input in the storage, in elements
    int64_t offset = 0;            // in elements, of the input in it
    std::vector<at::TensorImpl*> tensors;
  };

  static void Rebind(const at::Tensor& memory, Binding* binding);

  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<std::function<void()>> program_;
  PlanTensor value_, report_;
  at::Tensor arena_;
  int64_t arena_bytes_ = 0;
  int64_t unshared_bytes_ = 0;
  std::vector<Binding> parameters_;  // by flat buffer
  std::vector<Binding> gradients_;   // by flat buffer
  std::vector<Binding> states_;      // by flat buffer of states
  std::vector<Binding> inputs_;      // by input
  std::shared_ptr<int64_t> iteration_;
};

}  // namespace descent

#endif  // DESCENT_CORE_PLAN_PLAN_H_
