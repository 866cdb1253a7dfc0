// A model is anything that lists its tensors (fields.h), with all of them in one flat buffer.
//
// `ModelOf(Line{…})` takes a struct of one's own; `Model` (layers.h) is the tree of layers that a
// spec describes. A model is a value: copies are deep, an assignment keeps no memory of the source.
// It is a space (space.h), so a gradient has the same type as its model, and `2.0 * x + y`, `dot`,
// `axpy` are one operation on the flat buffer whatever the structure.
//
// The structure's tensors are views of the flat buffer: write into them (`x->bias.zero_()` or
// `copy_`); they can't be replaced. Its states (fields.h) are copied with the model, assigned with
// it, and left alone by every other operation. Not thread-safe: `gradient(objective, x)` too uses x
// exclusively.
#ifndef DESCENT_CORE_MODEL_MODEL_H_
#define DESCENT_CORE_MODEL_MODEL_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "c10/core/ScalarType.h"
#include "core/model/fields.h"
#include "core/model/flat_parameters.h"
#include "core/space/flat_space.h"
#include "core/space/space.h"

namespace descent {

template <class S>
concept Structure = std::copyable<S> && requires(S& s, Fields& fields) { ListFields(s, fields); };

template <Structure S>
class ModelOf {
 public:
  // Takes the values of the structure's tensors; what they were before is no longer referred to.
  // Throws std::invalid_argument naming the field if one is undefined or not floating point.
  explicit ModelOf(S structure) : structure_(std::move(structure)) {
    const Fields fields = Listed(structure_);
    parameters_ = FlatParameters::Gather(fields.list());
    states_ = FlatParameters::GatherStates(fields.states());
  }

  ModelOf(const ModelOf& other) : structure_(other.structure_) {
    const Fields fields = Listed(structure_);
    parameters_ = other.parameters_.Clone(fields.list());
    states_ = other.states_.Clone(fields.states());
  }
  ModelOf(ModelOf&& other) noexcept = default;
  ModelOf& operator=(const ModelOf& other) { return *this = ModelOf(other); }
  ModelOf& operator=(ModelOf&& other) noexcept = default;

  static ModelOf zeros_like(const ModelOf& other) {
    S structure(other.structure_);
    const Fields fields = Listed(structure);
    FlatParameters parameters = other.parameters_.ZerosLike(fields.list());
    FlatParameters states = other.states_.ZerosLike(fields.states());
    return ModelOf(std::move(structure), std::move(parameters), std::move(states));
  }

  // Gives the same numbers rounded to another floating-point type, in buffers of the same layout;
  // states keep theirs. A structure that has to know (layers.h) is told by ComputeIn(dtype).
  ModelOf To(at::ScalarType dtype) const {
    S structure(structure_);
    if constexpr (requires { structure.ComputeIn(dtype); }) structure.ComputeIn(dtype);
    const Fields fields = Listed(structure);
    FlatParameters parameters = parameters_.To(dtype, fields.list());
    FlatParameters states = states_.Clone(fields.states());
    return ModelOf(std::move(structure), std::move(parameters), std::move(states));
  }

  // Tells that these parameters (places in parameters()) won't move. A layer whose parameters are
  // all among them is held: its states don't move either, and it computes in training as in
  // inference. Copies made later know it.
  void Freeze(std::span<const size_t> frozen) { HoldStates(Listed(structure_), frozen); }
  // Gives the paths of the layers that are held.
  std::vector<std::string> held() const {
    S copy(structure_);
    return HeldStates(Listed(copy));
  }

  template <class... Args>
    requires std::invocable<const S&, Args...>
  decltype(auto) operator()(Args&&... args) const {
    return structure_(std::forward<Args>(args)...);
  }

  const S* operator->() const { return &structure_; }
  const S& operator*() const { return structure_; }

  // The named views, in the order in which the structure lists them.
  std::span<const Parameter> parameters() const { return parameters_.views(); }
  // The named views of what the model remembers besides, such as running averages, in the same
  // order.
  std::span<const Parameter> states() const { return states_.views(); }
  // The number of scalars.
  int64_t parameter_count() const { return parameters_.count(); }
  const FlatParameters& flat() const { return parameters_; }
  const FlatParameters& flat_states() const { return states_; }

  ModelOf& operator+=(const ModelOf& other) { return axpy(1, other); }
  ModelOf& operator-=(const ModelOf& other) { return axpy(-1, other); }
  ModelOf& operator*=(double a) {
    flat::scale(a, parameters_.buffers());
    return *this;
  }
  friend ModelOf operator+(ModelOf x, const ModelOf& y) { return std::move(x += y); }
  friend ModelOf operator-(ModelOf x, const ModelOf& y) { return std::move(x -= y); }
  friend ModelOf operator-(ModelOf x) { return std::move(x *= -1); }
  friend ModelOf operator*(double a, ModelOf x) { return std::move(x *= a); }
  friend ModelOf operator*(ModelOf x, double a) { return std::move(x *= a); }

 private:
  ModelOf(S structure, FlatParameters parameters, FlatParameters states)
      : structure_(std::move(structure)),
        parameters_(std::move(parameters)),
        states_(std::move(states)) {}

  static Fields Listed(S& structure) {
    Fields fields;
    ListFields(structure, fields);
    return fields;
  }

  ModelOf& axpy(double a, const ModelOf& x);

  S structure_;
  FlatParameters parameters_;
  FlatParameters states_;
};

template <Structure S>
struct Space<ModelOf<S>> {
  using M = ModelOf<S>;
  static M copy(const M& x) { return x; }
  static M zeros_like(const M& x) { return M::zeros_like(x); }
  static Buffers buffers(const M& x) { return x.flat().buffers(); }
  static Buffers states(const M& x) { return x.flat_states().buffers(); }
  static void assign(const M& x, M& y) {
    flat::assign(Matching(x, y), buffers(y));
    flat::assign(states(x), states(y));
  }
  static void scale(double a, M& x) { flat::scale(a, buffers(x)); }
  static void axpy(double a, const M& x, M& y) { flat::axpy(a, Matching(x, y), buffers(y)); }
  static double dot(const M& x, const M& y) { return flat::dot(Matching(x, y), buffers(y)); }
  static double norm(const M& x) { return flat::norm(buffers(x)); }
  static void multiply(const M& x, M& y) { flat::multiply(Matching(x, y), buffers(y)); }
  static void divide(const M& x, M& y) { Matching(x, y), y.flat().Divide(x.flat()); }
  static void square_root(M& x) { flat::square_root(buffers(x)); }
  static void shift(double a, M& x) { x.flat().Shift(a); }
  static void absolute_value(M& x) { flat::absolute_value(buffers(x)); }
  static void signum(M& x) { flat::signum(buffers(x)); }
  static void maximum(const M& x, M& y) { flat::maximum(Matching(x, y), buffers(y)); }

 private:
  // Gives x's buffers, once it is sure that they correspond to y's.
  static Buffers Matching(const M& x, const M& y) {
    if (!x.flat().SameLayout(y.flat())) {
      throw std::invalid_argument("the two models differ in their parameters' names or shapes");
    }
    return buffers(x);
  }
};

template <Structure S>
ModelOf<S>& ModelOf<S>::axpy(double a, const ModelOf& x) {
  Space<ModelOf>::axpy(a, x, *this);
  return *this;
}

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_MODEL_H_
