#include "core/objective/value_metrics.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"
#include "core/objective/loss.h"
#include "core/objective/metric.h"

namespace descent {
namespace {

absl::Status CheckValues(std::string_view metric, const Loss& loss) {
  if (loss.predicts == Predicts::kValues) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(metric),
                                                 ": needs an objective that predicts numbers, but ",
                                                 loss.name, " predicts classes"));
}

// Calls visit(prediction, target, output) for each number, output counting from 0 in each example.
template <class Visit>
void Each(const at::Tensor& predictions, const at::Tensor& targets, Visit visit) {
  const at::Tensor p = predictions.to(at::kCPU, at::kDouble).contiguous();
  const at::Tensor t = targets.to(at::kCPU, at::kDouble).contiguous();
  const int64_t outputs = p.numel() / p.size(0);
  for (int64_t i = 0; i < p.numel(); ++i) {
    visit(p.const_data_ptr<double>()[i], t.const_data_ptr<double>()[i],
          static_cast<size_t>(i % outputs));
  }
}

class RSquaredTally final : public Tally {
 public:
  void Add(const at::Tensor& predictions, const at::Tensor& targets) override {
    Each(predictions, targets, [&](double p, double t, size_t output) {
      residual_ += (t - p) * (t - p);
      if (output == outputs_.size()) outputs_.emplace_back();
      // This is Welford 1962, which subtracts no large numbers from each other.
      Output& o = outputs_[output];
      const double difference = t - o.mean;
      o.mean += difference / static_cast<double>(++o.count);
      total_ += difference * (t - o.mean);
    });
  }
  MetricValue Result(double) const override {
    return {std::string(RSquared::kind), 1 - residual_ / total_};
  }

 private:
  struct Output {
    int64_t count = 0;
    double mean = 0;
  };
  std::vector<Output> outputs_;
  double residual_ = 0, total_ = 0;
};

class AbsoluteErrorTally final : public Tally {
 public:
  void Add(const at::Tensor& predictions, const at::Tensor& targets) override {
    Each(predictions, targets, [&](double p, double t, size_t) {
      sum_ += std::abs(t - p);
      ++count_;
    });
  }
  MetricValue Result(double) const override {
    return {std::string(AbsoluteError::kind), sum_ / static_cast<double>(count_)};
  }

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

class PerplexityTally final : public Tally {
 public:
  void Add(const at::Tensor&, const at::Tensor&) override {}
  MetricValue Result(double loss) const override {
    return {std::string(Perplexity::kind), std::exp(loss)};
  }
};

}  // namespace

Metric RSquared::Make() const {
  return {.name = std::string(kind),
          .better = Better::kGreater,
          .check = [](const Loss& loss, const Shape&) { return CheckValues(kind, loss); },
          .start = [](const Loss&) -> std::unique_ptr<Tally> {
            return std::make_unique<RSquaredTally>();
          }};
}

Metric AbsoluteError::Make() const {
  return {.name = std::string(kind),
          .better = Better::kLess,
          .check = [](const Loss& loss, const Shape&) { return CheckValues(kind, loss); },
          .start = [](const Loss&) -> std::unique_ptr<Tally> {
            return std::make_unique<AbsoluteErrorTally>();
          }};
}

Metric Perplexity::Make() const {
  return {.name = std::string(kind),
          .better = Better::kLess,
          .check =
              [](const Loss& loss, const Shape&) {
                if (loss.likelihood) return absl::OkStatus();
                return absl::InvalidArgumentError(absl::StrCat(
                    "perplexity: needs an objective that is the mean of −log p, which ", loss.name,
                    " with these options is not"));
              },
          .start = [](const Loss&) -> std::unique_ptr<Tally> {
            return std::make_unique<PerplexityTally>();
          }};
}

}  // namespace descent
