// `Routes` says what each HTTP request means, apart from the sockets:
//
//   GET  /v1/jobs[?filter=&page_size=&page_token=]        ListJobsResponse
//   GET  /v1/jobs/{job}                                   Job
//   POST /v1/jobs/{job}:command                           CommandJobRequest → CommandJobResponse
//                                                         (a request_id is drawn if there is none)
//   GET  /v1/jobs/{job}:watch[?after_revision=&kinds=&every=]   server-sent events
//   POST /v1/session                                      OpenSessionRequest → …Response: by the
//                                                         code, or by the token of Authorization
//   DELETE /v1/session                                    ends the session that comes with it
//   GET  /v1/whoami                                       WhoAmI
//   GET  /metrics, /healthz, /readyz                      for Prometheus and supervisors
//   GET  /, /app.js, …                                    the dashboard
//
// HEAD is answered as GET (the server leaves the body out), OPTIONS with the methods allowed.
// Who may ask for what is in the rows of paths.h. Thread-safe; holds no state.
#ifndef DESCENT_SERVER_DAEMON_HTTP_ROUTES_H_
#define DESCENT_SERVER_DAEMON_HTTP_ROUTES_H_

#include <functional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "descent/v1/training_service.pb.h"
#include "server/common/tally.h"
#include "server/daemon/http/message.h"
#include "server/daemon/http/paths.h"
#include "server/daemon/requests/requests.h"
#include "server/daemon/security/access.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

class Routes {
 public:
  struct Options {
    std::function<std::string()> metrics = nullptr;
    // OK, or why the daemon can't do its work.
    std::function<absl::Status()> health = nullptr;
    // These are HttpServer::Options'.
    Access* access = nullptr;
    bool open_metrics = false;
    // True if everything comes over TLS.
    bool encrypted = false;
    // True if people come by this name, in lower case, which is none of loopback's.
    std::function<bool(const std::string& host)> is_own_host = nullptr;
    // Counts what is answered, by verb, path (of paths.h, or `other`) and status; null: nobody
    // does. A watch counts when it is handed out, as 200.
    server::Tally<3>* answered = nullptr;
    // Gives a sentence that /readyz tells, though the daemon does its work; empty if there is none.
    std::function<std::string()> notice = nullptr;
  };

  Routes(Requests requests, Options options) : requests_(requests), options_(std::move(options)) {}

  // A journal to be watched, and by whom; the request has been checked.
  struct Watch {
    Caller caller;
    v1::WatchJobRequest request;
  };
  using Outcome = std::variant<HttpResponse, Watch>;

  // True if the request asks how the daemon is: /healthz, /readyz, /metrics.
  static bool IsAboutHealth(const HttpRequest& request);

  // Answers a request. `done` runs exactly once, before this returns or later on a thread of the
  // jobs', unless they are destroyed first. It must not block.
  void Handle(const HttpRequest& request, std::function<void(Outcome)> done) const;

  // Gives Job.stalled of the job that a request is about; empty if it goes on, or if whoever asks
  // may not know. Blocks for a moment.
  std::string WhyItWaits(const HttpRequest& request) const;

 private:
  void Answer(const HttpRequest& request, std::function<void(Outcome)> done) const;
  // Gives who asks; UNAUTHENTICATED or PERMISSION_DENIED if that is nobody who may.
  absl::StatusOr<Caller> Admit(const PathRow& row, const HttpRequest& request) const;
  absl::StatusOr<Caller> Identify(const HttpRequest& request) const;
  void Serve(const PathRow& row, const Caller& caller, const HttpRequest& request,
             const HttpTarget& target, const PathMatch& match,
             std::function<void(Outcome)> done) const;

  HttpResponse OpenSession(const HttpRequest& http) const;
  HttpResponse CloseSession(const Caller& caller, const HttpRequest& request) const;
  HttpResponse ListJobs(const Caller& caller, const HttpTarget& target) const;
  HttpResponse GetJob(const Caller& caller, const std::string& name) const;
  void CommandJob(const Caller& caller, const HttpRequest& request, const std::string& name,
                  std::function<void(Outcome)> done) const;
  HttpResponse Ready() const;

  const Requests requests_;
  const Options options_;
};

// Gives the request, checked, that `/v1/jobs/{job}:watch` and its query make. `last_event_id` (the
// header Last-Event-ID, empty if there is none) wins over `after_revision`. `kinds` may be repeated
// and hold a comma-separated list of EventKind names, in either case.
absl::StatusOr<v1::WatchJobRequest> ParseWatchRequest(const std::string& name,
                                                      const HttpTarget& target,
                                                      std::string_view last_event_id);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_HTTP_ROUTES_H_
