// A `Metric` is what is said of a model's predictions on a whole data set besides its loss.
//
// A kind of metric is an option struct (core/fields) that makes a `Metric`; they are listed in
// metric_kinds.h. Each is gathered batch by batch in double, in order: the same data give the same
// bits, whatever the batches.
#ifndef DESCENT_CORE_OBJECTIVE_METRIC_H_
#define DESCENT_CORE_OBJECTIVE_METRIC_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "core/fields/fields.h"
#include "core/model/layer.h"
#include "core/objective/loss.h"

namespace descent {

struct MetricValue {
  std::string name;  // `accuracy`
  double value = 0;
  // The numbers of a matrix, row by row, in place of the value.
  std::vector<double> values = {};
  // The entries of a large square matrix that are not 0, row by row, in place of both.
  struct Entry {
    uint32_t row, column, count;
  };
  int64_t size = 0;  // the number of rows, which is that of columns
  std::vector<Entry> entries = {};
};

// What a metric has seen so far. Not thread-safe.
class Tally {
 public:
  virtual ~Tally() = default;
  // Adds a batch: predictions [batch, …] of any floating-point type on any device, and targets as
  // the loss takes them. Throws what LibTorch throws.
  virtual void Add(const at::Tensor& predictions, const at::Tensor& targets) = 0;
  // Gives the metric of all that was added. `loss` is the mean over the same data.
  virtual MetricValue Result(double loss) const = 0;
};

// Which way a metric goes as the model becomes better: who goes by it (a plateau) has to know.
enum class Better : uint8_t {
  kNeither,  // it is no single number
  kLess,
  kGreater,
};

// A value; any thread.
struct Metric {
  std::string name;  // `accuracy`
  Better better = Better::kNeither;
  // Gives INVALID_ARGUMENT saying what the metric needs, if it means nothing for such predictions;
  // `output` is a model's output for one example.
  std::function<absl::Status(const Loss& loss, const Shape& output)> check;
  std::function<std::unique_ptr<Tally>(const Loss& loss)> start;
};

// Gives INVALID_ARGUMENT saying how the metric goes, if whoever goes by it looks the other way:
// `maximize: accuracy grows as the model becomes better; give true`.
absl::Status CheckDirection(const Metric& metric, bool maximize);

// Makes a metric of options of a kind. Throws std::invalid_argument naming the field that is out of
// range.
template <Declared O>
Metric MakeMetric(const O& options) {
  ThrowUnlessValid(options);
  return options.Make();
}

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_METRIC_H_
