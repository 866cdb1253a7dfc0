// How a struct of tensors and submodels lists what it is made of.
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
// Listed tensors are parameters: floating point, trained. What isn't listed is copied with the
// struct and otherwise left alone.
#ifndef DESCENT_CORE_MODEL_FIELDS_H_
#define DESCENT_CORE_MODEL_FIELDS_H_

#include <string>
#include <string_view>
#include <vector>

namespace at {
class Tensor;
}

namespace descent {

class Fields {
 public:
  struct Field {
    std::string name;  // path from the root: `first.weight`
    at::Tensor* tensor;
  };

  Fields& operator()(std::string_view name, at::Tensor& tensor);

  // A submodel; its fields get the prefix `name.`.
  template <class Submodel>
    requires requires(Submodel& submodel, Fields& fields) { submodel.fields(fields); }
  Fields& operator()(std::string_view name, Submodel& submodel) {
    const auto length = prefix_.size();
    prefix_.append(name).push_back('.');
    submodel.fields(*this);
    prefix_.resize(length);
    return *this;
  }

  const std::vector<Field>& list() const { return list_; }

 private:
  std::string prefix_;
  std::vector<Field> list_;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_FIELDS_H_
