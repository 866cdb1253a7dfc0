#include "server/daemon/journal/rollup.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "descent/v1/event.pb.h"
#include "server/daemon/journal/entries.h"

namespace descent::daemon {

void RollupSeries::Add(double value) {
  last = value;
  if (!std::isfinite(value)) return;
  min = count == 0 ? value : std::min(min, value);
  max = count == 0 ? value : std::max(max, value);
  ++count;
  mean += (value - mean) / static_cast<double>(count);
}

void RollupSeries::Add(const RollupSeries& later) {
  last = later.last;
  if (later.count == 0) return;
  min = count == 0 ? later.min : std::min(min, later.min);
  max = count == 0 ? later.max : std::max(max, later.max);
  const auto before = static_cast<double>(count);
  const auto added = static_cast<double>(later.count);
  count += later.count;
  mean = (mean * before + later.mean * added) / static_cast<double>(count);
}

void Rollup::Add(const Rollup& later) {
  last_iteration = later.last_iteration;
  last_revision = later.last_revision;
  count += later.count;
  for (size_t i = 0; i < series.size(); ++i) series[i].Add(later.series[i]);
}

namespace {

void Add(const v1::Iteration& iteration, std::array<RollupSeries, kRolledUpFields>* series) {
  RollupSeries* next = series->data();
  ForEachIterationField([&]<class Value>(const IterationField<Value>& field) {
    if constexpr (std::is_same_v<Value, double>) {
      if (!field.rolled_up) return;
      if (field.IsSet(iteration)) next->Add(field.Of(iteration));
      ++next;
    }
  });
}

}  // namespace

std::vector<Rollup> RollUp(const std::vector<RowPtr>& rows) {
  std::vector<Rollup> rollups;
  v1::Event event;
  for (const RowPtr& row : rows) {
    for (const Entry& entry : Entries(*row)) {
      if (!event.ParseFromArray(entry.event.data(), static_cast<int>(entry.event.size()))) continue;
      const int64_t bucket = entry.iteration / kRollupIterations;
      if (rollups.empty() || rollups.back().bucket != bucket ||
          rollups.back().branch != row->branch) {
        Rollup& rollup = rollups.emplace_back();
        rollup.branch = row->branch;
        rollup.bucket = bucket;
        rollup.first_iteration = entry.iteration;
        rollup.first_revision = entry.revision;
      }
      Rollup& rollup = rollups.back();
      rollup.last_iteration = entry.iteration;
      rollup.last_revision = entry.revision;
      ++rollup.count;
      Add(event.iteration(), &rollup.series);
    }
  }
  return rollups;
}

}  // namespace descent::daemon
