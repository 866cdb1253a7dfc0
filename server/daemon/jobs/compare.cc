#include "server/daemon/jobs/compare.h"

#include <google/protobuf/repeated_field.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/daemon/journal/iteration_fields.h"

namespace descent::daemon {
namespace {

// NaN equals itself and 0 differs from −0, because it is the bits that count.
bool Same(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

std::string Number(double value) {
  return std::isnan(value) ? "nan" : absl::StrFormat("%.17g", value);  // whatever its sign
}

std::string Say(const std::string& what, double journaled, double recomputed) {
  return absl::StrCat(what, " ", Number(recomputed), " instead of ", Number(journaled));
}

// Compares all such fields of an iteration alike.
using Doubles = google::protobuf::RepeatedField<double>;

bool Same(int64_t a, int64_t b) { return a == b; }
bool Same(const Doubles& a, const Doubles& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double x, double y) { return Same(x, y); });
}

std::string Say(const std::string& what, int64_t journaled, int64_t recomputed) {
  return absl::StrCat(what, " ", recomputed, " instead of ", journaled);
}
std::string Say(const std::string& what, const Doubles& journaled, const Doubles& recomputed) {
  if (journaled.size() != recomputed.size()) {
    return absl::StrCat(recomputed.size(), " ", what, " instead of ", journaled.size());
  }
  int i = 0;
  while (Same(journaled[i], recomputed[i])) ++i;
  return Say(absl::StrCat(what, "[", i, "]"), journaled[i], recomputed[i]);
}

template <class Numbers>
bool SameNumbers(const Numbers& a, const Numbers& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

std::string Difference(const v1::Iteration& journaled, const v1::Iteration& recomputed) {
  std::string difference;
  ForEachIterationField([&](const auto& field) {
    if (!field.compared || !difference.empty()) return;
    if (field.IsSet(journaled) == field.IsSet(recomputed) &&
        Same(field.Of(journaled), field.Of(recomputed))) {
      return;
    }
    difference = Say(std::string(field.name), field.Of(journaled), field.Of(recomputed));
  });
  return difference;
}

std::string Difference(const v1::Evaluated& journaled, const v1::Evaluated& recomputed) {
  if (journaled.parts() != recomputed.parts()) {
    return absl::StrCat(recomputed.parts(), " parts instead of ", journaled.parts());
  }
  if (journaled.samples() != recomputed.samples()) {
    return absl::StrCat("samples ", recomputed.samples(), " instead of ", journaled.samples());
  }
  if (journaled.metrics_size() != recomputed.metrics_size()) {
    return absl::StrCat(recomputed.metrics_size(), " metrics instead of ",
                        journaled.metrics_size());
  }
  for (int i = 0; i < journaled.metrics_size(); ++i) {
    const v1::Metric& was = journaled.metrics(i);
    const v1::Metric& is = recomputed.metrics(i);
    if (was.name() != is.name()) return absl::StrCat(is.name(), " instead of ", was.name());
    if (!Same(was.value(), is.value())) return Say(was.name(), was.value(), is.value());
    if (was.size() != is.size() || !SameNumbers(was.rows(), is.rows()) ||
        !SameNumbers(was.columns(), is.columns()) || !SameNumbers(was.counts(), is.counts())) {
      return absl::StrCat(was.name(), " of other numbers");
    }
    if (was.values_size() != is.values_size()) {
      return absl::StrCat(was.name(), " of ", is.values_size(), " numbers instead of ",
                          was.values_size());
    }
    for (int j = 0; j < was.values_size(); ++j) {
      if (Same(was.values(j), is.values(j))) continue;
      return Say(absl::StrCat(was.name(), "[", j, "]"), was.values(j), is.values(j));
    }
  }
  return "";
}

}  // namespace descent::daemon
