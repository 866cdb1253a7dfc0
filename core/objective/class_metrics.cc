#include "core/objective/class_metrics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"
#include "core/objective/class_loss.h"
#include "core/objective/loss.h"
#include "core/objective/metric.h"
#include "core/objective/predict.h"

namespace descent {
namespace {

absl::Status NeedsClasses(std::string_view metric, const std::string& needed = "predicts classes") {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(metric), ": needs an objective that ", needed));
}

at::Tensor InDouble(const at::Tensor& x) { return x.to(at::kCPU, at::kDouble).contiguous(); }

std::span<const double> Numbers(const at::Tensor& x) {
  return {x.const_data_ptr<double>(), static_cast<size_t>(x.numel())};
}

// A batch as rows of scores, each with its true class.
class Rows {
 public:
  Rows(Predicts predicts, const at::Tensor& predictions, const at::Tensor& targets)
      : scores_(InDouble(predictions)),
        // Each question is a row of one score.
        width_(predicts == Predicts::kYesOrNo ? 1 : static_cast<size_t>(predictions.size(-1))) {
    if (predicts == Predicts::kClass) {
      const at::Tensor classes = targets.to(at::kCPU).contiguous();
      classes_.assign(classes.const_data_ptr<int64_t>(),
                      classes.const_data_ptr<int64_t>() + classes.numel());
      return;
    }
    const at::Tensor numbers = InDouble(targets);
    for (std::span<const double> left = Numbers(numbers); !left.empty();
         left = left.subspan(width_)) {
      classes_.push_back(width_ == 1 ? left[0] > 0.5 : PredictedClass(left.first(width_)));
    }
  }

  // Calls visit(scores, class) for each row that counts.
  template <class Visit>
  void Each(Visit visit) const {
    const std::span<const double> scores = Numbers(scores_);
    for (size_t r = 0; r < classes_.size(); ++r) {
      if (classes_[r] != kIgnoredTarget) visit(scores.subspan(r * width_, width_), classes_[r]);
    }
  }

 private:
  at::Tensor scores_;
  size_t width_;
  std::vector<int64_t> classes_;
};

// The share of rows that are right, among those that count.
template <class Right>
class Share final : public Tally {
 public:
  Share(std::string name, Predicts predicts, Right right)
      : name_(std::move(name)), predicts_(predicts), right_(std::move(right)) {}

  void Add(const at::Tensor& predictions, const at::Tensor& targets) override {
    Rows(predicts_, predictions, targets).Each([&](std::span<const double> scores, int64_t y) {
      ++rows_;
      hits_ += right_(scores, y);
    });
  }
  MetricValue Result(double) const override {
    return {name_, static_cast<double>(hits_) / static_cast<double>(rows_)};
  }

 private:
  const std::string name_;
  const Predicts predicts_;
  const Right right_;
  int64_t rows_ = 0, hits_ = 0;
};

// True if fewer than k scores come before that of y; among equal ones the first comes first.
bool AmongGreatest(std::span<const double> scores, int64_t y, int64_t k) {
  const double own = scores[static_cast<size_t>(y)];
  if (std::isnan(own)) return false;
  int64_t before = 0;
  for (size_t j = 0; j < scores.size(); ++j) {
    before += scores[j] > own || (scores[j] == own && static_cast<int64_t>(j) < y);
  }
  return before < k;
}

class AucTally final : public Tally {
 public:
  explicit AucTally(Predicts predicts) : predicts_(predicts) {}

  void Add(const at::Tensor& predictions, const at::Tensor& targets) override {
    Rows(predicts_, predictions, targets).Each([&](std::span<const double> scores, int64_t y) {
      examples_.emplace_back(scores.size() == 1 ? scores[0] : scores[1] - scores[0], y == 1);
    });
  }

  MetricValue Result(double) const override {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    MetricValue result{std::string(Auc::kind), kNone};
    std::vector<std::pair<double, bool>> sorted = examples_;
    for (const auto& [score, yes] : sorted) {
      if (std::isnan(score)) return result;
    }
    std::sort(sorted.begin(), sorted.end());
    // Counts the pairs of a yes and a no in the right order, and equal ones half.
    double yeses = 0, noes = 0, pairs = 0;
    for (size_t i = 0, end; i < sorted.size(); i = end) {
      double equal_yeses = 0, equal_noes = 0;
      for (end = i; end < sorted.size() && sorted[end].first == sorted[i].first; ++end) {
        ++(sorted[end].second ? equal_yeses : equal_noes);
      }
      pairs += equal_yeses * (noes + 0.5 * equal_noes);
      yeses += equal_yeses;
      noes += equal_noes;
    }
    if (yeses > 0 && noes > 0) result.value = pairs / (yeses * noes);
    return result;
  }

 private:
  const Predicts predicts_;
  std::vector<std::pair<double, bool>> examples_;
};

class ConfusionTally final : public Tally {
 public:
  explicit ConfusionTally(Predicts predicts) : predicts_(predicts) {}

  void Add(const at::Tensor& predictions, const at::Tensor& targets) override {
    Rows(predicts_, predictions, targets).Each([&](std::span<const double> scores, int64_t y) {
      classes_ = std::max<size_t>(scores.size(), 2);
      const size_t place =
          static_cast<size_t>(y) * classes_ + static_cast<size_t>(PredictedClass(scores));
      if (classes_ > ConfusionMatrix::kMostDense) {
        ++pairs_[place];
      } else {
        counts_.resize(classes_ * classes_);
        ++counts_[place];
      }
    });
  }
  MetricValue Result(double) const override {
    MetricValue result{.name = std::string(ConfusionMatrix::kind), .values = counts_};
    if (pairs_.empty()) return result;
    result.size = static_cast<int64_t>(classes_);
    for (const auto& [place, count] : pairs_) {
      result.entries.push_back({static_cast<uint32_t>(place / classes_),
                                static_cast<uint32_t>(place % classes_), count});
    }
    std::ranges::sort(result.entries, {}, [](const MetricValue::Entry& entry) {
      return std::pair(entry.row, entry.column);
    });
    return result;
  }

 private:
  const Predicts predicts_;
  size_t classes_ = 0;
  std::vector<double> counts_;
  // There are many classes, and most pairs never come: no more entries than there are rows.
  std::unordered_map<size_t, uint32_t> pairs_;
};

class F1Tally final : public Tally {
 public:
  F1Tally(F1Average average, Predicts predicts) : average_(average), predicts_(predicts) {}

  void Add(const at::Tensor& predictions, const at::Tensor& targets) override {
    Rows(predicts_, predictions, targets).Each([&](std::span<const double> scores, int64_t y) {
      counts_.resize(std::max<size_t>(scores.size(), 2));
      const int64_t predicted = PredictedClass(scores);
      ++counts_[static_cast<size_t>(y)].targets;
      ++counts_[static_cast<size_t>(predicted)].predictions;
      counts_[static_cast<size_t>(y)].hits += predicted == y;
    });
  }

  MetricValue Result(double) const override {
    double sum = 0, divisor = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      const Counts& count = counts_[i];
      if (average_ == F1Average::kBinary && i != 1) continue;
      if (count.targets + count.predictions == 0) continue;
      const double weight = average_ == F1Average::kMicro      ? count.targets + count.predictions
                            : average_ == F1Average::kWeighted ? count.targets
                                                               : 1;
      sum += weight * 2 * count.hits / (count.targets + count.predictions);
      divisor += weight;
    }
    return {std::string(F1Name(average_)), divisor > 0 ? sum / divisor : 0};
  }

 private:
  struct Counts {
    double targets = 0, predictions = 0, hits = 0;
  };
  const F1Average average_;
  const Predicts predicts_;
  std::vector<Counts> counts_;  // one for each class
};

bool HasClasses(const Loss& loss) { return PredictsClasses(loss.predicts); }

// True if it is not several questions, each with its own answer.
bool HasOneClass(const Loss& loss, const Shape& output) {
  const bool single =
      loss.predicts != Predicts::kYesOrNo || (!output.empty() && output.back() == 1);
  return HasClasses(loss) && single;
}

bool HasTwoClasses(const Loss& loss, const Shape& output) {
  return HasClasses(loss) && !output.empty() &&
         (output.back() == 1 || (output.back() == 2 && loss.predicts != Predicts::kYesOrNo));
}

}  // namespace

Metric MakeF1(F1Average average) {
  const std::string_view name = F1Name(average);
  return {.name = std::string(name),
          .better = Better::kGreater,
          .check =
              [=](const Loss& loss, const Shape& output) {
                if (average != F1Average::kBinary) {
                  return HasOneClass(loss, output) ? absl::OkStatus() : NeedsClasses(name);
                }
                return HasTwoClasses(loss, output)
                           ? absl::OkStatus()
                           : NeedsClasses(name,
                                          "predicts one of two classes; give f1_macro, f1_micro or "
                                          "f1_weighted");
              },
          .start = [=](const Loss& loss) -> std::unique_ptr<Tally> {
            return std::make_unique<F1Tally>(average, loss.predicts);
          }};
}

Metric Accuracy::Make() const {
  return {.name = std::string(kind),
          .better = Better::kGreater,
          .check =
              [](const Loss& loss, const Shape&) {
                return HasClasses(loss) ? absl::OkStatus() : NeedsClasses(kind);
              },
          .start = [](const Loss& loss) -> std::unique_ptr<Tally> {
            const auto right = [](std::span<const double> scores, int64_t y) {
              return PredictedClass(scores) == y;
            };
            return std::make_unique<Share<decltype(right)>>(std::string(kind), loss.predicts,
                                                            right);
          }};
}

Metric TopK::Make() const {
  const int64_t k = this->k;
  const std::string name = absl::StrCat("top_", k);
  return {.name = name,
          .better = Better::kGreater,
          .check =
              [k](const Loss& loss, const Shape& output) {
                if (!HasClasses(loss) || loss.predicts == Predicts::kYesOrNo) {
                  return NeedsClasses(kind);
                }
                if (k <= output.back()) return absl::OkStatus();
                return absl::InvalidArgumentError(absl::StrCat(
                    "top_k: k is ", k, ", but the model gives ", output.back(), " scores"));
              },
          .start = [k, name](const Loss& loss) -> std::unique_ptr<Tally> {
            const auto right = [k](std::span<const double> scores, int64_t y) {
              return scores.size() == 1 ? PredictedClass(scores) == y : AmongGreatest(scores, y, k);
            };
            return std::make_unique<Share<decltype(right)>>(name, loss.predicts, right);
          }};
}

Metric Auc::Make() const {
  return {.name = std::string(kind),
          .better = Better::kGreater,
          .check =
              [](const Loss& loss, const Shape& output) {
                return HasTwoClasses(loss, output)
                           ? absl::OkStatus()
                           : NeedsClasses(kind, "predicts one of two classes");
              },
          .start = [](const Loss& loss) -> std::unique_ptr<Tally> {
            return std::make_unique<AucTally>(loss.predicts);
          }};
}

Metric ConfusionMatrix::Make() const {
  return {.name = std::string(kind),
          .check =
              [](const Loss& loss, const Shape& output) {
                return HasOneClass(loss, output) ? absl::OkStatus() : NeedsClasses(kind);
              },
          .start = [](const Loss& loss) -> std::unique_ptr<Tally> {
            return std::make_unique<ConfusionTally>(loss.predicts);
          }};
}

}  // namespace descent
