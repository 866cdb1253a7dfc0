// All kinds of schedules by their names, for whoever learns the kind at run time.
//
// A new one needs a line in schedules.cc. Free functions, any thread.
#ifndef DESCENT_CORE_SEQUENCE_SCHEDULES_H_
#define DESCENT_CORE_SEQUENCE_SCHEDULES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/sequence/sequence.h"

namespace descent {

// A schedule of some kind. Not thread-safe.
class ScheduleForm : public Form {
 public:
  // Makes the sequence. Throws std::invalid_argument where Validate() gives an error.
  virtual Sequence Make() const = 0;
  // These are those of Lengths (schedule.h).
  virtual int64_t OwnLength(int64_t length) const = 0;
  virtual int64_t InnerLength(size_t inner, int64_t length) const = 0;
};

// Gives a form with the kind's defaults, or null if there is no such kind.
std::unique_ptr<ScheduleForm> NewSchedule(std::string_view kind);

// Gives the names: `cosine`, `exponential`, …
std::vector<std::string_view> ScheduleKinds();

}  // namespace descent

#endif  // DESCENT_CORE_SEQUENCE_SCHEDULES_H_
