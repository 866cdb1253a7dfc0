#include "core/optimizer/stop_tests.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/linalg_vector_norm.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/fields/fields.h"

namespace descent {

absl::Status StopTests::Validate() const {
  StopTests tests = *this;
  FieldList fields;
  tests.Describe(fields);
  return fields.Check();
}

bool StopTests::any() const {
  StopTests tests = *this;
  FieldList fields;
  tests.Describe(fields);
  return std::ranges::any_of(fields, &Field::given);
}

std::string ToSentence(const std::vector<StopReason>& reasons) {
  std::vector<std::string> texts;
  for (const StopReason& reason : reasons) {
    if (!reason.why.empty()) {
      texts.push_back(absl::StrCat(reason.test, ": ", reason.why));
      continue;
    }
    texts.push_back(absl::StrCat(reason.test, " ", reason.measured,
                                 reason.at_least ? " >= " : " <= ", reason.limit));
  }
  return absl::StrJoin(texts, ", ");
}

std::vector<StopReason> Holding(const StopTests& tests, const StopMeasures& measures) {
  std::vector<StopReason> reasons;
  const auto below = [&](const char* test, std::optional<double> limit, double measured) {
    if (limit && measured <= *limit) reasons.push_back({test, measured, *limit});
  };
  // The quotient is compared, so that the sentence shows what was given.
  const auto below_relative = [&](const char* test, std::optional<double> limit, double change,
                                  double size) {
    if (!limit || !(change <= *limit * size)) return;
    reasons.push_back({test, change == 0 ? 0 : change / size, *limit});
  };
  const auto reached = [&](const char* test, std::optional<double> limit, double measured) {
    if (limit && measured >= *limit) reasons.push_back({test, measured, *limit, true});
  };
  below("solution_change", tests.solution_change, measures.solution_change);
  below_relative("solution_relative_change", tests.solution_relative_change,
                 measures.solution_change, measures.solution_norm);
  below("value_change", tests.value_change, measures.value_change);
  below_relative("value_relative_change", tests.value_relative_change, measures.value_change,
                 std::abs(measures.value));
  below("value_below", tests.value_below, measures.value);
  below("gradient_norm", tests.gradient_norm, measures.gradient_norm);
  below("gradient_max", tests.gradient_max, measures.gradient_max);
  reached("iterations", tests.iterations, static_cast<double>(measures.index));
  reached("evaluations", tests.evaluations, static_cast<double>(measures.evaluations));
  if (measures.seconds) reached("seconds", tests.seconds, *measures.seconds);
  return reasons;
}

namespace internal {

double Greatest(Buffers x) {
  double greatest = 0;
  for (const at::Tensor& buffer : x) {
    const double part =
        at::linalg_vector_norm(buffer, std::numeric_limits<double>::infinity()).item<double>();
    if (!(part <= greatest)) greatest = part;  // takes NaN, too
  }
  return greatest;
}

}  // namespace internal
}  // namespace descent
