// A `RequestBook` has the requests of one job. This is the daemon's half of a command's happening
// exactly once (rule 4 of server/README.md): who asks twice gets the first answer, and what a
// worker tells of it twice is journaled once. The worker's half is waiting_requests.h, where a
// request that is delivered twice is applied once; attempt.h drops events that are sent twice, and
// Job puts one question at a time to the store. Not thread-safe: the job's mutex guards it.
//
// What it holds is bounded by what is unfinished, not by what has happened: requests that are done
// with are looked up in the store, which Ask is handed, and of what was applied the newest are kept
// (Forget).
//
// The life of one request is this order of calls, between which others' requests may come:
//
//   Ask+ (CheckRoom Wait Apply(accepted) Ask* Durable(accepted) Ask*
//         (Judge Apply(resolution) Ask* Durable(resolution) Ask*)?)?
//
//   Ask                  Is it known? Then this answers it, now or with the resolution.
//   CheckRoom Wait Apply It is not: it is accepted. One hold of the mutex from Ask to here, so that
//                        nobody else accepts it between.
//   Durable(accepted)    From now on workers are told, by a command, or in Start and Welcome
//                        (Unresolved); a worker applies each request_id once.
//   Judge Apply          A worker says what came of it, perhaps again: journaled the first time.
//                        What the daemon itself resolves (a stop without a worker, the run's end)
//                        is not judged.
//   Durable(resolution)  Who waits is answered. From now on the store knows it, not the book.
//
// A rewind (Apply(rewound)) leaves requests as they are; what was applied after it is in the next
// attempt's Script and is applied once more on the new branch: Judge Apply(applied)
// Durable(applied) with reapplied_from. Nobody waits for that: exactly once means once a branch.
//
// If the daemon is killed
//   before Durable(accepted), nothing has happened, unless the commit came first: whoever asks
//     again with the request_id finds it accepted, or has it accepted now;
//   after it, LoadHistory makes it open again, and the worker is told in Welcome or Start;
//   when the worker has applied it and the event is not durable, the worker sends the event again.
//     If the worker is gone as well, so is its state: the next one applies it, at its own boundary;
//   after Durable(resolution), before the answer: whoever asks again gets the stored answer.
#ifndef DESCENT_SERVER_DAEMON_JOBS_REQUEST_BOOK_H_
#define DESCENT_SERVER_DAEMON_JOBS_REQUEST_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/event.pb.h"
#include "descent/v1/training_service.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/daemon/journal/row.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

class RequestBook {
 public:
  using Waiter = std::function<void(absl::StatusOr<v1::CommandJobResponse>)>;
  // Runs an answer where waiters are called, never within a call of the book's.
  using Post = std::function<void(std::function<void()>)>;

  // `job` is its name, for sentences.
  RequestBook(std::string job, Post post) : job_(std::move(job)), post_(std::move(post)) {}

  // ---- People ask.
  enum class Known {
    kNo,        // nobody has asked for it; `waiter` is not called
    kYes,       // answered already, or later
    kAskAgain,  // the store was asked too early: ask it, and this, again
  };
  // Tells whether a request was made before, and what came of it. `stored` is what the store has of
  // it (JobJournal::FindRequest), asked before the mutex was taken. To the waiter goes
  // PERMISSION_DENIED (`NOT_YOURS`) if it was somebody else's and the caller is no admin;
  // ALREADY_EXISTS if it was another command. Of many who wait for one request the first are sent
  // away (ABORTED).
  Known Ask(const v1::CommandAccepted& asked, const Caller& caller,
            const std::vector<RowPtr>& stored, const Waiter& waiter);
  // Gives why no more requests may be open (RESOURCE_EXHAUSTED), or OK if this one may.
  absl::Status CheckRoom(const v1::CommandAccepted& asked) const;
  // Has `waiter` answered with what comes of it. Its acceptance is appended next.
  void Wait(const std::string& request_id, const Waiter& waiter);
  // Answers this one alone, as the book answers: what is refused before it is accepted.
  void Answer(const Waiter& waiter, absl::StatusOr<v1::CommandJobResponse> answer) const;
  // Gives this to all who wait; their requests stay accepted.
  void AnswerAll(const absl::Status& status);

  // ---- Workers tell.
  enum class Verdict {
    kJournal,
    kRepeated,  // the journal has it already
    kUnknown,   // no such request is open: never made, or done with (rejected, or forgotten)
  };
  // Gives what is to be done with a CommandApplied or CommandRejected that a worker tells.
  Verdict Judge(const v1::Event& resolution) const;
  // True if it is not done with: open, or its resolution is not durable yet.
  bool IsKnown(const std::string& request_id) const { return Find(request_id) != nullptr; }
  // Gives an open request, or null if there is none, or it is resolved.
  const v1::CommandAccepted* FindUnresolved(const std::string& request_id) const;
  // Gives the open ones in order of acceptance; if `deliverable`, those alone whose acceptance is
  // durable.
  std::vector<v1::CommandAccepted> Unresolved(bool deliverable = false) const;
  // Gives what was applied after the state of a checkpoint at this iteration (−1: the starting
  // point), in order. A checkpoint holds no command of its own iteration. Complete if HasScript.
  std::vector<worker::v1::Scripted> Script(int64_t checkpoint_iteration) const;
  bool HasScript(int64_t checkpoint_iteration) const {
    return checkpoint_iteration > forgotten_iteration_;
  }

  // ---- The journal goes on.
  // Takes every event that is appended, in order, with revision; those that concern no request may
  // be left out.
  void Apply(const v1::Event& event);
  // The event is durable. Gives, for an acceptance, the request, if the worker is to be told of it.
  const v1::CommandAccepted* Durable(const v1::Event& event);
  // Forgets what was applied first, once it is much: all but the newest, as far as it is durable.
  void Forget(int64_t durable_revision);
  // Takes everything that was applied from another book of the same journal, which was read up to a
  // while ago, so that HasScript holds for every iteration. No rewind has come since.
  void Recall(const RequestBook& whole);
  // Lets go of what was applied: the run is over, and nobody will be told of it.
  void Rest();

 private:
  // One request that is not done with.
  struct Request {
    v1::CommandAccepted accepted;
    int64_t revision = 0;      // that of its acceptance
    bool deliverable = false;  // its acceptance is durable
    bool resolved = false;     // applied or rejected
  };
  // That a request was applied in the present history.
  struct Application {
    v1::CommandAccepted accepted;
    int64_t iteration = 0;
    int64_t revision = 0;
    std::optional<int64_t> reapplied_from;
  };

  const Request* Find(const std::string& request_id) const;
  bool IsApplied(const std::string& request_id) const;
  bool IsToBeReapplied(const std::string& request_id) const;
  void ApplyApplied(const v1::CommandApplied& applied, int64_t revision);
  void ApplyRewound(const v1::Rewound& rewound);
  void Settle(const std::string& request_id, const v1::Event& resolution);

  std::string job_;
  Post post_;
  std::map<std::string, Request> requests_;  // open, or their resolution is not durable yet
  int64_t open_bytes_ = 0;                   // of requests_
  std::map<std::string, std::vector<Waiter>> waiters_;
  std::vector<Application> applied_;     // in the present history, in order of iteration
  int64_t forgotten_iteration_ = -2;     // the iteration of the last one that was forgotten
  std::vector<Application> to_reapply_;  // after a rewind, until announced again
};

// Makes the rejection of a request by the daemon.
v1::CommandRejected RejectionOf(const v1::CommandAccepted& accepted, absl::StatusCode code,
                                const std::string& message, const std::string& reason);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOBS_REQUEST_BOOK_H_
