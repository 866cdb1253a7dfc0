// Element-wise optimizers that have something left to do for each parameter by itself, once their
// pass has made averages or a direction: LAMB, Muon, Adafactor.
//
// Besides what elementwise.h asks for, such an optimizer has
//
//   template <class P>
//   static void Finish(const Present<O>& now, const OneParameter<P>& parameter);
//   // The states of other shapes than the parameter's, by name.
//   template <class P>
//   static OwnStatesOf<P> OwnStates(const P& x);
//   DESCENT_PARAMETERWISE_OPTIMIZER(O)
//
// P is at::Tensor, with the parameter's shape: each parameter of a model is a tensor by itself. A
// space without tensors has no shapes, so there P is its element, as one parameter that is no
// matrix.
#ifndef DESCENT_CORE_OPTIMIZER_PARAMETERWISE_H_
#define DESCENT_CORE_OPTIMIZER_PARAMETERWISE_H_

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/optimizer/elementwise.h"
#include "core/optimizer/elementwise_base.h"
#include "core/optimizer/flat_update.h"
#include "core/optimizer/groups.h"
#include "core/optimizer/optimizer.h"
#include "core/optimizer/parts.h"
#include "core/optimizer/state.h"
#include "core/space/flat_space.h"
#include "core/space/space.h"

namespace descent {

template <class P>
struct OneParameter {
  P& x;
  std::array<P*, internal::kMaxStates> states;  // in the order of States()
  std::span<P> own;                             // the states that OwnStates() made for it
};

template <class P>
using OwnStatesOf = std::vector<std::pair<std::string_view, P>>;

template <ElementwiseAlgebra X, ElementwiseRule O>
class ParameterwiseMethod : public ElementwiseMethod<X, O> {
 public:
  // Throws std::invalid_argument naming the field or group.
  ParameterwiseMethod(const O& options, const X& x0, std::span<const ParameterGroup> groups = {})
      : ElementwiseMethod<X, O>(options, x0, groups) {
    if constexpr (NamedParameters<X>) {
      for (const auto& parameter : this->x().parameters()) {
        MakeOwn(parameter.tensor, "/" + parameter.name);
      }
    } else {
      static_assert(std::same_as<P, X>, "a space of several tensors has to name them");
      MakeOwn(this->x(), "");
    }
  }

  void Visit(StateVisitor<X>& visitor) override {
    ElementwiseMethod<X, O>::Visit(visitor);
    for (Own& own : own_) {
      for (size_t i = 0; i < own.states.size(); ++i) {
        if constexpr (FlatSpace<X>) {
          visitor.Tensor(own.names[i], own.states[i]);
        } else {
          visitor.Space(own.names[i], own.states[i]);
        }
      }
    }
  }

 private:
  using P = std::conditional_t<FlatSpace<X>, at::Tensor, X>;

  // The states of one parameter that have other shapes than its own.
  struct Own {
    std::vector<std::string> names;
    std::vector<P> states;
  };

  void MakeOwn(const P& x, const std::string& suffix) {
    Own& own = own_.emplace_back();
    for (auto& [name, state] : O::OwnStates(x)) {
      own.names.push_back(std::string(name) + suffix);
      own.states.push_back(std::move(state));
    }
  }

  void Finish(const Present<O>& now, const internal::PartPlaces& places) override {
    std::vector<X>& states = this->states();
    if constexpr (NamedParameters<X>) {
      std::array<at::Tensor, internal::kMaxStates> tensors;
      for (const size_t p : places.parameters) {
        at::Tensor x = this->x().parameters()[p].tensor;
        OneParameter<P> parameter{.x = x, .states = {}, .own = own_[p].states};
        for (size_t i = 0; i < states.size(); ++i) {
          tensors[i] = states[i].parameters()[p].tensor;
          parameter.states[i] = &tensors[i];
        }
        O::Finish(now, parameter);
      }
    } else {
      OneParameter<P> parameter{.x = this->x(), .states = {}, .own = own_[0].states};
      for (size_t i = 0; i < states.size(); ++i) parameter.states[i] = &states[i];
      O::Finish(now, parameter);
    }
  }

  std::vector<Own> own_;  // for each parameter
};

// Makes an optimizer of a struct with hyperparameters, a rule and a finish.
#define DESCENT_PARAMETERWISE_OPTIMIZER(Name)                                  \
  ::absl::Status Validate() const { return ::descent::ValidateFields(*this); } \
  DESCENT_METHOD(::descent::ElementwiseAlgebra, ::descent::ParameterwiseMethod<X, Name>)

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_PARAMETERWISE_H_
