// descentd is the control plane. It takes the folder's lock, opens the journal, takes up the jobs,
// and serves until it is told to stop.

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "deploy/version.h"
#include "proto/rpc_status.h"
#include "server/common/clock.h"
#include "server/common/grpc_log.h"
#include "server/common/log.h"
#include "server/common/tally.h"
#include "server/daemon/api/server.h"
#include "server/daemon/audit/audit_log.h"
#include "server/daemon/datasets/store.h"
#include "server/daemon/http/server.h"
#include "server/daemon/jobs/service.h"
#include "server/daemon/journal/journal.h"
#include "server/daemon/launch/launcher.h"
#include "server/daemon/launch/local.h"
#include "server/daemon/main/backup_commands.h"
#include "server/daemon/main/certificate_command.h"
#include "server/daemon/main/check.h"
#include "server/daemon/main/data_dir.h"
#include "server/daemon/main/freed_memory.h"
#include "server/daemon/main/limit_flags.h"
#include "server/daemon/main/reach.h"
#include "server/daemon/main/worker_memory.h"
#include "server/daemon/metrics/metrics.h"
#include "server/daemon/requests/request_counts.h"
#include "server/daemon/requests/requests.h"
#include "server/daemon/security/access.h"
#include "server/daemon/security/shares.h"
#include "server/daemon/sockets/descriptors.h"
#include "server/daemon/sockets/listen_address.h"
#include "server/daemon/tls/server_certificate.h"

namespace descent::daemon {
namespace {

// The workers have so long to save their checkpoints. systemd's own patience is 90 s.
constexpr auto kShutdownTime = std::chrono::seconds(60);

// What is asked of callers when --auth is not given.
constexpr const char* kDefaultAuth = "tokens";

struct Flags {
  std::string data_dir = DefaultDataDir();
  ReachFlags reach;
  LimitFlags limits;
  std::string worker_binary;
  std::string worker_memory_limit = "90%";
  std::string worker_files = "confined";
  std::vector<std::string> data_roots;
  uint64_t dataset_quota = uint64_t{20} << 30;
  double worker_lease = 10;
  int max_validations = 4;
  double validation_seconds = 300;
  bool new_store = false;
  std::string auth = kDefaultAuth;
  bool open_metrics = false;
  std::string log_format = "text";
  int max_running_jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
};

// Finds it beside this program, or where Bazel builds it.
std::string FindWorkerBinary() {
  std::error_code error;
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path beside = here.parent_path() / "descent-worker";
  if (std::filesystem::exists(beside, error)) return beside.string();
  const std::filesystem::path built =
      here.parent_path().parent_path().parent_path() / "worker" / "main" / "descent-worker";
  return std::filesystem::exists(built, error) ? built.string() : beside.string();
}

// Gives what confines the workers: the folders as they are now, wherever the daemon stands. None is
// in the daemon's own folder, of which no job reads data.
absl::StatusOr<std::vector<std::string>> DataRootArguments(const std::vector<std::string>& roots,
                                                           const std::string& data_dir) {
  std::error_code error;
  std::filesystem::path own =
      std::filesystem::weakly_canonical(std::filesystem::absolute(data_dir, error), error);
  if (!own.has_filename()) own = own.parent_path();  // of `folder/`
  std::vector<std::string> arguments;
  for (const std::string& root : roots) {
    const std::filesystem::path real = std::filesystem::canonical(root, error);
    if (error || !std::filesystem::is_directory(real, error)) {
      return absl::InvalidArgumentError(absl::StrCat("--data_root ", root, " is no folder."));
    }
    if (std::mismatch(own.begin(), own.end(), real.begin(), real.end()).first == own.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--data_root ", root, " is in the daemon's own folder, of which no job reads data."));
    }
    arguments.insert(arguments.end(), {"--data_root", real.string()});
  }
  return arguments;
}

// Has every line of this process written in the format of this name.
void SetUpLog(const std::string& word) {
  server::LogFormat format = server::LogFormat::kText;
  if (server::ParseLogFormat(word, &format)) server::SetLogFormat(format);
  server::TakeGrpcLog();
}

std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  return std::filesystem::absolute(path, error).string();
}

int Refuse(const absl::Status& status) {
  if (absl::IsCancelled(status)) return 0;
  std::cerr << "descentd: " << std::string(status.message()) << "\n";
  return 1;
}

// Gives where programs of this machine find what listens there.
std::string LocalAddress(const ListenAddress& listen, int port) {
  const bool is_any = listen.host == "0.0.0.0" || listen.host == "::";
  return ListenAddress{.host = is_any ? "localhost" : listen.host, .port = port}.ToString();
}

// Refuses a log without its database: SQLite takes it for rubbish, and would remove it.
absl::Status CheckLog(const std::string& database) {
  std::error_code error;
  const std::string log = database + "-wal";
  if (std::filesystem::exists(database, error) || !std::filesystem::exists(log, error) ||
      std::filesystem::file_size(log, error) == 0) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("There is ", log, ", but no ", database,
                   ": the database was lost. Put it back from a copy, and move the log away; or "
                   "begin anew with --new_store"));
}

// Gives what says when the certificate in force ends, in seconds since 1970; null if there is none.
std::function<double()> CertificateEnd(const std::shared_ptr<ServerCertificate>& certificate) {
  if (certificate == nullptr) return nullptr;
  return [certificate] {
    return absl::ToDoubleSeconds(certificate->Current()->not_after - absl::UnixEpoch());
  };
}

// Blocks until SIGTERM or SIGINT, and tidies up meanwhile.
int WaitForSignal(const sigset_t& signals) {
  constexpr timespec kPause = {.tv_sec = 10, .tv_nsec = 0};
  while (true) {
    const int number = sigtimedwait(&signals, nullptr, &kPause);
    if (number > 0) return number;
    GiveBackFreedMemory();
  }
}

// Tries again until there is room, as the journal's writer does: supervisors give up after a few
// starts that failed, and the workers wait meanwhile. CANCELLED at SIGTERM or SIGINT.
absl::Status AwaitRoom(const sigset_t& signals, const std::function<absl::Status()>& attempt) {
  constexpr timespec kPause = {.tv_sec = 1, .tv_nsec = 0};
  for (bool told = false;; told = true) {
    absl::Status status = attempt();
    if (!absl::IsResourceExhausted(status)) return status;
    if (!told) {
      server::LogWarning("descentd", absl::StrCat(std::string(status.message()),
                                                  "; descentd starts as soon as there is room"));
    }
    if (sigtimedwait(&signals, nullptr, &kPause) > 0) {
      return absl::CancelledError("a signal came before there was room");
    }
  }
}

int Serve(const Flags& flags) {
  // This comes before any thread is made: all inherit it, and only sigwait takes these.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // Specs, checkpoints and logs are their owner's, in whatever folder; workers inherit it.
  umask(S_IRWXG | S_IRWXO);
  RaiseDescriptorLimit();
  signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): can't fail for SIGPIPE

  SetUpLog(flags.log_format);

  // What is refused is refused before anything is made.
  const server::Clock* clock = server::Clock::Real();
  const absl::StatusOr<Reach> reach =
      ChooseReach(flags.reach, flags.data_dir, flags.data_roots, clock);
  if (!reach.ok()) return Refuse(reach.status());
  absl::StatusOr<std::vector<std::string>> worker_arguments =
      DataRootArguments(flags.data_roots, flags.data_dir);
  if (!worker_arguments.ok()) return Refuse(worker_arguments.status());
  absl::StatusOr<std::unique_ptr<DataDir>> data_dir;
  absl::Status done = AwaitRoom(signals, [&] {
    data_dir = DataDir::Lock(flags.data_dir);
    return data_dir.status();
  });
  if (!done.ok()) return Refuse(done);
  std::unique_ptr<DatasetStore> datasets;
  done = AwaitRoom(signals, [&] {
    absl::StatusOr<std::unique_ptr<DatasetStore>> opened =
        DatasetStore::Open({.data_dir = (*data_dir)->path(),
                            .quota_bytes = static_cast<int64_t>(flags.dataset_quota),
                            .clock = clock});
    if (!opened.ok()) return opened.status();
    datasets = *std::move(opened);
    return absl::OkStatus();
  });
  if (!done.ok()) return Refuse(done);
  worker_arguments->insert(worker_arguments->end(), {"--shared", datasets->folder()});
  // (A worker of somebody's own may not know the flag.)
  if (flags.log_format != "text") {
    worker_arguments->insert(worker_arguments->end(), {"--log_format", flags.log_format});
  }
  // A spec that names a file of ours must not have its errors tell what is in it.
  worker_arguments->insert(worker_arguments->end(), {"--keep_out", (*data_dir)->path()});
  worker_arguments->insert(worker_arguments->end(), {"--jobs", (*data_dir)->path() + "/jobs",
                                                     "--files", flags.worker_files});
  std::vector<std::string> secrets = (*data_dir)->Secrets();
  if (!flags.reach.tls.key.empty()) secrets.push_back(AbsolutePath(flags.reach.tls.key));
  for (const std::string& secret : secrets) {
    worker_arguments->insert(worker_arguments->end(), {"--secret", secret});
  }
  if (absl::Status status = ProbeListenAddress(reach->listen, "--listen"); !status.ok()) {
    return Refuse(status);
  }
  if (absl::Status status = ProbeListenAddress(reach->http, "--http"); !status.ok()) {
    return Refuse(status);
  }
  const absl::StatusOr<std::string> socket = (*data_dir)->WorkerSocket();
  if (!socket.ok()) return Refuse(socket.status());
  const absl::StatusOr<std::string> client_socket = (*data_dir)->ClientSocket();
  if (!client_socket.ok()) return Refuse(client_socket.status());
  const std::string worker_binary =
      flags.worker_binary.empty() ? FindWorkerBinary() : flags.worker_binary;
  absl::StatusOr<std::unique_ptr<Launcher>> launcher = LocalLauncher(
      worker_binary, *socket, *worker_arguments, HoldWorkers(flags.worker_memory_limit));
  if (!launcher.ok()) return Refuse(launcher.status());

  Journal::Options journal_options;
  journal_options.path = (*data_dir)->path() + "/descent.db";
  if (absl::Status status = CheckLog(journal_options.path); !status.ok() && !flags.new_store) {
    return Refuse(status);
  }
  std::unique_ptr<AuditLog> audit;
  done = AwaitRoom(signals, [&] {
    absl::StatusOr<std::unique_ptr<AuditLog>> opened =
        AuditLog::Open((*data_dir)->path() + "/audit.jsonl", clock);
    if (!opened.ok()) return opened.status();
    audit = *std::move(opened);
    return absl::OkStatus();
  });
  if (!done.ok()) return Refuse(done);
  std::unique_ptr<Access> access;  // null: everybody is an admin
  if (flags.auth == "tokens") {
    done = AwaitRoom(signals, [&] {
      absl::StatusOr<std::unique_ptr<Access>> opened =
          Access::Open((*data_dir)->path(), clock, audit.get());
      if (!opened.ok()) return opened.status();
      access = *std::move(opened);
      return absl::OkStatus();
    });
    if (!done.ok()) return Refuse(done);
  } else {
    server::LogWarning("descentd",
                       "--auth none: whoever reaches the daemon's addresses is its admin; every "
                       "user of this machine can");
  }
  absl::StatusOr<std::unique_ptr<Journal>> journal;
  done = AwaitRoom(signals, [&] {
    journal = Journal::Open(journal_options);
    return journal.status();
  });
  if (!done.ok()) return Refuse(done);
  const auto limits = [running = flags.max_running_jobs] {
    return LimitsOf(DescriptorLimit(), running);
  };
  // What the jobs answer late is counted still.
  RequestCounts grpc_requests(clock);
  RequestCounts http_requests(clock);
  absl::StatusOr<std::unique_ptr<JobsService>> jobs =
      JobsService::Open({.data_dir = (*data_dir)->path(),
                         .socket = *socket,
                         .max_running_jobs = flags.max_running_jobs,
                         .worker_lease_seconds = flags.worker_lease,
                         .max_validations = flags.max_validations,
                         .validation_seconds = flags.validation_seconds,
                         .max_guests = [limits] { return limits().workers; },
                         .datasets = datasets.get(),
                         .max_jobs = flags.limits.max_jobs,
                         .max_unfinished_jobs = flags.limits.max_unfinished_jobs,
                         .max_parameters = flags.limits.MaxParameters(),
                         .min_free_disk = flags.limits.MinFreeDisk((*data_dir)->path()),
                         .new_store = flags.new_store,
                         .audit = audit.get()},
                        journal->get(), launcher->get(), clock);
  if (!jobs.ok()) return Refuse(jobs.status());

  const std::shared_ptr<Shares> watches = Requests::WatchShares(flags.limits.max_watches);
  const auto health = [journal = journal->get()] { return journal->health(); };
  absl::StatusOr<std::unique_ptr<ApiServer>> api =
      ApiServer::Create(Requests(**jobs, &grpc_requests, audit.get(), watches),
                        {.listen = reach->listen.ToString(),
                         .certificate = reach->certificate,
                         .client_socket = *client_socket,
                         .access = access.get(),
                         .datasets = datasets.get(),
                         .health = health,
                         .max_connections = [limits] { return limits().grpc; }});
  if (!api.ok()) return Refuse(api.status());
  // This says what those who have a connection can do, and whether others get one. A damaged
  // journal is one job's trouble, for which clients need not turn away; but whoever asks how the
  // daemon is should hear of it.
  const auto readiness = [&] {
    for (const absl::Status& status :
         {health(), (*journal)->damage(), (*journal)->waiting(), (*jobs)->launching(),
          (*api)->listening(), CheckDescriptors()}) {
      if (!status.ok()) return status;
    }
    return reach->certificate == nullptr ? absl::OkStatus() : reach->certificate->health();
  };
  // The metrics want the watchers of the server that serves them.
  std::atomic<HttpServer*> http_server = nullptr;
  server::Tally<3> http_answered;
  const auto transports = [&] {
    std::map<std::string, Metrics::Transport> named;
    named["grpc"] = {.connections = (*api)->connections(),
                     .most_connections = limits().grpc,
                     .refused = (*api)->refused_connections(),
                     .watchers = (*api)->watchers(),
                     .lag = (*api)->lag(),
                     .requests = grpc_requests.methods()};
    if (const HttpServer* server = http_server) {
      named["http"] = {.connections = server->connections(),
                       .most_connections = limits().http,
                       .refused = server->refused_connections(),
                       .watchers = server->watchers(),
                       .lag = server->lag(),
                       .requests = http_requests.methods()};
    }
    return named;
  };
  const std::unique_ptr<Metrics> metrics =
      Metrics::Create(**jobs, **journal,
                      {.version = kVersion,
                       .transports = transports,
                       .readiness = readiness,
                       .certificate_end = CertificateEnd(reach->certificate),
                       .access = access.get(),
                       .http_answered = &http_answered,
                       .data_dir = (*data_dir)->path()});
  absl::StatusOr<std::unique_ptr<HttpServer>> http =
      HttpServer::Create(Requests(**jobs, &http_requests, audit.get(), watches),
                         {.listen = reach->http.ToString(),
                          .certificate = reach->certificate,
                          .hosts = reach->http_hosts,
                          .access = access.get(),
                          .open_metrics = flags.open_metrics,
                          .metrics = [&] { return metrics->Scrape(); },
                          .health = readiness,
                          .answered = &http_answered,
                          .max_connections = [limits] { return limits().http; }});
  if (!http.ok()) return Refuse(http.status());
  http_server = http->get();

  done = AwaitRoom(signals, [&] {
    return (*data_dir)->Announce({.grpc = LocalAddress(reach->listen, (*api)->port()),
                                  .http = LocalAddress(reach->http, (*http)->port()),
                                  .worker_socket = *socket,
                                  .client_socket = *client_socket,
                                  .tls = reach->certificate != nullptr,
                                  .auth = flags.auth});
  });
  if (!done.ok()) return Refuse(done);
  std::cout << "gRPC " << (*api)->address() << "\nHTTP "
            << (reach->certificate == nullptr ? "http://" : "https://") << (*http)->address()
            << "/\ndata " << (*data_dir)->path() << std::endl;
  server::LogInfo("descentd",
                  absl::StrCat("ready, version ", kVersion, ", gRPC ", (*api)->address(), ", HTTP ",
                               (*http)->address(), ", data ", (*data_dir)->path()));

  const int number = WaitForSignal(signals);
  server::LogInfo("descentd", absl::StrCat("signal ", number,
                                           ": the workers save checkpoints and leave; a second "
                                           "signal ends the daemon at once"));
  std::thread([signals, path = (*data_dir)->path()] {
    WaitForSignal(signals);
    unlink((path + "/descentd.json").c_str());
    server::LogWarning("descentd", "second signal: gone at once");
    _exit(0);
  }).detach();
  (*jobs)->Shutdown(std::chrono::steady_clock::now() + kShutdownTime);
  (*api)->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  (*http)->Shutdown();
  http->reset();
  api->reset();
  jobs->reset();
  journal->reset();
  server::LogInfo("descentd", "gone");
  return 0;
}

int Main(int argc, char** argv) {
  // Debian's Abseil looks for deadlocks at every lock, gRPC's included: seven times the price.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Flags flags;
  CLI::App app{"descentd hosts training jobs: submit, watch every iteration, turn the step size.",
               "descentd"};
  app.option_defaults()->always_capture_default();
  app.add_option("--data_dir", flags.data_dir, "The folder of the journal and the checkpoints");
  app.add_option("--listen", flags.reach.listen,
                 "Where gRPC listens; port 0: any free one. Beyond loopback it speaks TLS");
  app.add_option("--http", flags.reach.http,
                 "Where HTTP listens (dashboard, JSON, metrics); port 0: any free one. Beyond "
                 "loopback it speaks TLS");
  app.add_option(
      "--tls_certificate", flags.reach.tls.certificate,
      "PEM file of the certificate for both, its issuers after it; taken up anew when it "
      "changes. Default beyond loopback: what \"descentd certificate\" made");
  app.add_option("--tls_key", flags.reach.tls.key, "PEM file of its key");
  app.add_option("--http_host", flags.reach.http_hosts,
                 "A name under which HTTP is asked for (any number), besides loopback's and the "
                 "certificate's: a proxy's");
  app.add_option("--max_running_jobs", flags.max_running_jobs,
                 "Jobs that run at a time; the others wait in the queue")
      ->default_str("as many as CPUs")
      ->check(CLI::Range(1, 10000));
  app.add_option("--worker_binary,--worker", flags.worker_binary,
                 "The program of the workers; default: descent-worker beside descentd");
  app.add_option("--worker_memory_limit", flags.worker_memory_limit,
                 "Memory that each worker may have, beyond which it is killed: 6G, a share of the "
                 "machine's as 90%, or none. It takes a cgroup that is descentd's own (systemd: "
                 "Delegate=memory)")
      ->check(CLI::Validator([](std::string& limit) { return WrongMemoryLimit(limit); }, "LIMIT",
                             "memory limit"));
  app.add_option("--worker_files", flags.worker_files,
                 "What workers may do with files once they have a job: confined to its folder and "
                 "the data roots, where the kernel has Landlock; or open: whatever the daemon's "
                 "user may")
      ->check(CLI::IsMember({"confined", "open"}));
  app.add_option("--data_root", flags.data_roots,
                 "A folder that jobs may read data from (any number); none: whatever the daemon's "
                 "user may read");
  app.add_option("--dataset_quota", flags.dataset_quota,
                 "Bytes that uploaded datasets may take together: 500MB, 20GiB; 0: what the disk "
                 "holds")
      ->default_str("20GiB")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/true))
      ->check(CLI::Range(uint64_t{0}, uint64_t{1} << 60));
  app.add_option("--worker_lease", flags.worker_lease,
                 "Seconds of silence after which a worker is replaced, and ended after as many "
                 "again; give more to look at one in a debugger")
      ->check(CLI::Range(0.1, 3600.0));
  app.add_option(
         "--max_validations", flags.max_validations,
         "Specs that are validated at a time, each by a process of its own; one principal has "
         "at most all but one of them")
      ->check(CLI::Range(1, 1000));
  app.add_option("--validation_seconds", flags.validation_seconds,
                 "Seconds that the validation of a spec may take; its data are read in them")
      ->check(CLI::Range(0.1, 86400.0));
  flags.limits.AddTo(app);
  app.add_option("--auth", flags.auth,
                 "What is asked of those who come: tokens (the first one is in admin.token of the "
                 "folder), or none: whoever reaches the addresses is an admin")
      ->check(CLI::IsMember({"tokens", "none"}));
  app.add_flag("--open_metrics", flags.open_metrics,
               "Shows /metrics to everybody, without a token");
  app.add_option("--log_format", flags.log_format,
                 "How lines of the log are written, the workers' too: text, or json, one object a "
                 "line")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_flag("--new_store", flags.new_store,
               "Begins with an empty store although there are folders of jobs, whose database was "
               "lost; they are moved to orphans/");
  CheckOptions check_options;
  CLI::App* check = app.add_subcommand(
      "check",
      "Reads all of the store in --data_dir, journals and checkpoints, and says what is damaged. "
      "Exit status: 0 all is whole, 1 something is damaged, 2 it can't be read. The daemon may run "
      "meanwhile");
  check->add_flag("--json", check_options.json, "As JSON");
  check->add_flag("--skip_checkpoints", check_options.skip_checkpoints,
                  "Leaves out the files of checkpoints, of which every byte is read");
  check->fallthrough();  // --data_dir after it
  BackupCommands backups(app);
  CertificateCommand certificate(app);
  app.set_version_flag("--version", absl::StrCat("descentd ", kVersion));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  if (backups.parsed()) return backups.Run(flags.data_dir);
  if (certificate.parsed()) return certificate.Run(flags.data_dir);
  return check->parsed() ? Check(flags.data_dir, check_options) : Serve(flags);
}

}  // namespace
}  // namespace descent::daemon

int main(int argc, char** argv) { return descent::daemon::Main(argc, argv); }
