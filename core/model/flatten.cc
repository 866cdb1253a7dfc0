#include "core/model/flatten.h"

#include <cstdint>
#include <memory>
#include <string>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"

namespace descent {
namespace {

class FlattenLayer final : public Layer {
 public:
  at::Tensor forward(const at::Tensor& x) const override {
    return x.dim() == 2 ? x : x.reshape({x.size(0), -1});
  }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<FlattenLayer>(*this); }
};

}  // namespace

absl::StatusOr<BuiltLayer> Flatten::Build(const BuildContext& context) const {
  int64_t features = 1;
  for (const int64_t dimension : context.input_shape) {
    if (__builtin_mul_overflow(features, dimension, &features)) {
      return absl::InvalidArgumentError(absl::StrCat(context.Describe(kind), ": ",
                                                     ToString(context.input_shape),
                                                     " has too many elements to count"));
    }
  }
  BuiltLayer built;
  built.layer = std::make_unique<FlattenLayer>();
  built.output_shape = {features};
  built.summaries.push_back({context.path, std::string(kind), built.output_shape, 0});
  return built;
}

}  // namespace descent
