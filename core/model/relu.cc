#include "core/model/relu.h"

#include <memory>
#include <string>

#include "ATen/core/Tensor.h"
#include "ATen/ops/relu.h"
#include "absl/status/statusor.h"
#include "core/model/layer.h"

namespace descent {
namespace {

class ReluLayer final : public Layer {
 public:
  at::Tensor forward(const at::Tensor& x) const override { return at::relu(x); }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<ReluLayer>(*this); }
};

}  // namespace

absl::StatusOr<BuiltLayer> Relu::Build(const BuildContext& context) const {
  BuiltLayer built;
  built.layer = std::make_unique<ReluLayer>();
  built.output_shape = context.input_shape;
  built.summaries.push_back({context.path, std::string(kind), built.output_shape, 0});
  return built;
}

}  // namespace descent
