// An `Appender` appends the events of one job: it makes them, gives them their revisions, and keeps
// the two folds of the journal. The pending one follows what was handed to the journal, and
// decisions are made against it; the durable one follows the commits. Not thread-safe: the job's
// mutex guards it.
//
// The legal order of calls is
//   Restore? ((Add | AddSerialized | AddIteration)* Append)* with one Land for each Append;
//   Restore*
// The last are of a job that is over, when all has landed: it keeps less and less of its fold.
// Revisions are given when an event is added, so what is added to one draft is appended, under the
// same hold of the mutex, before anything is added to another.
#ifndef DESCENT_SERVER_DAEMON_JOBS_APPENDER_H_
#define DESCENT_SERVER_DAEMON_JOBS_APPENDER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "descent/v1/event.pb.h"
#include "server/common/clock.h"
#include "server/daemon/jobs/fold.h"
#include "server/daemon/jobs/lineage.h"
#include "server/daemon/journal/journal.h"

namespace descent::daemon {

// Where a journal stands after some of its events. A value.
struct Position {
  explicit Position(JobFold seen) : fold(std::move(seen)) {}

  // Takes every event but iterations, in order, into all but the fold.
  void Follow(const v1::Event& event);

  JobFold fold;  // what people see
  Lineage lineage;
  int64_t head_iteration = -1;  // of the present history; −1: none
  int64_t last_iteration_revision = 0;
};

// What becomes true when an append is durable.
struct Commit {
  std::vector<v1::Event> events;  // with revision; of several iterations in a row only the last
  bool only_iterations = true;
  bool has_checkpoint = false;
  bool has_end = false;
  int64_t iterations = 0;
  int64_t bytes = 0;  // those of all its events
};

// Events on their way to one append.
struct Draft {
  bool empty() const { return pending.empty(); }

  Commit commit;
  std::vector<PendingEvent> pending;
  bool has_unfolded_iteration = false;  // the last of `pending` is one
};

class Appender {
 public:
  // `on_event` is given every event but iterations as it is added, with its revision.
  Appender(const server::Clock* clock, std::shared_ptr<JobJournal> journal, Position position,
           int64_t next_revision, std::function<void(const v1::Event&)> on_event);

  // Takes the position that was read from the journal, or after its end: all of it is durable.
  void Restore(Position position);

  const JobFold& pending() const { return pending_.fold; }
  const JobFold& durable() const { return durable_; }
  // Gives the fold that people see.
  const JobFold& seen() const;
  const Lineage& lineage() const { return pending_.lineage; }
  const std::vector<std::string>& series() const { return pending().series(); }
  int64_t head_iteration() const { return pending_.head_iteration; }
  // The revision of the last new iteration; 0 if there is none.
  int64_t last_iteration_revision() const { return pending_.last_iteration_revision; }

  // Make events of the daemon's own, with time, attempt and branch.
  v1::Event NewEvent() const;
  v1::Event NewState(v1::JobState state, const std::string& reason) const;
  v1::Event NewNotice(const std::string& message) const;

  // Adds an event and folds it.
  void Add(v1::Event event, Draft* draft);
  // Does the same with an event that is serialized already: `pending` are its bytes.
  void AddSerialized(PendingEvent pending, v1::Event event, Draft* draft);
  // Adds an iteration, which is folded only if it is the last in a row.
  void AddIteration(PendingEvent pending, Draft* draft);

  // Hands a draft that is not empty to the journal. `landed` runs on the journal's thread, without
  // the mutex, in the order of the appends; it calls Land first.
  using Landed = std::function<void(const absl::Status&, const Commit&)>;
  void Append(Draft draft, Landed landed);
  // An append has landed: if it is durable, the durable fold takes its events; an error means that
  // it never will be.
  void Land(const absl::Status& status, const Commit& commit);

  // How many appends there were, and how many of them, the first ones, have landed.
  int64_t appended() const { return appended_; }
  int64_t landed() const { return landed_; }
  bool all_landed() const { return landed_ == appended_; }
  // How many bytes the events have whose appends have not landed.
  int64_t bytes_in_flight() const { return bytes_in_flight_; }

 private:
  void FoldLastIteration(Draft* draft);

  const server::Clock* const clock_;
  const std::shared_ptr<JobJournal> journal_;
  const std::function<void(const v1::Event&)> on_event_;
  Position pending_;
  JobFold durable_;
  int64_t next_revision_;
  int64_t appended_ = 0;
  int64_t landed_ = 0;
  int64_t bytes_in_flight_ = 0;
  int64_t appended_bytes_ = 0;  // of iterations, since the last call of Retain
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_APPENDER_H_
