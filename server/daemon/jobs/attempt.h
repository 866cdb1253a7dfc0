// An `Attempt` is the attempt of one job: who has it, what it began from, and how far what it tells
// has come (rules 5, 6 and 10 of server/README.md). Not thread-safe: the job's mutex guards it.
//
//   kIdle ──Prepare──▶ kPreparing ──Start──▶ kStarting ──GoLive──▶ kLive
//   kIdle ──Await──▶ kAwaited ──Reconnect | StartAgain──▶ kLive
//   kLive ──Reconnect | StartAgain──▶ kLive
//   End leads to kIdle from everywhere.
//
// In kPreparing a worker is there, and its checkpoint is being looked at. In kStarting
// AttemptStarted is on its way into the journal. In kLive the worker was sent the message Start. In
// kAwaited an earlier daemon sent it, and the worker has not come back yet.
//
// The worker is held here and nowhere else in a job: who speaks to it asks the attempt, so that a
// group of members can take its place.
#ifndef DESCENT_SERVER_DAEMON_JOBS_ATTEMPT_H_
#define DESCENT_SERVER_DAEMON_JOBS_ATTEMPT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "descent/v1/event.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/common/clock.h"
#include "server/daemon/workers/worker.h"

namespace descent::daemon {

class Attempt {
 public:
  enum class Phase { kIdle, kAwaited, kPreparing, kStarting, kLive };

  // What it begins from: a checkpoint, or the starting point (no name, −1).
  struct Base {
    std::string checkpoint;
    int64_t iteration = -1;
    double elapsed_seconds = 0;  // of the run, until there
  };

  explicit Attempt(const server::Clock* clock) : clock_(clock) {}

  // ---- What the journal says of attempts.
  // Takes every event that is appended, in order, with revision.
  void Apply(const v1::Event& event);
  // The newest attempt that was journaled; revision 0 if there is none yet.
  struct Journaled {
    int32_t number = 0;
    int64_t revision = 0;
    v1::AttemptStarted started;
    int64_t last_sequence = 0;  // that of its events here
  };
  const Journaled& newest() const { return newest_; }
  // Counts the attempts that made no new iteration, that is, began after the last new iteration
  // was journaled (at `last_iteration_revision`). Those before a rewind or an orderly end don't
  // count, nor those that came to wait for people (PAUSED). After a restart from a checkpoint an
  // iteration is new if none before came so far.
  int CountFruitless(int64_t head_iteration, int64_t last_iteration_revision);

  // ---- Its life.
  void Prepare(const WorkerPtr& worker);
  // Goes on from kPreparing: to the next number, and what there is to re-compute up to the head
  // (−1: none).
  void Start(Base base, int64_t head_iteration);
  // AttemptStarted is durable. Gives false if this attempt has ended meanwhile.
  bool GoLive(int32_t number);
  // The newest journaled attempt may still run: `worker` stands for its process.
  void Await(const WorkerPtr& worker, Base base, int64_t head_iteration,
             int64_t last_iteration_revision);
  // Its worker came back without having been told to start. Gives true if it is to be told now.
  bool StartAgain();
  // Its worker is back. Gives false if that is another attempt's.
  bool Reconnect(const WorkerPtr& worker, const worker::v1::Hello& hello);
  void End();

  Phase phase() const { return run_.phase; }
  bool is_idle() const { return run_.phase == Phase::kIdle; }
  bool is_preparing() const { return run_.phase == Phase::kPreparing; }
  bool is_live() const { return run_.phase == Phase::kLive; }
  int32_t number() const { return run_.number; }
  const Base& base() const { return run_.base; }
  // Iterations up to this one may come again; −1 if none may.
  int64_t recompute_until() const { return run_.recompute_until; }
  // True if it has computed nothing new yet, and is on its way from its base to the head.
  bool is_recomputing() const { return run_.recomputing; }
  // True if no iteration beyond the head has come: what comes may be in the journal already.
  bool is_comparing() const { return run_.comparing; }

  // ---- Its worker.
  // True if it is this worker's, which is not so for an idle one.
  bool IsOf(const WorkerPtr& worker) const { return !is_idle() && run_.worker == worker; }
  const WorkerPtr& worker() const { return run_.worker; }  // null if idle
  void Send(worker::v1::DaemonMessage message) const;
  void SendAck(int64_t sequence) const;
  // From now on nothing of the worker counts. Does nothing if idle.
  void Fence(const std::string& reason) const;
  // While the attempt is being prepared, or a batch of it compared, what is told of its worker
  // waits: gives true if `later` does. Who called Start, or gave up, or EndComparison, runs
  // TakePostponed; what must wait for longer postpones itself again.
  bool Postpone(const WorkerPtr& worker, std::function<void()> later);
  std::vector<std::function<void()>> TakePostponed();

  // ---- What it tells: events, numbered by its worker.
  int64_t taken_sequence() const { return run_.taken_sequence; }      // appended or compared
  int64_t durable_sequence() const { return run_.durable_sequence; }  // may be acknowledged
  void TakeEvent() { ++run_.taken_sequence; }
  // A new iteration was among the events.
  void TakeNewIteration() { run_.recomputing = run_.comparing = false; }
  // Events up to `sequence` are durable; if `all_landed`, up to what was taken. Gives what its
  // worker is to be told now, if anything: a stream of iterations is acknowledged now and then.
  std::optional<int64_t> Acknowledge(int64_t sequence, bool all_landed, bool at_once);
  // A batch is on its way to the store and back, of which it may be the second at a time after a
  // lost connection. Each beginning has its end, whatever becomes of the attempt.
  void BeginComparison() { ++comparisons_; }
  void EndComparison() { --comparisons_; }
  // Its worker asks for an acknowledgement: of what is durable now, and of what lands next.
  std::optional<int64_t> AskAcknowledgement(bool all_landed);

 private:
  struct Run {
    Phase phase = Phase::kIdle;
    int32_t number = 0;
    WorkerPtr worker;
    Base base;
    int64_t recompute_until = -1;
    bool recomputing = false;
    bool comparing = false;
    int64_t taken_sequence = 0;
    int64_t durable_sequence = 0;
    int64_t acknowledged_sequence = 0;
    int64_t acknowledged_nanos = 0;  // when the worker was told
    bool asks_acknowledgement = false;
  };

  const server::Clock* clock_;
  Run run_;
  std::vector<std::function<void()>> postponed_;
  int comparisons_ = 0;  // how many are under way
  Journaled newest_;
  std::vector<int64_t> fruitless_revisions_;  // those of AttemptStarted events
  int64_t furthest_iteration_ = -1;           // the furthest that a restart has left behind
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_ATTEMPT_H_
