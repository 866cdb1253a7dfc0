// A `Penalty` is a term of an objective that is a function of the parameters themselves.
//
// A kind of penalty is an option struct that declares its fields (core/fields) and makes a
// `Penalty`; they are listed in penalty_kinds.h. Values; any thread.
#ifndef DESCENT_CORE_OBJECTIVE_PENALTY_H_
#define DESCENT_CORE_OBJECTIVE_PENALTY_H_

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "core/fields/fields.h"
#include "core/model/flat_parameters.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

struct Penalty {
  std::string name;           // `l2`
  Sequence weight;            // each ≥ 0
  std::string pattern = "*";  // which parameters, by their names (core/model/pattern.h)
  // Gives the penalty at one parameter, as autograd can differentiate it: a tensor with one number.
  std::function<at::Tensor(const at::Tensor& x)> value;
  // Gives the same number, and adds its derivative, times the weight, to g, which has x's shape.
  std::function<double(double weight, const at::Tensor& x, const at::Tensor& g)> add;
};

// Declares the two fields that penalties of every kind have.
inline void DescribePenalty(FieldList& fields, Sequence& weight, std::string& pattern) {
  fields(NonNegative("weight"), weight).Required("Give a number.");
  // A pattern that fits no parameter is refused where the parameters are known.
  fields(Named("pattern"), pattern).MayBeEmpty();
}

// Makes a penalty of options of a kind. Throws std::invalid_argument naming the field that is out
// of range.
template <Declared O>
Penalty MakePenalty(const O& options) {
  ThrowUnlessValid(options);
  return options.Make();
}

// A kind without fields of its own.
template <class Formula>
struct PlainPenalty {
  static constexpr std::string_view kind = Formula::kind;
  Sequence weight = 0.0;
  std::string pattern = "*";

  void Describe(FieldList& fields) { DescribePenalty(fields, weight, pattern); }
  Penalty Make() const {
    return {std::string(kind), weight, pattern, &Formula::Value, &Formula::Add};
  }
};

// This is Σ|x|; where x is 0, so is its derivative.
struct L1Formula {
  static constexpr std::string_view kind = "l1";
  static at::Tensor Value(const at::Tensor& x);
  static double Add(double weight, const at::Tensor& x, const at::Tensor& g);
};
using L1Penalty = PlainPenalty<L1Formula>;

// This is ½Σx².
struct L2Formula {
  static constexpr std::string_view kind = "l2";
  static at::Tensor Value(const at::Tensor& x);
  static double Add(double weight, const at::Tensor& x, const at::Tensor& g);
};
using L2Penalty = PlainPenalty<L2Formula>;

// This is Σ over the parameters of √(number of scalars)·|parameter|, by which whole parameters go
// to zero (Yuan & Lin 2006). Where a parameter is 0, so is its derivative.
struct GroupFormula {
  static constexpr std::string_view kind = "group";
  static at::Tensor Value(const at::Tensor& x);
  static double Add(double weight, const at::Tensor& x, const at::Tensor& g);
};
using GroupPenalty = PlainPenalty<GroupFormula>;

// Gives OK, or INVALID_ARGUMENT naming the penalty that fits no parameter.
absl::Status CheckPenalties(std::span<const Penalty> penalties,
                            std::span<const Parameter> parameters);

// Gives the penalty without its weight, in a form that autograd can differentiate.
at::Tensor PenaltyValue(const Penalty& penalty, std::span<const Parameter> parameters);

// Computes value and derivative in one pass over the flat buffers. It remembers where the
// parameters lie. Not thread-safe.
class PenaltyPass {
 public:
  // Adds each penalty's derivative at x, times its weight, to g; g has x's layout. Writes the
  // values without their weights into `values`. Throws std::invalid_argument where CheckPenalties
  // gives an error.
  void AddTo(std::span<const Penalty> penalties, std::span<const double> weights,
             const FlatParameters& x, const FlatParameters& g, std::span<double> values);

 private:
  struct Place {
    size_t penalty, parameter;
  };
  std::vector<Place> places_;
  FlatParameters::LayoutId layout_;
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_PENALTY_H_
