// A `Lineage` knows which branch holds an iteration of the present history. After a rewind to
// iteration t, a new branch goes on after t, and what is at or before t is still the older
// branches'. A value.
#ifndef DESCENT_SERVER_DAEMON_JOBS_LINEAGE_H_
#define DESCENT_SERVER_DAEMON_JOBS_LINEAGE_H_

#include <cstdint>
#include <vector>

namespace descent::daemon {

class Lineage {
 public:
  void Rewind(int64_t to_iteration, int32_t to_branch) {
    while (!segments_.empty() && segments_.back().after >= to_iteration) segments_.pop_back();
    segments_.push_back({to_branch, to_iteration});
  }

  int32_t branch() const { return segments_.back().branch; }

  int32_t BranchOf(int64_t iteration) const {
    for (auto it = segments_.rbegin(); it != segments_.rend(); ++it) {
      if (iteration > it->after) return it->branch;
    }
    return segments_.front().branch;
  }

  // True if a branch's state at this iteration is part of the present history.
  bool Holds(int32_t branch, int64_t iteration) const { return BranchOf(iteration) == branch; }

 private:
  struct Segment {
    int32_t branch;
    int64_t after;  // the segment holds the iterations after this one
  };
  std::vector<Segment> segments_ = {{0, -1}};
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_LINEAGE_H_
