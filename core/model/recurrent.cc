#include "core/model/recurrent.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/gru.h"
#include "ATen/ops/lstm.h"
#include "ATen/ops/zeros.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/model/affine.h"
#include "core/model/fields.h"
#include "core/model/initializer.h"
#include "core/model/layer.h"
#include "core/model/pass.h"
#include "core/model/recurrent_loops.h"
#include "core/plan/kernel.h"
#include "core/plan/plan_builder.h"

namespace descent {
namespace {

// The parameters of one layer of the stack.
struct Cell {
  at::Tensor weight_ih, weight_hh, bias_ih, bias_hh;
};

at::Tensor Record(const LstmLoops&, const at::Tensor& x, const at::Tensor& start,
                  const std::vector<at::Tensor>& parameters, int64_t layers) {
  return std::get<0>(at::lstm(x, {start, start}, parameters, /*has_biases=*/true, layers,
                              /*dropout=*/0, /*train=*/true, /*bidirectional=*/false,
                              /*batch_first=*/true));
}
at::Tensor Record(const GruLoops&, const at::Tensor& x, const at::Tensor& start,
                  const std::vector<at::Tensor>& parameters, int64_t layers) {
  return std::get<0>(at::gru(x, start, parameters, /*has_biases=*/true, layers, /*dropout=*/0,
                             /*train=*/true, /*bidirectional=*/false, /*batch_first=*/true));
}

// Writes the last step of each sequence x [batch, time, features] into y; on CPU.
PlanTensor PlanLastStep(PlanBuilder& plan, const PlanTensor& x) {
  const int64_t batch = x.size(0), time = x.size(1), features = x.size(2);
  const PlanTensor y = plan.Output({batch, features}, {x});
  plan.Forward({.reads = {x}, .writes = {y}, .run = [=] {
                  OnCpu(*x, [&]<class T>(T*) {
                    const T* from = x->const_data_ptr<T>() + (time - 1) * features;
                    T* to = y->mutable_data_ptr<T>();
                    for (int64_t n = 0; n < batch; ++n, from += time * features, to += features) {
                      std::copy_n(from, features, to);
                    }
                  });
                }});
  const PlanTensor dy = plan.Gradient(y), dx = plan.Contribution(x);
  plan.Backward({.reads = {dy}, .writes = {dx}, .run = [=] {
                   OnCpu(*dx, [&]<class T>(T*) {
                     const T* from = dy->const_data_ptr<T>();
                     T* to = dx->mutable_data_ptr<T>();
                     for (int64_t n = 0; n < batch; ++n, from += features) {
                       to = std::fill_n(to, (time - 1) * features, T{0});
                       to = std::copy_n(from, features, to);
                     }
                   });
                 }});
  return y;
}

template <class Loops>
class RecurrentLayer final : public Layer {
 public:
  RecurrentLayer(std::vector<Cell> cells, bool last_only)
      : cells_(std::move(cells)), last_only_(last_only) {}

  at::Tensor forward(const at::Tensor& x, const Pass& /*pass*/) const override {
    std::vector<at::Tensor> parameters;
    for (const Cell& cell : cells_) {
      parameters.insert(parameters.end(),
                        {cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh});
    }
    const auto layers = static_cast<int64_t>(cells_.size());
    const at::Tensor start = at::zeros({layers, x.size(0), Hidden()}, x.options());
    const at::Tensor y = Record(Loops(), x, start, parameters, layers);
    return last_only_ ? y.select(1, -1) : y;
  }

  PlanTensor Plan(PlanBuilder& plan, const PlanTensor& x) const override {
    // The loops are the CPU's; elsewhere LibTorch has kernels of its own, with derivatives.
    if (!plan.device().is_cpu() || (plan.dtype() != at::kFloat && plan.dtype() != at::kDouble))
      return {};
    PlanTensor y = x;
    for (const Cell& cell : cells_) y = PlanCell(plan, y, cell);
    return last_only_ ? PlanLastStep(plan, y) : y;
  }

  void fields(Fields& list) override {
    for (size_t k = 0; k < cells_.size(); ++k) {
      list(absl::StrCat("weight_ih_l", k), cells_[k].weight_ih);
      list(absl::StrCat("weight_hh_l", k), cells_[k].weight_hh);
      list(absl::StrCat("bias_ih_l", k), cells_[k].bias_ih);
      list(absl::StrCat("bias_hh_l", k), cells_[k].bias_hh);
    }
  }
  std::unique_ptr<Layer> Clone() const override { return std::make_unique<RecurrentLayer>(*this); }

 private:
  int64_t Hidden() const { return cells_.front().weight_hh.size(1); }

  PlanTensor PlanCell(PlanBuilder& plan, const PlanTensor& x, const Cell& cell) const {
    const Loops loops{x.size(0), x.size(1), Hidden()};
    const PlanTensor before = PlanAffine(plan, x, cell.weight_ih, cell.bias_ih);
    const PlanTensor w = plan.Parameter(cell.weight_hh), b = plan.Parameter(cell.bias_hh);
    const PlanTensor gates = plan.Scratch(before.sizes()), kept = plan.Scratch({loops.kept()});
    const PlanTensor y = plan.Output({x.size(0), x.size(1), loops.hidden}, {before, w, b});
    plan.Forward({.reads = {before, w, b},
                  .writes = {gates, kept, y},
                  .run =
                      [=] {
                        OnCpu(*w, [&]<class T>(T*) {
                          T* in_place = gates->mutable_data_ptr<T>();
                          const T* from = before->const_data_ptr<T>();
                          if (in_place != from) std::memcpy(in_place, from, before->nbytes());
                          loops.Forward(w->const_data_ptr<T>(), b->const_data_ptr<T>(), in_place,
                                        kept->mutable_data_ptr<T>(), y->mutable_data_ptr<T>());
                        });
                      },
                  .in_place = true});
    const PlanTensor dy = plan.Gradient(y), dbefore = plan.Contribution(before);
    const PlanTensor dw = plan.Contribution(w), db = plan.Contribution(b);
    const PlanTensor scratch = plan.Scratch({loops.scratch()});
    plan.Backward(
        {.reads = {dy, w, gates, kept, y}, .writes = {dbefore, dw, db, scratch}, .run = [=] {
           OnCpu(*w, [&]<class T>(T*) {
             loops.Backward(dy->const_data_ptr<T>(), w->const_data_ptr<T>(),
                            gates->const_data_ptr<T>(), kept->const_data_ptr<T>(),
                            y->const_data_ptr<T>(), scratch->mutable_data_ptr<T>(),
                            dbefore->mutable_data_ptr<T>(), dw->mutable_data_ptr<T>(),
                            db->mutable_data_ptr<T>());
           });
         }});
    return y;
  }

  std::vector<Cell> cells_;  // at least one
  const bool last_only_;
};

absl::StatusOr<Cell> NewCell(const BuildContext& context, std::string_view kind, int64_t layer,
                             int64_t features, int64_t gates, int64_t hidden) {
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const UniformInitializer uniform{.low = -bound, .high = bound};
  Cell cell;
  const std::pair<at::Tensor*, std::pair<std::string, Shape>> parameters[] = {
      {&cell.weight_ih, {"weight_ih_l", {gates * hidden, features}}},
      {&cell.weight_hh, {"weight_hh_l", {gates * hidden, hidden}}},
      {&cell.bias_ih, {"bias_ih_l", {gates * hidden}}},
      {&cell.bias_hh, {"bias_hh_l", {gates * hidden}}}};
  for (const auto& [tensor, description] : parameters) {
    auto values = context.Parameter(kind, absl::StrCat(description.first, layer),
                                    description.second, uniform);
    if (!values.ok()) return values.status();
    *tensor = *std::move(values);
  }
  return cell;
}

template <class Loops, class Options>
absl::StatusOr<BuiltLayer> BuildRecurrent(const Options& options, const BuildContext& context) {
  // More of them would only be a mistake, and take long to find out.
  constexpr int64_t kMaxLayers = 1000, kMaxHidden = int64_t{1} << 24;
  constexpr std::string_view kind = Options::kind;
  if (context.input_shape.size() != 2) {
    return context.Mismatch(kind, "expects inputs of shape [time, features]");
  }
  if (options.num_layers > kMaxLayers) {
    return context.Wrong(
        kind,
        absl::StrCat(": num_layers is ", options.num_layers, "; give a number ≤ ", kMaxLayers),
        "num_layers");
  }
  if (options.hidden_size > kMaxHidden) {
    return context.Wrong(
        kind,
        absl::StrCat(": hidden_size is ", options.hidden_size, "; give a number ≤ ", kMaxHidden),
        "hidden_size", FaultKind::kTooLarge);
  }
  std::vector<Cell> cells;
  int64_t features = context.input_shape[1];
  for (int64_t layer = 0; layer < options.num_layers; ++layer) {
    auto cell = NewCell(context, kind, layer, features, Loops::kGates, options.hidden_size);
    if (!cell.ok()) return cell.status();
    cells.push_back(*std::move(cell));
    features = options.hidden_size;
  }
  Shape output = {options.hidden_size};
  if (!options.last_only) output.insert(output.begin(), context.input_shape[0]);
  return BuiltLayer::Of(
      context, kind, std::make_unique<RecurrentLayer<Loops>>(std::move(cells), options.last_only),
      std::move(output));
}

}  // namespace

absl::StatusOr<BuiltLayer> Lstm::Build(const BuildContext& context) const {
  return BuildRecurrent<LstmLoops>(*this, context);
}

absl::StatusOr<BuiltLayer> Gru::Build(const BuildContext& context) const {
  return BuildRecurrent<GruLoops>(*this, context);
}

}  // namespace descent
