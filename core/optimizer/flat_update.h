// Applies an update rule to flat buffers: in one pass over the memory on the CPU, threaded above a
// size, and by LibTorch's operations elsewhere.
//
// A rule is a callable with the numbers of one step in it:
//   template <class T> void operator()(T& x, const T& gradient, T& state…) const
// for as many states as it was declared with. Where LibTorch has a fused kernel for it (fused.h),
// it calls that, on a GPU, and beside it is said so (kFused):
//   void Fused(at::Tensor& x, const at::Tensor& gradient, at::Tensor& state…) const
// It is a formula on generic elements (lane.h, element.h): + − · / between elements,
// double · element, sqrt, abs, sign, max, min. Free functions; not thread-safe on the same buffers.
#ifndef DESCENT_CORE_OPTIMIZER_FLAT_UPDATE_H_
#define DESCENT_CORE_OPTIMIZER_FLAT_UPDATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ATen/core/LegacyTypeDispatch.h"
#include "ATen/core/Tensor.h"
#include "absl/functional/function_ref.h"
#include "core/optimizer/element.h"
#include "core/optimizer/lane.h"
#include "core/space/flat_space.h"
#include "core/space/tensor_space.h"

namespace descent {

// The numbers offset … offset + count − 1 of one buffer.
struct BufferRange {
  size_t buffer;
  int64_t offset;
  int64_t count;
};

namespace internal {

inline constexpr size_t kMaxStates = 4;

// Calls part(begin, end) for parts of [0, n), on several threads if n is large and LibTorch has
// some.
void InParts(int64_t n, absl::FunctionRef<void(int64_t begin, int64_t end)> part);

// True if the update can go through the memory itself, which holds for contiguous float or double
// on the CPU.
bool Direct(const at::Tensor& buffer);

// Whether the rule has a `Fused`. It is said and not found out, so that one that is misspelt
// doesn't compile.
template <class Rule>
inline constexpr bool kFused = false;

template <class Rule, class T, size_t... I>
concept TakesStates = requires(const Rule& rule, T& x, const T& g, std::array<T, 4>& states) {
  rule(x, g, states[I]...);
};

// Calls run(std::index_sequence<0, …, count − 1>()) if the rule takes that many states.
template <class Rule, class Run>
void WithStates(size_t count, Run run) {
  bool taken = false;
  const auto attempt = [&]<size_t... I>(std::index_sequence<I...> indices) {
    if constexpr (TakesStates<Rule, Lane<float>, I...>) {
      if (count == sizeof...(I)) run(indices), taken = true;
    }
  };
  attempt(std::make_index_sequence<0>());
  attempt(std::make_index_sequence<1>());
  attempt(std::make_index_sequence<2>());
  attempt(std::make_index_sequence<3>());
  attempt(std::make_index_sequence<4>());
  if (!taken) throw std::logic_error("the update rule takes another number of states");
}

// A template that is instantiated once for each rule that rules.cc names, where the compiler's
// flags are for speed. The rule's header says so by `extern template`; a rule that is not named
// there is instantiated wherever it is used: slower, and to the same bits.
template <class Rule>
class FlatUpdate {
 public:
  // Applies the rule to these ranges. `states` are as many as the rule was declared with, each laid
  // out as x is.
  static void Run(const Rule& rule, Buffers x, Buffers gradient, std::span<const Buffers> states,
                  std::span<const BufferRange> ranges);

 private:
  template <class T>
  static void RunDirectly(const Rule& rule, const BufferRange& range, Buffers x, Buffers gradient,
                          std::span<const Buffers> states);
  static void RunByOperations(const Rule& rule, const BufferRange& range, Buffers x,
                              Buffers gradient, std::span<const Buffers> states);
};

template <class Rule>
void FlatUpdate<Rule>::Run(const Rule& rule, Buffers x, Buffers gradient,
                           std::span<const Buffers> states, std::span<const BufferRange> ranges) {
  for (const BufferRange& range : ranges) {
    if (!Direct(x[range.buffer])) {
      RunByOperations(rule, range, x, gradient, states);
    } else if (x[range.buffer].scalar_type() == at::kFloat) {
      RunDirectly<float>(rule, range, x, gradient, states);
    } else {
      RunDirectly<double>(rule, range, x, gradient, states);
    }
  }
}

template <class Rule>
template <class T>
void FlatUpdate<Rule>::RunDirectly(const Rule& rule, const BufferRange& range, Buffers x,
                                   Buffers gradient, std::span<const Buffers> states) {
  T* const x_data = x[range.buffer].template mutable_data_ptr<T>() + range.offset;
  const T* const g_data = gradient[range.buffer].template const_data_ptr<T>() + range.offset;
  std::array<T*, kMaxStates> state_data{};
  for (size_t i = 0; i < states.size(); ++i) {
    state_data[i] = states[i][range.buffer].template mutable_data_ptr<T>() + range.offset;
  }
  WithStates<Rule>(states.size(), [&]<size_t... I>(std::index_sequence<I...>) {
    InParts(range.count, [&](int64_t begin, int64_t end) {
      Update<T>(rule, end - begin, x_data + begin, g_data + begin, (state_data[I] + begin)...);
    });
  });
}

template <class Rule>
void FlatUpdate<Rule>::RunByOperations(const Rule& rule, const BufferRange& range, Buffers x,
                                       Buffers gradient, std::span<const Buffers> states) {
  const at::AutoDispatchBelowADInplaceOrView guard;
  const auto part = [&range](Buffers buffers) {
    return buffers[range.buffer].view(-1).narrow(0, range.offset, range.count);
  };
  at::Tensor x_part = part(x);
  const at::Tensor g_part = part(gradient);
  std::vector<at::Tensor> parts;
  for (const Buffers& state : states) parts.push_back(part(state));
  WithStates<Rule>(states.size(), [&]<size_t... I>(std::index_sequence<I...>) {
    if constexpr (kFused<Rule>) {
      if (x_part.is_cuda()) return rule.Fused(x_part, g_part, parts[I]...);
    }
    std::array<Element<at::Tensor>, sizeof...(I)> elements{Element<at::Tensor>(parts[I])...};
    Element<at::Tensor> x_element(x_part);
    rule(x_element, Element<at::Tensor>::Reading(g_part), elements[I]...);
  });
}

}  // namespace internal
}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_FLAT_UPDATE_H_
