#include "core/data/order.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/randperm.h>

#include <algorithm>
#include <cstddef>
#include <map>

#include "core/data/random_seed.h"

namespace descent {
namespace {

absl::Status CheckOptions(const Dataset& dataset, const OrderOptions& options) {
  if (options.replacement && !options.shuffle) {
    return absl::InvalidArgumentError(
        "replacement: drawing with replacement has no order; leave out `shuffle: false`");
  }
  if (options.balanced && options.weighted) {
    return absl::InvalidArgumentError("balanced: give it or weights, not both");
  }
  if ((options.balanced || options.weighted) && !options.replacement) {
    return absl::InvalidArgumentError(
        "replacement: examples with weights are drawn with replacement; set it to true");
  }
  if (options.balanced &&
      (dataset.targets.scalar_type() != at::kLong || dataset.targets.dim() != 1)) {
    return absl::InvalidArgumentError("balanced: the targets are no classes, one for each example");
  }
  if (options.weighted && !dataset.weights.defined()) {
    return absl::InvalidArgumentError("weighted: the data have no weights");
  }
  return absl::OkStatus();
}

// Weighs an example by one over how many have the same class; what does not count is not drawn.
std::vector<double> ClassWeights(const Dataset& dataset) {
  const at::Tensor targets = dataset.targets.contiguous();
  const int64_t* classes = targets.const_data_ptr<int64_t>();
  std::map<int64_t, double> counts;
  for (int64_t i = 0; i < targets.numel(); ++i) ++counts[classes[i]];
  std::vector<double> weights;
  for (int64_t i = 0; i < targets.numel(); ++i) {
    weights.push_back(classes[i] == kIgnoredClass ? 0 : 1 / counts[classes[i]]);
  }
  return weights;
}

}  // namespace

at::Tensor EpochPermutation(uint64_t seed, int64_t epoch, int64_t n) {
  at::Generator generator =
      at::detail::createCPUGenerator(DeriveSeed(seed, "shuffle", static_cast<uint64_t>(epoch)));
  return at::randperm(n, generator, at::kLong);
}

absl::StatusOr<Order> Order::Create(const Dataset& dataset, const OrderOptions& options,
                                    uint64_t seed) {
  if (absl::Status status = CheckOptions(dataset, options); !status.ok()) return status;
  Order order(options, dataset.size(), seed);
  if (options.balanced) order.cumulative_ = ClassWeights(dataset);
  if (options.weighted) {
    const at::Tensor weights = dataset.weights.contiguous();
    const double* first = weights.const_data_ptr<double>();
    order.cumulative_.assign(first, first + weights.numel());
  }
  double sum = 0;
  for (double& weight : order.cumulative_) weight = sum += weight;
  if (!order.cumulative_.empty() && !(sum > 0)) {
    return absl::InvalidArgumentError(
        options.weighted ? "weighted: all weights are 0, so no example can be drawn"
                         : "balanced: no target counts, so no example can be drawn");
  }
  return order;
}

const int64_t* Order::Epoch(int64_t epoch) {
  if (!permutation_.defined() && !options_.shuffle) permutation_ = at::arange(examples_, at::kLong);
  if (epoch != epoch_ && options_.shuffle) {
    if (options_.replacement) {
      Draw(epoch);
    } else {
      permutation_ = EpochPermutation(seed_, epoch, examples_);
    }
    epoch_ = epoch;
  }
  return options_.replacement ? drawn_.data() : permutation_.const_data_ptr<int64_t>();
}

void Order::Draw(int64_t epoch) {
  const uint64_t base = DeriveSeed(seed_, "replacement", static_cast<uint64_t>(epoch));
  drawn_.resize(static_cast<size_t>(examples_));
  for (size_t i = 0; i < drawn_.size(); ++i) {
    const uint64_t bits = DeriveSeed(base, "", i);
    if (cumulative_.empty()) {
      // The high half of the product is uniform on 0 … n−1 (Lemire 2019, without its correction:
      // the bias is below n/2⁶⁴).
      drawn_[i] = static_cast<int64_t>(
          (static_cast<unsigned __int128>(bits) * static_cast<uint64_t>(examples_)) >> 64);
      continue;
    }
    const double point = static_cast<double>(bits >> 11) * 0x1p-53 * cumulative_.back();
    // The point is strictly below the sum: an example of weight 0 is never drawn.
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, point);
    drawn_[i] = found - cumulative_.begin();
  }
}

}  // namespace descent
