// Who is let in over HTTP, and to what: every path, by every role, with everybody's jobs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_replace.h"
#include "server/daemon/http/paths.h"
#include "server/daemon/http/routes.h"
#include "server/daemon/requests/requests.h"
#include "tests/server/daemon/security/access_testing.h"

namespace descent::daemon {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using Json = nlohmann::json;

class HttpAccessTest : public ::testing::Test {
 protected:
  HttpAccessTest() : routes_(Make({})) {}

  Routes Make(Routes::Options options) {
    options.metrics = [] { return "metric 1\n"; };
    options.health = [] { return absl::OkStatus(); };
    options.access = without_access_ ? nullptr : daemon_.access.get();
    return Routes(Requests(daemon_.daemon.jobs), options);
  }

  static HttpRequest Request(const std::string& verb, const std::string& target,
                             const std::string& token, const std::string& body = "{}") {
    HttpRequest request;
    request.method = verb;
    request.target = target;
    request.headers["host"] = "localhost:7601";
    if (verb == "POST") request.headers["content-type"] = "application/json";
    if (verb == "POST") request.body = body;
    if (!token.empty()) request.headers["authorization"] = "Bearer " + token;
    return request;
  }

  // Gives the answer; a watch that was let in is a 200.
  HttpResponse Answer(const HttpRequest& request) {
    std::optional<Routes::Outcome> outcome;
    routes_.Handle(request, [&](Routes::Outcome o) { outcome = std::move(o); });
    EXPECT_TRUE(outcome.has_value()) << request.target;
    if (!outcome.has_value()) return {};
    if (auto* response = std::get_if<HttpResponse>(&*outcome)) return *std::move(response);
    return {};
  }

  static std::string ReasonOf(const HttpResponse& response) {
    const Json json = Json::parse(response.body, nullptr, false);
    if (!json.is_object() || !json.contains("error")) return "";
    const Json& details = json["error"]["details"];
    return details.empty() ? "" : details[0].value("reason", "");
  }

  AccessDaemon daemon_;
  bool without_access_ = false;
  Routes routes_;
};

TEST_F(HttpAccessTest, EveryPathTakesItsRoleAndItsOwner) {
  constexpr const char* kPause = R"({"commands": [{"pause": {}}]})";
  // What stands for no method, by hand.
  const std::map<std::string, std::optional<Role>> others = {{"GET /healthz", std::nullopt},
                                                             {"GET /readyz", std::nullopt},
                                                             {"GET /", std::nullopt},
                                                             {"POST /v1/session", std::nullopt},
                                                             {"DELETE /v1/session", Role::kMetrics},
                                                             {"GET /v1/whoami", Role::kMetrics},
                                                             {"GET /metrics", Role::kMetrics}};
  for (const PathRow& row : PathRows()) {
    const std::string rule(row.rule);
    const bool is_method = Expectations().contains(rule);
    ASSERT_TRUE(is_method || others.contains(rule)) << rule;
    const bool is_open = !is_method && !others.at(rule).has_value();
    const Expectation expected =
        is_method ? Expectations().at(rule)
                  : Expectation{.least = others.at(rule).value_or(Role::kMetrics)};
    for (const char* job : kJobsOfAll) {
      const std::string target = absl::StrReplaceAll(std::string(row.path), {{"{job}", job}});
      const std::string verb(row.verb);
      const HttpResponse nobody = Answer(Request(verb, target, "", kPause));
      if (rule == "POST /v1/session") {
        EXPECT_EQ(nobody.status, 400) << nobody.body;  // the body is another's
      } else {
        EXPECT_EQ(nobody.status, is_open ? 200 : 401) << rule;
      }
      if (!is_open) {
        EXPECT_EQ(ReasonOf(nobody), "UNAUTHENTICATED") << rule;
        EXPECT_THAT(nobody.headers, Contains(Pair("WWW-Authenticate", "Bearer"))) << rule;
        EXPECT_EQ(Answer(Request(verb == "GET" ? "HEAD" : verb, target, "")).status, 401) << rule;
      }
      for (const auto& [role, token] : daemon_.tokens) {
        if (is_open) continue;
        const HttpResponse response = Answer(Request(verb, target, token, kPause));
        const std::string reason = ExpectedReason(expected, role, job);
        EXPECT_EQ(ReasonOf(response), reason) << rule << " of " << job << " by " << RoleName(role);
        if (row.served == Served::kWatch) continue;  // is asked once more when it is opened
        EXPECT_EQ(response.status == 403, !reason.empty()) << rule << response.body;
        EXPECT_EQ(response.status / 100, reason.empty() ? 2 : 4) << rule << response.body;
      }
    }
  }
}

TEST_F(HttpAccessTest, ACodeOpensASessionThatSignsInAndOut) {
  const Caller ana =
      daemon_.access->Identify({.authorization = "Bearer " + daemon_.tokens[Role::kOperator]})
          .value();
  const std::string code = daemon_.access->CreateLoginCode(ana)->code();
  const std::string body = Json{{"code", code}}.dump();
  const HttpResponse opened = Answer(Request("POST", "/v1/session", "", body));
  ASSERT_EQ(opened.status, 200) << opened.body;
  EXPECT_THAT(opened.headers, Contains(Pair("Cache-Control", "no-store")));
  const Json session = Json::parse(opened.body);
  EXPECT_EQ(session["principal"], "ana");
  EXPECT_EQ(session["role"], "OPERATOR");
  EXPECT_EQ(session["expires_in"], 43200);
  EXPECT_EQ(Answer(Request("POST", "/v1/session", "", body)).status, 401);

  const std::string secret = session["session"];
  const Json who = Json::parse(Answer(Request("GET", "/v1/whoami", secret)).body);
  EXPECT_EQ(who["principal"], "ana");
  EXPECT_EQ(who["role"], "OPERATOR");
  EXPECT_EQ(who["auth"], "tokens");
  EXPECT_EQ(Answer(Request("DELETE", "/v1/session", secret)).status, 204);
  EXPECT_EQ(Answer(Request("GET", "/v1/whoami", secret)).status, 401);
}

TEST_F(HttpAccessTest, APastedTokenOpensOneToo) {
  const HttpResponse opened = Answer(Request("POST", "/v1/session", daemon_.tokens[Role::kViewer]));
  ASSERT_EQ(opened.status, 200) << opened.body;
  const std::string secret = Json::parse(opened.body)["session"];
  EXPECT_EQ(Answer(Request("GET", "/v1/jobs", secret)).status, 200);
  EXPECT_EQ(Answer(Request("POST", "/v1/session", secret)).status, 403);
  EXPECT_EQ(Answer(Request("POST", "/v1/session", "")).status, 401);
}

TEST_F(HttpAccessTest, AForeignPageOpensAndEndsNoSession) {
  const std::string token = daemon_.tokens[Role::kViewer];
  for (const char* verb : {"POST", "DELETE"}) {
    HttpRequest request = Request(verb, "/v1/session", token);
    request.headers["origin"] = "http://evil.example";
    EXPECT_EQ(Answer(request).status, 403) << verb;
  }
  HttpRequest form = Request("POST", "/v1/session", token);
  form.headers["content-type"] = "text/plain";
  EXPECT_EQ(Answer(form).status, 415);
}

TEST_F(HttpAccessTest, OpenMetricsAreMetricsAlone) {
  EXPECT_EQ(Answer(Request("GET", "/metrics", "")).status, 401);
  Routes::Options options;
  options.open_metrics = true;
  Routes open = Make(options);
  std::optional<Routes::Outcome> outcome;
  open.Handle(Request("GET", "/metrics", ""), [&](Routes::Outcome o) { outcome = std::move(o); });
  EXPECT_EQ(std::get<HttpResponse>(*outcome).body, "metric 1\n");
  open.Handle(Request("GET", "/v1/jobs", ""), [&](Routes::Outcome o) { outcome = std::move(o); });
  EXPECT_EQ(std::get<HttpResponse>(*outcome).status, 401);
}

TEST_F(HttpAccessTest, WithoutAnAccessEverybodyIsAnAdminWhichIsSaid) {
  without_access_ = true;
  Routes none = Make({});
  std::optional<Routes::Outcome> outcome;
  none.Handle(Request("GET", "/v1/whoami", ""), [&](Routes::Outcome o) { outcome = std::move(o); });
  const Json who = Json::parse(std::get<HttpResponse>(*outcome).body);
  EXPECT_EQ(who["principal"], "anonymous");
  EXPECT_EQ(who["role"], "ADMIN");
  EXPECT_EQ(who["auth"], "none");
  none.Handle(Request("POST", "/v1/session", ""),
              [&](Routes::Outcome o) { outcome = std::move(o); });
  EXPECT_THAT(std::get<HttpResponse>(*outcome).body, HasSubstr("AUTH_OFF"));
}

}  // namespace
}  // namespace descent::daemon
