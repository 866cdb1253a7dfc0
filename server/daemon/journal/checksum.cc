#include "server/daemon/journal/checksum.h"

#include <libdeflate.h>

#include <array>
#include <bit>
#include <cmath>

namespace descent::daemon {
namespace {

uint32_t Add(uint32_t sum, const void* data, size_t size) {
  // libdeflate takes a null pointer, as of an empty column, for the wish to begin anew.
  return size == 0 ? sum : libdeflate_crc32(sum, data, size);
}

uint32_t Add(uint32_t sum, std::string_view bytes) { return Add(sum, bytes.data(), bytes.size()); }

uint32_t Add(uint32_t sum, const RollupSeries& series) {
  const bool any = series.count > 0;
  const bool ends = series.last.has_value() && !std::isnan(*series.last);
  const auto bits = [](double number) { return std::bit_cast<int64_t>(number + 0.0); };  // no −0
  const std::array<int64_t, 6> numbers = {series.count,
                                          any ? bits(series.min) : 0,
                                          any ? bits(series.max) : 0,
                                          any ? bits(series.mean) : 0,
                                          ends ? 1 : 0,
                                          ends ? bits(*series.last) : 0};
  return Add(sum, numbers.data(), sizeof numbers);
}

}  // namespace

uint32_t Checksum(const StoredRow& row) {
  // The length keeps request_id and entries apart. Little-endian, as all that we run on.
  const std::array<int64_t, 8> head = {row.id,
                                       row.last_revision,
                                       row.kind,
                                       row.branch,
                                       row.first_iteration,
                                       row.last_iteration,
                                       row.previous,
                                       static_cast<int64_t>(row.request_id.size())};
  return Add(Add(Add(0, head.data(), sizeof head), row.request_id), row.entries);
}

uint32_t Checksum(std::string_view job_id, std::string_view snapshot) {
  const auto size = static_cast<int64_t>(job_id.size());
  return Add(Add(Add(0, &size, sizeof size), job_id), snapshot);
}

uint32_t Checksum(const JobLine& line) {
  const std::array<int64_t, 5> head = {line.number, line.compacted_revision, line.iteration_bytes,
                                       line.counted_revision, line.last_other_revision};
  return Add(Add(0, head.data(), sizeof head), line.job_id);
}

uint32_t Checksum(int64_t deleted_job) { return Add(0, &deleted_job, sizeof deleted_job); }

uint32_t Checksum(std::string_view deleted_job_id) { return Add(0, deleted_job_id); }

uint32_t Checksum(int64_t job, const Rollup& rollup) {
  const std::array<int64_t, 8> head = {job,
                                       rollup.branch,
                                       rollup.bucket,
                                       rollup.first_iteration,
                                       rollup.last_iteration,
                                       rollup.first_revision,
                                       rollup.last_revision,
                                       rollup.count};
  uint32_t sum = Add(0, head.data(), sizeof head);
  for (const RollupSeries& series : rollup.series) sum = Add(sum, series);
  return sum;
}

uint32_t Checksum(int64_t job, int64_t revision) {
  const std::array<int64_t, 2> head = {job, revision};
  return Add(0, head.data(), sizeof head);
}

}  // namespace descent::daemon
