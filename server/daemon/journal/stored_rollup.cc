#include "server/daemon/journal/stored_rollup.h"

#include "absl/strings/str_cat.h"
#include "server/daemon/journal/checksum.h"
#include "server/daemon/journal/iteration_fields.h"

namespace descent::daemon {
namespace {

constexpr int kHeadColumns = 8;
constexpr int kSeriesColumns = 5;
constexpr int kChecksumColumn = kHeadColumns + kSeriesColumns * static_cast<int>(kRolledUpFields);

void BindSeries(Statement& statement, int index, const RollupSeries& series) {
  statement.Bind(index, series.count);
  if (series.count > 0) {
    statement.Bind(index + 1, series.min).Bind(index + 2, series.max).Bind(index + 3, series.mean);
  } else {
    statement.BindNull(index + 1).BindNull(index + 2).BindNull(index + 3);
  }
  if (series.last.has_value()) {
    statement.Bind(index + 4, *series.last);  // SQLite stores NaN as NULL
  } else {
    statement.BindNull(index + 4);
  }
}

RollupSeries SeriesAt(const Statement& statement, int column) {
  RollupSeries series;
  series.count = statement.Int(column);
  series.min = statement.Double(column + 1);
  series.max = statement.Double(column + 2);
  series.mean = statement.Double(column + 3);
  if (!statement.IsNull(column + 4)) series.last = statement.Double(column + 4);
  return series;
}

}  // namespace

std::string RollupColumns() {
  std::string columns =
      "job, branch, bucket, first_iteration, last_iteration, first_revision, last_revision, count";
  ForEachIterationField([&](const auto& field) {
    if (!field.rolled_up) return;
    for (const char* of : {"_count", "_min", "_max", "_mean", "_last"}) {
      absl::StrAppend(&columns, ", ", std::string(field.name), of);
    }
  });
  return columns + ", checksum";
}

std::string RollupParameters() {
  std::string parameters = "?1";
  for (int i = 2; i <= kChecksumColumn + 1; ++i) absl::StrAppend(&parameters, ", ?", i);
  return parameters;
}

void BindRollup(Statement& statement, int64_t job, const Rollup& rollup) {
  statement.Bind(1, job)
      .Bind(2, int64_t{rollup.branch})
      .Bind(3, rollup.bucket)
      .Bind(4, rollup.first_iteration)
      .Bind(5, rollup.last_iteration)
      .Bind(6, rollup.first_revision)
      .Bind(7, rollup.last_revision)
      .Bind(8, rollup.count);
  int index = kHeadColumns + 1;
  for (const RollupSeries& series : rollup.series) {
    BindSeries(statement, index, series);
    index += kSeriesColumns;
  }
  statement.Bind(index, int64_t{Checksum(job, rollup)});
}

Rollup RollupAt(const Statement& statement) {
  Rollup rollup;
  rollup.branch = static_cast<int32_t>(statement.Int(1));
  rollup.bucket = statement.Int(2);
  rollup.first_iteration = statement.Int(3);
  rollup.last_iteration = statement.Int(4);
  rollup.first_revision = statement.Int(5);
  rollup.last_revision = statement.Int(6);
  rollup.count = statement.Int(7);
  int column = kHeadColumns;
  for (RollupSeries& series : rollup.series) {
    series = SeriesAt(statement, column);
    column += kSeriesColumns;
  }
  return rollup;
}

absl::StatusOr<Rollup> RollupOf(const Statement& statement) {
  Rollup rollup = RollupAt(statement);
  if (statement.IsNull(kChecksumColumn) ||
      statement.Int(kChecksumColumn) != int64_t{Checksum(statement.Int(0), rollup)}) {
    const int64_t first = rollup.bucket * kRollupIterations;
    return absl::DataLossError(absl::StrCat("the roll-up of iterations ", first, " to ",
                                            first + kRollupIterations - 1,
                                            " is not what was written"));
  }
  return rollup;
}

}  // namespace descent::daemon
