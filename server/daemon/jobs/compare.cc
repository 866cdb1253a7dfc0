#include "server/daemon/jobs/compare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace descent::daemon {
namespace {

// NaN equals itself and 0 differs from −0: it is the bits that count.
bool Same(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

std::string Number(double value) {
  return std::isnan(value) ? "nan" : absl::StrFormat("%.17g", value);  // whatever its sign
}

std::string Say(const std::string& what, double journaled, double recomputed) {
  return absl::StrCat(what, " ", Number(recomputed), " instead of ", Number(journaled));
}

template <class Numbers>
bool SameNumbers(const Numbers& a, const Numbers& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

std::string Difference(const v1::Iteration& journaled, const v1::Iteration& recomputed) {
  if (!Same(journaled.value(), recomputed.value())) {
    return Say("value", journaled.value(), recomputed.value());
  }
  if (!Same(journaled.gradient_norm(), recomputed.gradient_norm())) {
    return Say("gradient_norm", journaled.gradient_norm(), recomputed.gradient_norm());
  }
  if (journaled.has_step_size() != recomputed.has_step_size() ||
      !Same(journaled.step_size(), recomputed.step_size())) {
    return Say("step_size", journaled.step_size(), recomputed.step_size());
  }
  if (journaled.samples() != recomputed.samples()) {
    return absl::StrCat("samples ", recomputed.samples(), " instead of ", journaled.samples());
  }
  if (!Same(journaled.epoch(), recomputed.epoch())) {
    return Say("epoch", journaled.epoch(), recomputed.epoch());
  }
  if (journaled.scalars_size() != recomputed.scalars_size()) {
    return absl::StrCat(recomputed.scalars_size(), " scalars instead of ",
                        journaled.scalars_size());
  }
  for (int i = 0; i < journaled.scalars_size(); ++i) {
    if (!Same(journaled.scalars(i), recomputed.scalars(i))) {
      return Say(absl::StrCat("scalars[", i, "]"), journaled.scalars(i), recomputed.scalars(i));
    }
  }
  return "";
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
