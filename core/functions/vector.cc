#include "core/functions/vector.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/fields.h"
#include "core/model/layer.h"

namespace descent {
namespace {

class VectorLayer final : public Layer {
 public:
  explicit VectorLayer(at::Tensor x) : x_(std::move(x)) {}

  at::Tensor forward(const at::Tensor&, const Pass&) const override { return x_; }
  void fields(Fields& list) override { list("x", x_); }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<VectorLayer>(*this); }

 private:
  at::Tensor x_;
};

}  // namespace

absl::StatusOr<BuiltLayer> Vector::Build(const BuildContext& context) const {
  const auto size = static_cast<int64_t>(start.size());
  if (size == 0) return absl::InvalidArgumentError("the vector has no numbers");
  const at::TensorOptions options = at::TensorOptions(context.dtype).device(context.device);
  at::Tensor x = context.device.is_meta()
                     ? at::empty({size}, options)
                     : at::tensor(at::ArrayRef<double>(start), at::kDouble).to(options);
  return BuiltLayer::Of(context, kind, std::make_unique<VectorLayer>(std::move(x)), {size});
}

}  // namespace descent
