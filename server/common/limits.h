// The sizes in bytes, serialized, of what the daemon tells, such that every answer fits into gRPC's
// default limit for clients, 4 MiB. GetJob, the largest answer, is at most what Created holds, the
// dials and the series once more with a number for each, and an evaluation without its large
// matrices.
#ifndef DESCENT_SERVER_COMMON_LIMITS_H_
#define DESCENT_SERVER_COMMON_LIMITS_H_

#include <cstddef>

namespace descent::server {

// One event may take so much, whatever it tells; more is told in parts, or ends the job.
inline constexpr size_t kMaxEventBytes = size_t{1} << 20;
// Spec and summary of a job may take so much.
inline constexpr size_t kMaxJobBytes = size_t{1} << 20;
// The names of a job's dials may take so much, and those of its series as well.
inline constexpr size_t kMaxNamesBytes = size_t{256} << 10;
// What grows with the data (matrices, names) comes in parts of about this size.
inline constexpr size_t kPartBytes = size_t{512} << 10;

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_LIMITS_H_
