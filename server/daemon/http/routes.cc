#include "server/daemon/http/routes.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/dashboard/embedded.h"
#include "core/text/utf8.h"
#include "proto/rpc_status.h"
#include "proto/rules/identity.h"
#include "proto/rules/reasons.h"
#include "proto/rules/trace_context.h"
#include "server/daemon/http/guard.h"
#include "server/daemon/http/json.h"
#include "server/daemon/http/paths.h"
#include "server/daemon/security/rules.h"

namespace descent::daemon {
namespace {

constexpr std::string_view kTextType = "text/plain; charset=utf-8";
constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kEventsType = "text/event-stream; charset=utf-8";

HttpResponse Text(int status, std::string body) {
  return {.status = status,
          .content_type = std::string(kTextType),
          .body = std::move(body),
          .headers = {{"Cache-Control", "no-store"}}};
}

HttpResponse Json(const google::protobuf::Message& message) {
  return {.status = 200,
          .content_type = std::string(kJsonType),
          .body = ToJson(message),
          .headers = {{"Cache-Control", "no-store"}}};
}

// Hashes by FNV-1a, which tells one build's file from another's.
std::string EntityTag(std::string_view body) {
  uint64_t hash = 14695981039346656037u;
  for (char c : body) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211u;
  return absl::StrFormat("\"%016x\"", hash);
}

HttpResponse AssetResponse(const dashboard::Asset& asset, const HttpRequest& request) {
  HttpResponse response;
  const std::string tag = EntityTag(asset.body);
  response.headers = {{"Cache-Control", "no-cache"}, {"ETag", tag}};
  if (request.Header("if-none-match") == tag) {
    response.status = 304;
    return response;
  }
  response.content_type = std::string(asset.content_type);
  response.body = std::string(asset.body);
  return response;
}

std::string DrawRequestId() {
  std::random_device random;
  return absl::StrFormat("http-%08x%08x%08x%08x", random(), random(), random(), random());
}

// Gives an error; whoever brought no token, or none that is good, is told what to bring.
HttpResponse Refusal(const absl::Status& status) {
  HttpResponse response = ErrorResponse(status);
  if (absl::IsUnauthenticated(status)) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

// Checks a POST that brings JSON from our own page or from no page at all.
std::optional<HttpResponse> CheckPost(const HttpRequest& request, bool encrypted) {
  if (absl::Status status = CheckOrigin(request, encrypted); !status.ok())
    return ErrorResponse(status);
  if (IsJson(request)) return std::nullopt;
  return ErrorResponse(
      415, InvalidField("content-type", "must be application/json", reason::kInvalidContentType));
}

// Gives verb and path as they are counted, of which there are few whatever clients ask for.
std::pair<std::string, std::string> CountedAs(const HttpRequest& request) {
  constexpr char kOther[] = "other";
  const absl::StatusOr<HttpTarget> target = ParseTarget(request.target);
  const PathMatch match = target.ok() ? MatchPath(target->path) : PathMatch();
  const bool known = match.Find(request.method) != nullptr;
  return {known ? request.method : kOther, match.path.empty() ? kOther : std::string(match.path)};
}

}  // namespace

bool Routes::IsAboutHealth(const HttpRequest& request) {
  const std::string_view path = MatchPath(request.target.substr(0, request.target.find('?'))).path;
  return path == "/healthz" || path == "/readyz" || path == "/metrics";
}

void Routes::Handle(const HttpRequest& request, std::function<void(Outcome)> done) const {
  if (options_.answered == nullptr) return Answer(request, std::move(done));
  const auto [verb, path] = CountedAs(request);
  Answer(request, [answered = options_.answered, verb = verb, path = path,
                   done = std::move(done)](Outcome outcome) {
    const auto* response = std::get_if<HttpResponse>(&outcome);
    answered->Add({verb, path, absl::StrCat(response == nullptr ? 200 : response->status)});
    done(std::move(outcome));
  });
}

void Routes::Answer(const HttpRequest& request, std::function<void(Outcome)> done) const {
  absl::Status headers = CheckRepeated(request);
  if (headers.ok()) headers = CheckHost(request, options_.is_own_host);
  if (!headers.ok()) return done(ErrorResponse(headers));
  const absl::StatusOr<HttpTarget> target = ParseTarget(request.target);
  if (!target.ok()) return done(ErrorResponse(target.status()));
  const PathMatch match = MatchPath(target->path);
  if (match.path.empty()) {
    return done(ErrorResponse(MakeError(
        absl::StatusCode::kNotFound,
        absl::StrCat("nothing is served at ", ShortUtf8(target->path, 256)), reason::kNoSuchPath)));
  }
  const std::string allowed = match.Allowed();
  if (request.method == "OPTIONS") {
    return done(HttpResponse{
        .status = 204, .content_type = {}, .body = {}, .headers = {{"Allow", allowed}}});
  }
  const PathRow* row = match.Find(request.method);
  if (row == nullptr) {
    HttpResponse response = ErrorResponse(
        405, MakeError(absl::StatusCode::kUnimplemented,
                       absl::StrCat(ShortUtf8(target->path, 256), " allows ", allowed),
                       reason::kMethodNotAllowed));
    response.headers.emplace_back("Allow", allowed);
    return done(std::move(response));
  }
  const absl::StatusOr<Caller> caller = Admit(*row, request);
  if (!caller.ok()) return done(Refusal(caller.status()));
  Serve(*row, *caller, request, *target, match, std::move(done));
}

std::string Routes::WhyItWaits(const HttpRequest& request) const {
  const absl::StatusOr<HttpTarget> target = ParseTarget(request.target);
  if (!target.ok()) return "";
  const PathMatch match = MatchPath(target->path);
  const PathRow* row = match.Find(request.method);
  if (row == nullptr || match.job.empty()) return "";
  const absl::StatusOr<Caller> caller = Admit(*row, request);
  if (!caller.ok()) return "";
  v1::GetJobRequest about;
  about.set_name(match.job);
  const absl::StatusOr<v1::Job> job = requests_.Get(*caller, about);
  return job.ok() ? job->stalled() : "";
}

absl::StatusOr<Caller> Routes::Identify(const HttpRequest& request) const {
  return IdentifyCaller(
      options_.access,
      {.authorization = request.Header(rules::kAuthorizationHeader),
       .principal = request.Header(rules::kPrincipalHeader),
       .from = "HTTP",
       .trace = rules::ReadTraceContext(request.Header(rules::kTraceParentHeader),
                                        request.Header(rules::kTraceStateHeader))});
}

absl::StatusOr<Caller> Routes::Admit(const PathRow& row, const HttpRequest& request) const {
  const Rule* rule = FindRule(row.rule);
  const bool is_open = (rule != nullptr && !rule->least) ||
                       (row.served == Served::kMetrics && options_.open_metrics);
  if (is_open) return Caller{.principal = "anonymous"};
  absl::StatusOr<Caller> caller = Identify(request);
  if (!caller.ok()) return caller;
  if (absl::Status status = CheckRole(*caller, row.rule); !status.ok()) return status;
  return caller;
}

void Routes::Serve(const PathRow& row, const Caller& caller, const HttpRequest& request,
                   const HttpTarget& target, const PathMatch& match,
                   std::function<void(Outcome)> done) const {
  switch (row.served) {
    case Served::kAsset:
      return done(AssetResponse(*match.asset, request));
    case Served::kHealth:
      return done(Text(200, "ok\n"));
    case Served::kReady:
      return done(Ready());
    case Served::kMetrics:
      return done(HttpResponse{.status = 200,
                               .content_type = std::string(kMetricsType),
                               .body = options_.metrics(),
                               .headers = {{"Cache-Control", "no-store"}}});
    case Served::kList:
      return done(ListJobs(caller, target));
    case Served::kJob:
      return done(GetJob(caller, match.job));
    case Served::kCommand:
      return CommandJob(caller, request, match.job, std::move(done));
    case Served::kWatch: {
      absl::StatusOr<v1::WatchJobRequest> watch =
          ParseWatchRequest(match.job, target, request.Header("last-event-id"));
      if (!watch.ok()) return done(ErrorResponse(watch.status()));
      if (request.method == "HEAD") {
        return done(HttpResponse{.status = 200,
                                 .content_type = std::string(kEventsType),
                                 .body = {},
                                 .headers = {{"Cache-Control", "no-store"}}});
      }
      return done(Watch{.caller = caller, .request = *std::move(watch)});
    }
    case Served::kOpenSession:
      return done(OpenSession(request));
    case Served::kCloseSession:
      return done(CloseSession(caller, request));
    case Served::kWhoAmI:
      return done(Json(WhoIs(caller, options_.access)));
  }
  done(ErrorResponse(absl::InternalError("no handler")));
}

HttpResponse Routes::OpenSession(const HttpRequest& http) const {
  if (std::optional<HttpResponse> refusal = CheckPost(http, options_.encrypted))
    return *std::move(refusal);
  v1::OpenSessionRequest request;
  if (absl::Status status = FromJson(http.body, &request); !status.ok()) {
    return ErrorResponse(status);
  }
  if (options_.access == nullptr) return ErrorResponse(AuthIsOff());
  absl::StatusOr<v1::OpenSessionResponse> session;
  if (!request.code().empty()) {
    session = options_.access->OpenSession(request.code(), "HTTP");
  } else if (const absl::StatusOr<Caller> caller = Identify(http); caller.ok()) {
    session = options_.access->OpenSession(*caller);
  } else {
    session = caller.status();
  }
  return session.ok() ? Json(*session) : Refusal(session.status());
}

HttpResponse Routes::CloseSession(const Caller& caller, const HttpRequest& request) const {
  if (absl::Status status = CheckOrigin(request, options_.encrypted); !status.ok())
    return ErrorResponse(status);
  if (options_.access != nullptr) options_.access->CloseSession(caller);
  return {
      .status = 204, .content_type = {}, .body = {}, .headers = {{"Cache-Control", "no-store"}}};
}

HttpResponse Routes::ListJobs(const Caller& caller, const HttpTarget& target) const {
  v1::ListJobsRequest request;
  if (absl::Status status = CheckParameters(target, /*lists=*/{}); !status.ok()) {
    return ErrorResponse(status);
  }
  for (const auto& [name, value] : target.query) {
    if (name == "filter") {
      request.set_filter(value);
    } else if (name == "page_token") {
      request.set_page_token(value);
    } else if (name == "page_size") {
      const absl::StatusOr<int64_t> size = ParseInteger(name, value);
      if (!size.ok()) return ErrorResponse(size.status());
      // A number above what a page can have is cut to that anyway.
      request.set_page_size(static_cast<int32_t>(std::clamp<int64_t>(*size, -1, INT32_MAX)));
    } else {
      return ErrorResponse(InvalidField(
          ShortUtf8(name, 64), "is not a parameter of this path: filter, page_size, page_token"));
    }
  }
  const absl::StatusOr<v1::ListJobsResponse> jobs = requests_.List(caller, request);
  return jobs.ok() ? Json(*jobs) : ErrorResponse(jobs.status());
}

HttpResponse Routes::GetJob(const Caller& caller, const std::string& name) const {
  v1::GetJobRequest request;
  request.set_name(name);
  const absl::StatusOr<v1::Job> job = requests_.Get(caller, request);
  return job.ok() ? Json(*job) : ErrorResponse(job.status());
}

void Routes::CommandJob(const Caller& caller, const HttpRequest& http, const std::string& name,
                        std::function<void(Outcome)> done) const {
  if (std::optional<HttpResponse> refusal = CheckPost(http, options_.encrypted))
    return done(*std::move(refusal));
  v1::CommandJobRequest request;
  if (absl::Status status = FromJson(http.body, &request); !status.ok()) {
    return done(ErrorResponse(status));
  }
  if (!request.name().empty() && request.name() != name) {
    return done(ErrorResponse(InvalidField("name", "is another job's than the path's")));
  }
  request.set_name(name);
  // This is for people with curl. Programs send an id, so that they can ask again.
  if (request.request_id().empty()) request.set_request_id(DrawRequestId());
  requests_.Command(
      caller, request,
      [done = std::move(done)](const absl::StatusOr<v1::CommandJobResponse>& response) {
        done(response.ok() ? Json(*response) : ErrorResponse(response.status()));
      });
}

HttpResponse Routes::Ready() const {
  const absl::Status health = options_.health();
  if (health.ok()) {
    const std::string notice = options_.notice == nullptr ? "" : options_.notice();
    return Text(200, notice.empty() ? "ok\n" : absl::StrCat("ok\n", notice, "\n"));
  }
  return Text(503, absl::StrCat(std::string(health.message()), "\n"));
}

}  // namespace descent::daemon
