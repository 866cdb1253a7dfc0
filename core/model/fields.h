// `Fields` is how a struct of tensors and submodels lists what it is made of.
//
//   struct Line {
//     at::Tensor weight, bias;
//     void fields(descent::Fields& list) { list("weight", weight)("bias", bias); }
//     at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
//   };
//   struct Two {
//     Line first, second;
//     void fields(descent::Fields& list) { list("first", first)("second", second); }
//   };
//
// Listed tensors are parameters: floating point, trained. What a model remembers besides (running
// averages of batch normalization; PyTorch calls them buffers) is listed with `state`: any dtype,
// copied with the model and saved with it, but no part of the vector space. What isn't listed is
// copied with the struct and otherwise left alone. A std::tuple of such structs is one too; its
// fields are `0.weight`, `1.weight`, …
#ifndef DESCENT_CORE_MODEL_FIELDS_H_
#define DESCENT_CORE_MODEL_FIELDS_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace at {
class Tensor;
}

namespace descent {

class Fields;

// Lists what `s` is made of.
template <class S>
  requires requires(S& s, Fields& fields) { s.fields(fields); }
void ListFields(S& s, Fields& fields);
template <class... S>
void ListFields(std::tuple<S...>& s, Fields& fields);

class Fields {
 public:
  struct Field {
    std::string name;  // the path from the root: `first.weight`
    at::Tensor* tensor;
  };

  Fields& operator()(std::string_view name, at::Tensor& tensor);
  Fields& state(std::string_view name, at::Tensor& tensor);
  // Tells where the struct keeps whether it is held, because all its parameters are frozen: then
  // its states don't move, and it computes in training as in inference.
  Fields& held(bool& held);

  // Lists a submodel, whose fields get the prefix `name.`.
  template <class Submodel>
    requires requires(Submodel& submodel, Fields& fields) { ListFields(submodel, fields); }
  Fields& operator()(std::string_view name, Submodel& submodel) {
    const auto length = prefix_.size();
    prefix_.append(name).push_back('.');
    ListFields(submodel, *this);
    prefix_.resize(length);
    return *this;
  }

  const std::vector<Field>& list() const { return list_; }
  const std::vector<Field>& states() const { return states_; }

  struct Held {
    std::string prefix;  // how the struct's names begin: `first.`; empty: the root
    bool* held;
  };
  const std::vector<Held>& held() const { return held_; }

 private:
  std::string prefix_;
  std::vector<Field> list_;
  std::vector<Field> states_;
  std::vector<Held> held_;
};

// Holds the states of a struct if the parameters in it are all frozen; where it has none, those of
// the nearest struct around it that has some decide. `frozen` are places in list().
void HoldStates(const Fields& fields, std::span<const size_t> frozen);
// Gives the paths of the structs whose states are held: `body.0`.
std::vector<std::string> HeldStates(const Fields& fields);

template <class S>
  requires requires(S& s, Fields& fields) { s.fields(fields); }
void ListFields(S& s, Fields& fields) {
  s.fields(fields);
}

template <class... S>
void ListFields(std::tuple<S...>& s, Fields& fields) {
  std::apply(
      [&](S&... parts) {
        size_t i = 0;
        (fields(std::to_string(i++), parts), ...);
      },
      s);
}

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_FIELDS_H_
