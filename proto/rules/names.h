#ifndef DESCENT_PROTO_RULES_NAMES_H_
#define DESCENT_PROTO_RULES_NAMES_H_

// The names of jobs and checkpoints, as they travel between programs and as they lie on the disk.
// Pure functions; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace descent::rules {

// Before a job's id in its name: `jobs/{job}`.
inline constexpr std::string_view kJobCollection = "jobs/";

// Whether it is a {job}: [a-z]([a-z0-9-]{0,61}[a-z0-9])?
bool IsJobId(std::string_view id);

// The rule for people, and the nearest to `id` that keeps it: `boston-ws` for `Boston_ws`.
std::string WhyNoJobId(std::string_view id);

// `x` to `jobs/x`; and back, nothing if it is no job's name.
std::string JobName(std::string_view job_id);
std::optional<std::string> JobIdOf(std::string_view name);

// `{branch}-{iteration}`, and the file of that name in a job's folder of checkpoints.
std::string CheckpointName(int64_t branch, int64_t iteration);
std::string CheckpointPath(std::string_view folder, std::string_view name);

// What a request_id and a principal are made of.
bool IsPrintableAscii(std::string_view text);

}  // namespace descent::rules

#endif  // DESCENT_PROTO_RULES_NAMES_H_
