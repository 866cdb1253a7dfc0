#include "core/model/embedding.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/add.h"
#include "ATen/ops/embedding.h"
#include "ATen/ops/embedding_dense_backward.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/fields.h"
#include "core/model/initializer.h"
#include "core/model/layer.h"
#include "core/model/pass.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"
#include "core/plan/vector.h"

namespace descent {
namespace {

// Writes rows of the table [rows, dim] into y.
template <class T>
void Gather(const T* table, int64_t rows, int64_t dim, const int64_t* x, int64_t count, T* y) {
  for (int64_t i = 0; i < count; ++i, y += dim) {
    if (x[i] < 0 || x[i] >= rows) {
      throw std::invalid_argument(absl::StrCat("embedding: index ", x[i],
                                               " is out of range; there are ", rows,
                                               " embeddings (num_embeddings)"));
    }
    std::memcpy(y, table + x[i] * dim, dim * sizeof(T));
  }
}

// Writes into table [rows, dim] the sums of those rows of dy that were gathered from each. begins
// [rows + 1] and places [count] are scratch.
template <class T>
void Scatter(const T* dy, int64_t rows, int64_t dim, const int64_t* x, int64_t count,
             int64_t* begins, int64_t* places, T* table) {
  // Sorts where each row was gathered to, one row's places after the other's, each in order.
  std::fill_n(begins, rows + 1, int64_t{0});
  for (int64_t i = 0; i < count; ++i) ++begins[x[i] + 1];
  for (int64_t r = 0; r < rows; ++r) begins[r + 1] += begins[r];
  for (int64_t i = 0; i < count; ++i) places[begins[x[i]]++] = i;
  // By now each entry of `begins` is where its row's places end.
  int64_t first = 0;
  for (int64_t r = 0; r < rows; ++r, table += dim) {
    SumOfListed(dy, places + first, begins[r] - first, dim, table);
    first = begins[r];
  }
}

class EmbeddingLayer final : public Layer {
 public:
  explicit EmbeddingLayer(at::Tensor weight) : weight_(std::move(weight)) {}

  at::Tensor forward(const at::Tensor& x, const Pass& /*pass*/) const override {
    return at::embedding(weight_, x);
  }

  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    if (x.dtype() != at::kLong) return {};
    const PlanTensor w = plan.Parameter(weight_);
    const int64_t rows = w.size(0), dim = w.size(1);
    std::vector<int64_t> sizes = x.sizes();
    sizes.push_back(dim);
    const PlanTensor y = plan.Output(sizes, {w});
    plan.Forward({.reads = {x, w}, .writes = {y}, .run = [=] {
                    const bool done = OnCpu(*w, [&]<class T>(T*) {
                      Gather(w->const_data_ptr<T>(), rows, dim, x->const_data_ptr<int64_t>(),
                             x->numel(), y->mutable_data_ptr<T>());
                    });
                    if (!done) y->copy_(at::embedding(*w, *x));
                  }});
    const PlanTensor dy = plan.Gradient(y), dw = plan.Contribution(w);
    int64_t count = 1;
    for (const int64_t size : x.sizes()) count *= size;
    const PlanTensor places = plan.Scratch({rows + 1 + count}, at::kLong);
    plan.Backward({.reads = {dy, x}, .writes = {dw, places}, .run = [=] {
                     const bool done = OnCpu(*dw, [&]<class T>(T*) {
                       auto* begins = places->mutable_data_ptr<int64_t>();
                       Scatter(dy->const_data_ptr<T>(), rows, dim, x->const_data_ptr<int64_t>(),
                               count, begins, begins + rows + 1, dw->mutable_data_ptr<T>());
                     });
                     if (done) return;
                     dw->copy_(at::embedding_dense_backward(*dy, *x, rows, /*padding_idx=*/-1,
                                                            /*scale_grad_by_freq=*/false));
                   }});
    return y;
  }

  void fields(Fields& list) override { list("weight", weight_); }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<EmbeddingLayer>(*this); }

 private:
  at::Tensor weight_;  // [num_embeddings, embedding_dim]
};

class PositionalEmbeddingLayer final : public Layer {
 public:
  explicit PositionalEmbeddingLayer(at::Tensor weight) : weight_(std::move(weight)) {}

  at::Tensor forward(const at::Tensor& x, const Pass& /*pass*/) const override {
    return x + weight_.narrow(0, 0, x.size(1));
  }

  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    const PlanTensor w = plan.Parameter(weight_);
    const PlanTensor y = plan.Output(x.sizes(), {x, w});
    const int64_t time = x.size(1), batch = x.size(0), example = time * x.size(2);
    plan.Forward({.reads = {x, w},
                  .writes = {y},
                  .run =
                      [=] {
                        const bool done = OnCpu(*x, [&]<class T>(T*) {
                          const T* from = x->const_data_ptr<T>();
                          T* to = y->mutable_data_ptr<T>();
                          if (to != from) std::memcpy(to, from, batch * example * sizeof(T));
                          for (int64_t n = 0; n < batch; ++n, to += example) {
                            AddTo(w->const_data_ptr<T>(), example, to);
                          }
                        });
                        at::Tensor out = *y;
                        if (!done) at::add_out(out, *x, w->narrow(0, 0, time));
                      },
                  .in_place = true});
    const PlanTensor dy = plan.Gradient(y), dx = plan.Contribution(x), dw = plan.Contribution(w);
    plan.Backward({.reads = {dy},
                   .writes = {dx},
                   .run =
                       [=] {
                         if (dx->const_data_ptr() == dy->const_data_ptr()) return;
                         const bool done = OnCpu(*dx, [&]<class T>(T*) {
                           std::copy_n(dy->const_data_ptr<T>(), batch * example,
                                       dx->mutable_data_ptr<T>());
                         });
                         if (!done) dx->copy_(*dy);
                       },
                   .in_place = true});
    // This is stated later and so runs earlier, before dy's memory becomes that of dx.
    plan.Backward({.reads = {dy}, .writes = {dw}, .run = [=] {
                     const bool done = OnCpu(*dy, [&]<class T>(T*) {
                       T* to = dw->mutable_data_ptr<T>();
                       SumOfRows(dy->const_data_ptr<T>(), batch, example, example, to);
                       std::fill_n(to + example, dw->numel() - example, T{0});
                     });
                     if (done) return;
                     dw->zero_();
                     dw->narrow(0, 0, time).copy_(dy->sum(0));
                   }});
    return y;
  }

  void fields(Fields& list) override { list("weight", weight_); }
  std::unique_ptr<Layer> Clone() const override {
    return std::make_unique<PositionalEmbeddingLayer>(*this);
  }

 private:
  at::Tensor weight_;  // [max_length, features]
};

}  // namespace

absl::StatusOr<BuiltLayer> Embedding::Build(const BuildContext& context) const {
  if (context.input_dtype != at::kLong) {
    return context.Mismatch(kind,
                            "expects indices (whole numbers, as a text has) and not real numbers");
  }
  auto weight = context.Parameter(
      kind, "weight", {num_embeddings, embedding_dim}, weight_init.value_or(NormalInitializer{}),
      {.in = static_cast<double>(num_embeddings), .out = static_cast<double>(embedding_dim)});
  if (!weight.ok()) return weight.status();
  Shape output = context.input_shape;
  output.push_back(embedding_dim);
  return BuiltLayer::Of(context, kind, std::make_unique<EmbeddingLayer>(*std::move(weight)),
                        std::move(output));
}

absl::StatusOr<BuiltLayer> PositionalEmbedding::Build(const BuildContext& context) const {
  if (context.input_shape.size() != 2) {
    return context.Mismatch(kind, "expects inputs of shape [time, features]");
  }
  const int64_t time = context.input_shape[0], features = context.input_shape[1];
  const int64_t length = max_length.value_or(time);
  if (length < time) {
    return context.Mismatch(kind, absl::StrCat("has ", length, " places (max_length)"),
                            "max_length");
  }
  auto weight = context.Parameter(kind, "weight", {length, features},
                                  weight_init.value_or(NormalInitializer{.std = 0.02}));
  if (!weight.ok()) return weight.status();
  return BuiltLayer::Of(context, kind,
                        std::make_unique<PositionalEmbeddingLayer>(*std::move(weight)),
                        context.input_shape)
      .Inferred("max_length", length);
}

}  // namespace descent
