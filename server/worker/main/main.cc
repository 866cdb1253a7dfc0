// descent-worker: trains one job. descentd launches it; it connects back to descentd's unix socket.

#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "server/common/grpc_log.h"
#include "server/common/log.h"
#include "server/worker/confinement/confinement.h"
#include "server/worker/session/worker.h"
#include "server/worker/session/worker_info.h"

namespace {

// SIGTERM and SIGINT as messages, on a thread of their own: the trainer is never interrupted.
void ListenToSignals(descent::worker::Inbox* inbox) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  // Blocked here, before any other thread exists, and so in all of them.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  // Closing the daemon's terminal must not end the training.
  signal(SIGHUP, SIG_IGN);
  std::thread([signals, inbox] {
    while (true) {
      int number = 0;
      if (sigwait(&signals, &number) == 0) {
        descent::worker::RequestLeave(inbox, number == SIGTERM ? "SIGTERM" : "SIGINT");
      }
    }
  }).detach();
}

// What the daemon gave to this process alone: no program that it may start inherits it.
std::string TakeSecret() {
  constexpr const char* kVariable = "DESCENT_WORKER_SECRET";
  const char* value = std::getenv(kVariable);  // NOLINT(concurrency-mt-unsafe): before any thread
  std::string secret = value == nullptr ? "" : value;
  unsetenv(kVariable);  // NOLINT(concurrency-mt-unsafe)
  return secret;
}

// Has every line of this process written in the format of this name.
void SetUpLog(const std::string& word) {
  descent::server::LogFormat format = descent::server::LogFormat::kText;
  if (descent::server::ParseLogFormat(word, &format)) descent::server::SetLogFormat(format);
  descent::server::TakeGrpcLog();
}

}  // namespace

int main(int argc, char** argv) {
  // Debian's Abseil looks for deadlocks at every lock, gRPC's included: seven times the price.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app("Trains one job of descentd, which launches it.", "descent-worker");
  descent::worker::WorkerOptions options;
  app.add_option("--socket", options.session.socket, "Unix socket of the daemon")->required();
  app.add_option("--worker_id", options.session.worker_id, "How the daemon knows this process");
  app.add_option("--data_root", options.data_roots,
                 "A folder that data may be read from (any number); none: everywhere");
  app.add_option("--keep_out", options.keep_out,
                 "A folder that no data may be read from (any number), wherever it lies");
  app.add_option(
      "--secret", options.secrets,
      "A file that is no data (any number), whatever names it has; it need not be there");
  app.add_option("--shared", options.shared,
                 "A folder that data may always be read from (any number), wherever it lies");
  app.add_option("--jobs", options.jobs,
                 "The folder of all jobs' folders: a worker without a job is confined to it");
  std::string files = "confined";
  app.add_option("--files", files,
                 "With a job: confined to its folder and the data roots, where the kernel can; or "
                 "open")
      ->check(CLI::IsMember({"confined", "open"}));
  app.add_option("--lease", options.session.lease_seconds,
                 "Seconds within which the daemon must hear of it, until the daemon says otherwise")
      ->check(CLI::PositiveNumber);
  app.add_option("--spare_grace", options.session.spare_grace_seconds,
                 "Without a job, leave after so many seconds without a daemon")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--orphan_grace", options.session.orphan_grace_seconds,
                 "With a job, save a checkpoint and leave after so many seconds without a daemon")
      ->check(CLI::NonNegativeNumber);
  std::string log_format = "text";
  app.add_option("--log_format", log_format, "How lines of the log are written")
      ->check(CLI::IsMember({"text", "json"}));
  CLI11_PARSE(app, argc, argv);
  SetUpLog(log_format);

  options.session.secret = TakeSecret();
  // Before any thread is made: each has its own.
  options.session.confinement.set_no_new_privileges(descent::worker::GiveUpPrivileges());
  options.session.confinement.set_filesystem(files == "confined" &&
                                             descent::worker::CanConfineFiles());
  // Lives for ever: the signal thread uses it.
  auto* inbox = new descent::worker::Inbox();
  ListenToSignals(inbox);
  descent::worker::UseOneThread();
  options.session.worker = descent::worker::ThisWorker();
  const int code = descent::worker::RunWorker(options, inbox);
  // Nothing is left to do that static destructors of many libraries would do better.
  std::fflush(nullptr);
  std::_Exit(code);
}
