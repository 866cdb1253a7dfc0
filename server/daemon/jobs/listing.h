// How jobs are listed: by a filter, in pages. Values and free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_JOBS_LISTING_H_
#define DESCENT_SERVER_DAEMON_JOBS_LISTING_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "descent/v1/training_service.pb.h"

namespace descent::daemon {

// A filter of ListJobs, such as `state = RUNNING AND labels.team = "vision"`. A value.
class JobFilter {
 public:
  // Gives INVALID_ARGUMENT with what was understood and what not.
  static absl::StatusOr<JobFilter> Parse(const std::string& text);

  bool Matches(const v1::Job& job) const;

 private:
  struct Term {
    std::string field;  // `state`, `display_name`, `name`, `owner`, `group`, or `labels.` and the
                        // label's key
    bool negated = false;
    std::string value;
  };
  std::vector<Term> terms_;
};

// Where a page ends: creation time and id of its last job. Jobs are listed newest first.
using PageKey = std::pair<uint64_t, std::string>;
std::string EncodePageToken(const PageKey& key);
absl::StatusOr<PageKey> DecodePageToken(const std::string& token);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_LISTING_H_
