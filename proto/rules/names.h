// The names of jobs, checkpoints and datasets, as they travel between programs and as they lie on
// the disk. Pure functions; any thread.
#ifndef DESCENT_PROTO_RULES_NAMES_H_
#define DESCENT_PROTO_RULES_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace descent::rules {

// How a job's name begins, before its id: `jobs/{job}`.
inline constexpr std::string_view kJobCollection = "jobs/";
// The same of a dataset: `datasets/{dataset}`.
inline constexpr std::string_view kDatasetCollection = "datasets/";

// True if it is a {job}: [a-z]([a-z0-9-]{0,61}[a-z0-9])?
bool IsJobId(std::string_view id);

// Says the rule for people, and the nearest to `id` that keeps it: `boston-ws` for `Boston_ws`.
std::string WhyNoJobId(std::string_view id);

// Give `jobs/x` for `x`, and `x` for `jobs/x`, or nothing if it is no job's name.
std::string JobName(std::string_view job_id);
std::optional<std::string> JobIdOf(std::string_view name);

// Give `{branch}-{iteration}`, and the file of that name in a job's folder of checkpoints.
std::string CheckpointName(int64_t branch, int64_t iteration);
std::string CheckpointPath(std::string_view folder, std::string_view name);

// True if it is a {dataset}: [a-z]([a-z0-9._-]{0,61}[a-z0-9])?
bool IsDatasetId(std::string_view id);

// Give `datasets/x` for `x`, and `x` for `datasets/x`, or nothing if it is no dataset's name.
std::string DatasetName(std::string_view id);
std::optional<std::string> DatasetIdOf(std::string_view name);

// True for what a request_id and a principal are made of.
bool IsPrintableAscii(std::string_view text);

}  // namespace descent::rules

#endif  // DESCENT_PROTO_RULES_NAMES_H_
