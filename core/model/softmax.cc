#include "core/model/softmax.h"

#include <memory>
#include <string_view>

#include "ATen/core/Tensor.h"
#include "ATen/ops/_log_softmax.h"
#include "ATen/ops/_log_softmax_backward_data.h"
#include "ATen/ops/_softmax.h"
#include "ATen/ops/_softmax_backward_data.h"
#include "ATen/ops/log_softmax.h"
#include "ATen/ops/softmax.h"
#include "absl/status/statusor.h"
#include "core/model/elementwise_layer.h"
#include "core/model/layer.h"

namespace descent {
namespace {

// Neither is element-wise, but their steps read and write as those of element-wise layers do.
struct SoftmaxFunction {
  static constexpr bool kFromOutput = true;

  at::Tensor Apply(const at::Tensor& x) const { return at::softmax(x, -1); }
  void Forward(const at::Tensor& x, at::Tensor y) const {
    at::_softmax_out(y, x, -1, /*half_to_float=*/false);
  }
  void Backward(const at::Tensor& dy, const at::Tensor& y, at::Tensor dx) const {
    at::_softmax_backward_data_out(dx, dy, y, -1, y.scalar_type());
  }
};

struct LogSoftmaxFunction {
  static constexpr bool kFromOutput = true;

  at::Tensor Apply(const at::Tensor& x) const { return at::log_softmax(x, -1); }
  void Forward(const at::Tensor& x, at::Tensor y) const {
    at::_log_softmax_out(y, x, -1, /*half_to_float=*/false);
  }
  void Backward(const at::Tensor& dy, const at::Tensor& y, at::Tensor dx) const {
    at::_log_softmax_backward_data_out(dx, dy, y, -1, y.scalar_type());
  }
};

template <class Function>
absl::StatusOr<BuiltLayer> BuildAs(const BuildContext& context, std::string_view kind) {
  if (context.input_shape.empty()) {
    return context.Mismatch(kind, "expects a dimension of features");
  }
  return ElementwiseLayer<Function>::Built(context, kind, {});
}

}  // namespace

absl::StatusOr<BuiltLayer> Softmax::Build(const BuildContext& context) const {
  return BuildAs<SoftmaxFunction>(context, kind);
}

absl::StatusOr<BuiltLayer> LogSoftmax::Build(const BuildContext& context) const {
  return BuildAs<LogSoftmaxFunction>(context, kind);
}

}  // namespace descent
