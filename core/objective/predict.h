// `Predict` gives a model's predictions, and what they say where the objective has classes. Free
// functions; not thread-safe on one model.
#ifndef DESCENT_CORE_OBJECTIVE_PREDICT_H_
#define DESCENT_CORE_OBJECTIVE_PREDICT_H_

#include <cstdint>
#include <span>

#include "ATen/core/Tensor.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "core/model/layer.h"
#include "core/model/layers.h"
#include "core/objective/loss.h"

namespace descent {

// Hands the model's outputs [batch, …] for inputs [n, …], n ≥ 1, to `take`, once and in order in
// batches of batch_size ≥ 1 (the last one may be smaller), without recording a graph: what Evaluate
// sees, to the bit, if it has the same batches. An error of `take` ends it and is returned.
// INVALID_ARGUMENT for wrong arguments, and if the inputs don't fit.
absl::Status Predict(const Model& model, const at::Tensor& inputs, int64_t batch_size,
                     absl::FunctionRef<absl::Status(const at::Tensor& outputs)> take);

// True if predictions for such a loss say classes: one for each row of scores, or 1 (yes) or 0 for
// each question.
bool PredictsClasses(Predicts predicts);

// The shape of the classes that an output of this shape predicts.
Shape PredictedShape(Predicts predicts, const Shape& output);

// Gives the classes that metrics take outputs for: [batch, …], int64, contiguous, on the CPU.
at::Tensor PredictedClasses(Predicts predicts, const at::Tensor& outputs);

// Gives the class of the greatest score of one row, the first of equal ones (NaN is never greater);
// with one score alone 1 if it is > 0, else 0.
int64_t PredictedClass(std::span<const double> scores);

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_PREDICT_H_
