#include "core/model/fields.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

Fields& Fields::held(bool& held) {
  held_.push_back({prefix_, &held});
  return *this;
}

void HoldStates(const Fields& fields, std::span<const size_t> frozen) {
  std::vector<bool> stays(fields.list().size());
  for (const size_t place : frozen) stays[place] = true;
  for (const Fields::Held& one : fields.held()) {
    std::string prefix = one.prefix;
    while (true) {
      size_t inside = 0, still = 0;
      for (size_t i = 0; i < stays.size(); ++i) {
        if (!fields.list()[i].name.starts_with(prefix)) continue;
        ++inside;
        if (stays[i]) ++still;
      }
      *one.held = inside > 0 && still == inside;
      if (inside > 0 || prefix.empty()) break;
      // `body.0.` is in `body.`, which is in the root.
      const size_t dot = prefix.rfind('.', prefix.size() - 2);
      prefix.resize(prefix.size() < 2 || dot == std::string::npos ? 0 : dot + 1);
    }
  }
}

std::vector<std::string> HeldStates(const Fields& fields) {
  std::vector<std::string> paths;
  for (const Fields::Held& one : fields.held()) {
    if (*one.held)
      paths.push_back(one.prefix.empty() ? "" : one.prefix.substr(0, one.prefix.size() - 1));
  }
  return paths;
}

}  // namespace descent
