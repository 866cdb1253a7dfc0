#include "server/daemon/journal/checksum.h"

#include <zlib.h>

#include <array>

namespace descent::daemon {
namespace {

uint32_t Add(uint32_t sum, const void* data, size_t size) {
  // zlib takes a null pointer, as of an empty column, for the wish to begin anew.
  if (size == 0) return sum;
  return static_cast<uint32_t>(crc32_z(sum, static_cast<const Bytef*>(data), size));
}

uint32_t Add(uint32_t sum, std::string_view bytes) { return Add(sum, bytes.data(), bytes.size()); }

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

}  // namespace descent::daemon
