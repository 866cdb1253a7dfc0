// The `Supervisor` launches workers, keeps a warm spare, watches leases, and knows who is alive and
// what for: workers of jobs of known layers, which it launched, and programs, each for the one job
// that it named. Who is neither is refused at its Hello, and gets nothing.
//
// It is confined to its loop but for the public methods marked thread-safe. The legal order is the
// constructor, Await for every attempt that may still run, Start, anything, Shutdown,
// StopListening, the loop's Stop, the destructor.
//
// A worker is found dead by its process (pidfd) or its silence (lease). A silent one is replaced
// and fenced: it may be stopped, or elsewhere, and leaves when it hears of it. If its process on
// this machine is silent for a second lease, it is ended (SIGKILL). A silent program of this
// machine is waited for: nobody but its owner could start another.
#ifndef DESCENT_SERVER_DAEMON_WORKERS_SUPERVISOR_H_
#define DESCENT_SERVER_DAEMON_WORKERS_SUPERVISOR_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/spec.pb.h"
#include "descent/worker/v1/worker.pb.h"
#include "server/common/clock.h"
#include "server/common/loop.h"
#include "server/common/mutex.h"
#include "server/common/tally.h"
#include "server/daemon/launch/launcher.h"
#include "server/daemon/launch/secrets.h"
#include "server/daemon/security/caller.h"
#include "server/daemon/workers/attempt_host.h"
#include "server/daemon/workers/launch_backoff.h"
#include "server/daemon/workers/session.h"
#include "server/daemon/workers/spare_work.h"
#include "server/daemon/workers/worker.h"

namespace descent::daemon {

// What those are told who ask something while the daemon is shutting down.
absl::Status ShuttingDown();

// Gives UNAVAILABLE, with a cause that is a sentence without its full stop.
absl::Status PredictionLost(const std::string& cause);

// Gives the name in Secrets of a worker that the daemon launches.
std::string SecretName(const std::string& worker_id);

class Supervisor : public SessionHandler {
 public:
  struct Options {
    std::string socket;
    std::string log_dir;  // where the spares' {worker_id}.log are; it exists
    double lease_seconds = 10;
    int spares = 1;
    // What a worker's start may take until its Hello, because it loads LibTorch from a cold disk.
    double launch_seconds = 60;
    // So many specs are validated at a time, each by a spare of its own. One principal has at most
    // all but one of them, so that another finds one at once.
    int max_validations = 4;
    // What a validation may take from its beginning in a spare.
    double validation_seconds = 300;
    // So many connections to the socket may there be besides those of the workers that the daemon
    // started, which always have room; it is asked at every connection.
    std::function<int64_t()> max_guests = [] { return std::numeric_limits<int64_t>::max(); };
  };

  // Workers are known by `secrets`. The launcher and the host must outlive it.
  Supervisor(Options options, Secrets secrets, const server::Clock* clock,
             std::shared_ptr<server::Loop> loop, Launcher* launcher, AttemptHost* host);
  // StopListening and server::Loop::Stop come first.
  ~Supervisor() override;

  // Waits for the worker of an earlier daemon's attempt at this job, which may still run: it is
  // lost when its process is gone, or when a lease has passed without a Hello.
  WorkerPtr Await(const std::string& job, WorkerKind kind, const ProcessId& process);

  // Listens for workers and launches the first spare. Thread-safe.
  absl::Status Start();

  // Gives the next idle worker that is for this job to `taken`, as assigned: a spare, in the order
  // of asking, or the job's own program, whenever it comes.
  void Acquire(const std::string& job, WorkerKind kind,
               std::function<void(const WorkerPtr&)> taken);
  // The job wants no worker any more. Programs that wait for it are sent away.
  void CancelAcquire(const std::string& job);

  // Gives what the worker said about itself in its Hello.
  const v1::WorkerInfo& info(const WorkerPtr& worker) const { return worker->info_; }
  // Gives what it will be held to in its attempt.
  const v1::Confinement& confinement(const WorkerPtr& worker) const { return worker->confinement_; }

  // Moves an assigned worker's log to where the job's logs are.
  void MoveLog(const WorkerPtr& worker, const std::string& path);

  // Has a spare build the spec; callers take turns, by their principals. INVALID_ARGUMENT with
  // field violations; DEADLINE_EXCEEDED after validation_seconds; INTERNAL if its workers died, or
  // what they say can't be read. Gives the validation's number.
  using Validated = std::function<void(absl::StatusOr<worker::v1::Valid>)>;
  int64_t Validate(const Caller& caller, const v1::Spec& spec, Validated done);
  // Nobody wants the validation any more: `done` is not called. A spare that has begun has a second
  // to end it (it then holds the data for whoever asks next), else it is replaced.
  void CancelValidation(int64_t number);

  // What becomes of a prediction; called on the loop.
  struct PredictionCallbacks {
    std::function<void(v1::PredictJobResponse)> on_response;
    std::function<void(const absl::Status&)> on_end;  // the last call; not after CancelPrediction
  };
  // Has a spare predict, as soon as there is one and not too many do; principals take turns. The
  // supervisor sets the request's id and credits. UNAVAILABLE if the worker is lost meanwhile.
  void Predict(const std::string& id, const Caller& caller, worker::v1::Predict request,
               PredictionCallbacks callbacks);
  // Allows one response more, because one was passed on.
  void AllowPrediction(const std::string& id);
  void CancelPrediction(const std::string& id);

  // Asks every worker to save a checkpoint and leave, and waits for their end until the deadline.
  // Launches nothing from now on. Thread-safe, blocks; not on the loop.
  void Shutdown(std::chrono::steady_clock::time_point deadline);

  // Ends every session; workers train on. No handler runs from then on. Thread-safe, blocks; the
  // loop must still run.
  void StopListening();

  // A worker that was taken but is not needed is a spare again; a program is sent away.
  void Release(const WorkerPtr& worker);

  // Calls `gone` once when the worker's process has ended, at once if it has.
  void WhenGone(const WorkerPtr& worker, std::function<void()> gone);

  // Thread-safe.
  int64_t workers() const { return workers_count_; }
  int64_t spares() const { return spares_count_; }
  int64_t fenced() const { return fenced_count_; }
  // Gives how many workers were lost, by how: `failed` (another exit status than 0), `memory`
  // (killed for it), `killed` (by another signal), `gone` (nobody knows how: another daemon's
  // child), `silent` (for a lease).
  std::map<std::string, int64_t> losses() const;
  // How many workers' next message is not read yet, because too much of theirs is not durable.
  int64_t held_back() const { return *held_back_; }
  // Gives those that are alive, as of the last change.
  std::vector<LiveWorker> live() const {
    server::MutexLock lock(mutex_);
    return live_;
  }
  // OK, or why the last launch of a worker failed.
  absl::Status launching() const {
    server::MutexLock lock(mutex_);
    return launching_;
  }

  // These are SessionHandler's.
  void OnHello(ConnectionPtr connection, worker::v1::Hello hello, Resume resume) override;
  void OnMessage(ConnectionPtr connection, worker::v1::WorkerMessage message,
                 Resume resume) override;
  void OnUnreadable(ConnectionPtr connection, std::string problem, Resume resume) override;
  void OnClosed(ConnectionPtr connection) override;

 private:
  // So many predictions run at a time.
  static constexpr int kMaxPredictions = 3;
  // What a spare does that is busy for longer may take long: another one is launched, which costs a
  // running job some of its time; sooner if somebody waits for it.
  static constexpr int64_t kSoon = server::kSecond;
  static constexpr int64_t kVerySoon = server::kSecond / 4;

  struct PendingValidation {
    int64_t number = 0;
    Caller caller;
    v1::Spec spec;
    Validated done;  // none if it was cancelled
    int deaths = 0;  // how many workers died, or lost their connections, over it
  };

  struct PendingPrediction {
    Caller caller;
    worker::v1::Predict request;
    PredictionCallbacks callbacks;  // none if it was cancelled
  };

  struct Acquirer {
    std::string job;
    WorkerKind kind;
    std::function<void(const WorkerPtr&)> taken;
  };

  void Greet(const ConnectionPtr& connection, const worker::v1::Hello& hello);
  // Gives the worker that says this Hello, or an error if it is nobody that the daemon knows.
  absl::StatusOr<WorkerPtr> Admit(const worker::v1::Hello& hello);
  absl::StatusOr<WorkerPtr> AdmitLaunched(const worker::v1::Hello& hello);
  absl::StatusOr<WorkerPtr> AdmitProgram(const worker::v1::Hello& hello);
  // Makes this the worker's connection, in place of one that it may have.
  void Connect(const WorkerPtr& worker, const ConnectionPtr& connection,
               const worker::v1::Hello& hello);
  void Add(const WorkerPtr& worker);
  // The worker of that id among workers_; null if there is none.
  WorkerPtr Find(const std::string& worker_id) const;
  void OnValidated(const WorkerPtr& worker, worker::v1::Validated validated);
  void OnPrediction(const WorkerPtr& worker, worker::v1::Prediction prediction);
  // Ends what the worker has in hand, because of a message that can't be parsed.
  void EndUnreadable(const WorkerPtr& worker, const std::string& problem,
                     const std::string& request_id);
  // Tells who waits for the worker's validation, if anybody does.
  void EndValidation(const WorkerPtr& worker, const absl::Status& status);
  // A worker was lost over its validation: another one tries, or nobody any more.
  void RetryValidation(const WorkerPtr& worker, const std::string& cause);
  // The worker that has the validation in hand; null if there is none.
  WorkerPtr ValidatorOf(int64_t number) const;
  // The worker no longer predicts; tells who waits, if anybody does.
  void EndPrediction(const WorkerPtr& worker, const absl::Status& status);
  WorkerPtr PredictorOf(const std::string& id) const;
  void OnExit(const WorkerPtr& worker, const ProcessExit& exit);
  void Lost(const WorkerPtr& worker, const std::string& cause, bool clean);
  void LostSpare(const WorkerPtr& worker, const std::string& cause, bool clean);
  // Lets the next launch wait, the longer the more spares failed in a row that had nothing to do.
  void CountFailure(const WorkerPtr& worker);
  // Ends a spare that is about what nobody wants any more; another one takes its place.
  void Replace(const WorkerPtr& worker, const std::string& reason);
  // Gives idle spares to who waits, launches what is wanted, sends home what is not.
  void Maintain();
  // Pairs those who wait for a worker with those in `idle` that are for them, and takes these out.
  void Assign(std::vector<WorkerPtr>* idle);
  int SparesAwaited() const;
  bool LaunchOne();
  void SetLaunching(const absl::Status& status) {
    server::MutexLock lock(mutex_);
    launching_ = status;
  }
  std::string LogPath(const std::string& worker_id) const;
  void SendToValidate(const WorkerPtr& worker, PendingValidation validation);
  void SendToPredict(const WorkerPtr& worker, PendingPrediction prediction);
  // True if the worker will be a spare again so soon that another is not worth its launch.
  bool IsBackSoon(const WorkerPtr& worker) const;
  void CheckLeases();
  // Ends the process of a fenced worker that has been silent for so many leases.
  void EndIfSilent(Worker& worker, int64_t now, int leases);
  void Count();
  // True if the daemon started this process, or awaits it. Any thread.
  bool IsOwnProcess(int64_t pid) const ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  const Secrets secrets_;
  const server::Clock* const clock_;
  const std::shared_ptr<server::Loop> loop_;
  Launcher* const launcher_;
  AttemptHost* const host_;

  // What follows is confined to the loop:
  std::list<WorkerPtr> workers_;
  std::list<Acquirer> acquirers_;
  SpareWork<PendingValidation> validations_;
  SpareWork<PendingPrediction> predictions_{kMaxPredictions};
  std::map<std::string, std::vector<std::function<void()>>> when_gone_;
  int64_t validation_count_ = 0;
  int launched_ = 0;
  LaunchBackoff backoff_;
  bool launch_timer_ = false;
  int64_t leases_checked_nanos_ = 0;

  std::atomic<bool> stopping_ = false;
  std::atomic<int64_t> workers_count_ = 0;
  std::atomic<int64_t> spares_count_ = 0;
  std::atomic<int64_t> fenced_count_ = 0;
  server::Tally<1> losses_ = {{"failed"}, {"memory"}, {"killed"}, {"gone"}, {"silent"}};
  // It is shared with what the host calls, which may outlive this.
  const std::shared_ptr<std::atomic<int64_t>> held_back_ =
      std::make_shared<std::atomic<int64_t>>(0);
  mutable server::Mutex mutex_;
  server::CondVar gone_;
  std::vector<LiveWorker> live_ ABSL_GUARDED_BY(mutex_);
  std::set<int64_t> own_pids_ ABSL_GUARDED_BY(mutex_);  // those of all workers but programs
  absl::Status launching_ ABSL_GUARDED_BY(mutex_);
  int64_t alive_ ABSL_GUARDED_BY(mutex_) = 0;  // how many of workers_ are connected

  std::unique_ptr<WorkerServer> server_;  // last, because it calls this
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_WORKERS_SUPERVISOR_H_
