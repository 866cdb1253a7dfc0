#include "core/model/fields.h"

#include <string>
#include <string_view>

#include "ATen/core/Tensor.h"

namespace descent {

Fields& Fields::operator()(std::string_view name, at::Tensor& tensor) {
  list_.push_back({prefix_ + std::string(name), &tensor});
  return *this;
}

Fields& Fields::state(std::string_view name, at::Tensor& tensor) {
  states_.push_back({prefix_ + std::string(name), &tensor});
  return *this;
}

}  // namespace descent
