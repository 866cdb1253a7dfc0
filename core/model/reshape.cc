#include "core/model/reshape.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

class ReshapeLayer final : public Layer {
 public:
  explicit ReshapeLayer(Shape shape) : shape_(std::move(shape)) {}

  at::Tensor forward(const at::Tensor& x, const Pass&) const override {
    return x.reshape(WithBatch(x.size(0)));
  }
  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    return plan.View(x, WithBatch(x.size(0)));
  }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<ReshapeLayer>(*this); }

 private:
  std::vector<int64_t> WithBatch(int64_t batch) const {
    std::vector<int64_t> sizes = {batch};
    sizes.insert(sizes.end(), shape_.begin(), shape_.end());
    return sizes;
  }

  Shape shape_;
};

// Gives false if the shape has too many elements to count.
bool Count(const Shape& shape, int64_t* count) {
  *count = 1;
  return std::all_of(shape.begin(), shape.end(), [&](int64_t dimension) {
    return dimension == -1 || !__builtin_mul_overflow(*count, dimension, count);
  });
}

}  // namespace

absl::StatusOr<BuiltLayer> Reshape::Build(const BuildContext& context) const {
  const auto left_open = std::count(shape.begin(), shape.end(), -1);
  if (left_open > 1 || std::count(shape.begin(), shape.end(), 0) > 0) {
    return context.Wrong(
        kind,
        absl::StrCat(": its shape is ", ToString(shape), "; give numbers ≥ 1, and −1 at most once"),
        "shape");
  }
  int64_t given = 0, present = 0;
  if (!Count(shape, &given) || !Count(context.input_shape, &present)) {
    return context.Wrong(kind, " has too many elements to count", "shape", FaultKind::kTooLarge);
  }
  if (left_open == 0 ? given != present : present % given != 0) {
    return context.Mismatch(kind,
                            absl::StrCat("gives ", ToString(shape), ", which takes ",
                                         left_open == 0 ? "" : "a multiple of ", given, " numbers"),
                            "shape");
  }
  Shape output = shape;
  std::replace(output.begin(), output.end(), int64_t{-1}, present / given);
  BuiltLayer built = BuiltLayer::Of(context, kind, std::make_unique<ReshapeLayer>(output), output);
  built.output_dtype = context.input_dtype;
  return built;
}

}  // namespace descent
