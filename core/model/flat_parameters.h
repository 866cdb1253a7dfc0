// `FlatParameters` are the parameters of a model in one flat buffer per dtype and device.
//
// Each parameter is a named view that starts at a multiple of 64 bytes; the gaps between them are
// zero, so that `dot` and `norm` of the buffers are those of the parameters. The object owns the
// buffers; the views (and the fields they were bound to) share them. It is movable, and copied by
// `Clone` and `ZerosLike` only, since a copy must be bound to somebody's fields. A model's states
// (fields.h) lie in another object of this class. Not thread-safe.
#ifndef DESCENT_CORE_MODEL_FLAT_PARAMETERS_H_
#define DESCENT_CORE_MODEL_FLAT_PARAMETERS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "c10/core/ScalarType.h"
#include "core/model/fields.h"
#include "core/space/flat_space.h"

namespace descent {

// A named view, such as `hidden.weight`. The tensor shares the flat buffer's memory and knows no
// graph.
struct Parameter {
  std::string name;
  at::Tensor tensor;
};

class FlatParameters {
 private:
  struct Layout;

 public:
  // Names, shapes and places without the numbers; it keeps no buffers alive.
  using LayoutId = std::shared_ptr<const Layout>;

  FlatParameters() = default;
  FlatParameters(FlatParameters&&) noexcept = default;
  FlatParameters& operator=(FlatParameters&&) noexcept = default;

  using FieldList = std::vector<Fields::Field>;

  // Lays out the listed fields, copies their values, and rebinds each field to its view. Throws
  // std::invalid_argument naming the field if it is undefined, not floating point, or listed twice,
  // and if there are none.
  static FlatParameters Gather(const FieldList& fields);
  // Does the same for states, which are of any dtype; there may be none.
  static FlatParameters GatherStates(const FieldList& fields);
  // Give a copy of the numbers (or zeros), with these fields (of a copy of the same structure)
  // bound to it. Throw std::invalid_argument if they aren't the same names and shapes.
  FlatParameters Clone(const FieldList& fields) const;
  FlatParameters ZerosLike(const FieldList& fields) const;
  // Gives a copy in another dtype; each number has the same place in its buffer, so that a view may
  // start at a smaller multiple of bytes.
  FlatParameters To(at::ScalarType dtype, const FieldList& fields) const;

  Buffers buffers() const { return buffers_; }
  // The views, in the order in which the fields were listed.
  std::span<const Parameter> views() const { return views_; }
  // The same tensors without their names.
  std::span<const at::Tensor> tensors() const { return tensors_; }
  // The number of scalars, without the gaps.
  int64_t count() const;
  // True if the names, shapes, dtypes and devices are the same, so that the buffers correspond.
  bool SameLayout(const FlatParameters& other) const { return SameLayout(other.layout_); }
  bool SameLayout(const LayoutId& other) const;
  const LayoutId& layout() const { return layout_; }
  // Do what a gap could not stand, x ← x + a, and x ← x ⊘ divisor, with the gaps left zero.
  void Shift(double a) const;
  void Divide(const FlatParameters& divisor) const;

 private:
  static FlatParameters LayOut(const FieldList& fields);
  void Bind(const FieldList& fields);

  LayoutId layout_;
  std::vector<at::Tensor> buffers_;
  std::vector<Parameter> views_;
  std::vector<at::Tensor> tensors_;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_FLAT_PARAMETERS_H_
