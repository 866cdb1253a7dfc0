#include "server/daemon/http/routes.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "proto/rpc_status.h"
#include "server/common/tally.h"
#include "server/daemon/http/json.h"
#include "server/daemon/http/sse.h"
#include "server/daemon/requests/requests.h"
#include "tests/server/daemon/fake_jobs.h"

namespace descent::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class RoutesTest : public ::testing::Test {
 protected:
  RoutesTest() {
    Serve({});
    daemon_.jobs.Add("mnist");
    daemon_.jobs.on_command = [this](const Caller& caller, const v1::CommandJobRequest& request,
                                     Jobs::Callback<v1::CommandJobResponse> done) {
      command_ = request;
      principal_ = caller.principal;
      v1::CommandJobResponse response;
      response.mutable_event()->set_revision(7);
      v1::CommandApplied& applied = *response.mutable_event()->mutable_command_applied();
      applied.set_request_id(request.request_id());
      applied.add_changes()->set_old_value(0.5);
      done(std::move(response));
    };
  }

  // Has the routes be those that these options make.
  void Serve(Routes::Options options) {
    options.metrics = [] { return "metric 1\n"; };
    options.health = [this] { return health_; };
    routes_.emplace(Requests(daemon_.jobs), std::move(options));
  }

  static HttpRequest Request(std::string method, std::string target) {
    HttpRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.headers["host"] = "localhost:7601";
    return request;
  }

  static HttpRequest Command(std::string body) {
    HttpRequest request = Request("POST", "/v1/jobs/mnist:command");
    request.headers["content-type"] = "application/json";
    request.body = std::move(body);
    return request;
  }

  Routes::Outcome Handle(const HttpRequest& request) {
    std::optional<Routes::Outcome> outcome;
    routes_->Handle(request, [&](Routes::Outcome o) { outcome = std::move(o); });
    EXPECT_TRUE(outcome.has_value()) << request.target;
    return *std::move(outcome);
  }

  HttpResponse Answer(const HttpRequest& request) {
    return std::get<HttpResponse>(Handle(request));
  }
  HttpResponse Get(std::string target) { return Answer(Request("GET", std::move(target))); }

  v1::WatchJobRequest Watch(std::string query, std::string last_event_id = "") {
    HttpRequest request = Request("GET", "/v1/jobs/mnist:watch" + query);
    if (!last_event_id.empty()) request.headers["last-event-id"] = last_event_id;
    return std::get<Routes::Watch>(Handle(request)).request;
  }

  FakeDaemon daemon_;
  absl::Status health_;
  std::optional<Routes> routes_;
  v1::CommandJobRequest command_;
  std::string principal_;
};

// Whatever clients ask for, there are few series.
TEST_F(RoutesTest, AnswersAreCounted) {
  server::Tally<3> answered;
  Serve({.answered = &answered});
  Handle(Request("GET", "/v1/jobs/mnist"));
  Handle(Request("GET", "/v1/jobs/nobody"));
  Handle(Request("HEAD", "/healthz"));
  Handle(Request("OPTIONS", "/healthz"));
  Handle(Request("BREW", "/healthz"));
  Handle(Request("GET", "/v1/jobs/mnist:watch?after_revision=3"));
  Handle(Request("GET", "/wp-login.php"));
  Handle(Request("GET", "/wp-login2.php"));
  const server::Tally<3>::Counts expected = {
      {{"GET", "/v1/jobs/{job}", "200"}, 1}, {{"GET", "/v1/jobs/{job}", "404"}, 1},
      {{"HEAD", "/healthz", "200"}, 1},      {{"other", "/healthz", "204"}, 1},
      {{"other", "/healthz", "405"}, 1},     {{"GET", "/v1/jobs/{job}:watch", "200"}, 1},
      {{"other", "other", "404"}, 2},
  };
  EXPECT_EQ(answered.counts(), expected);
}

TEST_F(RoutesTest, ListsAndGetsJobs) {
  HttpResponse response = Get("/v1/jobs");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json; charset=utf-8");
  EXPECT_EQ(Json::parse(response.body)["jobs"][0]["name"], "jobs/mnist");
  response = Get("/v1/jobs/mnist");
  EXPECT_EQ(Json::parse(response.body)["state"], "RUNNING");
}

TEST_F(RoutesTest, ErrorsAreJsonWithDetails) {
  const HttpResponse response = Get("/v1/jobs/mnits");
  EXPECT_EQ(response.status, 404);
  const Json error = Json::parse(response.body)["error"];
  EXPECT_EQ(error["code"], 404);
  EXPECT_EQ(error["status"], "NOT_FOUND");
  EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("did you mean jobs/mnist?"));
  EXPECT_EQ(error["details"][0]["@type"], "type.googleapis.com/google.rpc.ErrorInfo");
  EXPECT_EQ(error["details"][0]["reason"], "JOB_NOT_FOUND");
  EXPECT_EQ(error["details"][0]["domain"], "descent");
}

TEST_F(RoutesTest, BadParametersNameTheField) {
  for (const auto& [target, field] : std::vector<std::pair<std::string, std::string>>{
           {"/v1/jobs?page_size=x", "page_size"},
           {"/v1/jobs?page_size=-1", "page_size"},
           {"/v1/jobs?pagesize=1", "pagesize"},
           {"/v1/jobs/UPPER", "name"},
           {"/v1/jobs/a%2Fb", "name"},
           {"/v1/jobs/mnist:watch?after_revision=-1", "after_revision"},
           {"/v1/jobs?page_size=0x10", "page_size"},
           {"/v1/jobs?page_size=1&page_size=2", "page_size"},
           {"/v1/jobs/mnist:watch?after_revision=1x", "after_revision"},
           {"/v1/jobs/mnist:watch?after_revision=%2B1", "after_revision"},
           {"/v1/jobs/mnist:watch?after_revision=+1", "after_revision"},
           {"/v1/jobs/mnist:watch?every=0x1", "every"},
           {"/v1/jobs/mnist:watch?every=99999999999999999999", "every"},
           {"/v1/jobs/mnist:watch?every=1&every=2", "every"},
           {"/v1/jobs/mnist:watch?every=-1", "every"},
           {"/v1/jobs/mnist:watch?kinds=iterations", "kinds"},
           {"/v1/jobs/mnist:watch?from=1", "from"}}) {
    const HttpResponse response = Get(target);
    EXPECT_EQ(response.status, 400) << target;
    const Json error = Json::parse(response.body)["error"];
    EXPECT_EQ(error["details"][1]["field_violations"][0]["field"], field) << target;
  }
}

TEST_F(RoutesTest, WatchTakesItsCursorFromTheLastEventId) {
  EXPECT_EQ(Watch("").after_revision(), 0);
  EXPECT_EQ(Watch("?after_revision=5").after_revision(), 5);
  EXPECT_EQ(Watch("?after_revision=5", "17").after_revision(), 17);
  const v1::WatchJobRequest request =
      Watch("?kinds=iteration,Command_Applied&kinds=NOTICE&every=10");
  EXPECT_EQ(request.name(), "jobs/mnist");
  EXPECT_THAT(request.kinds(), ElementsAre(v1::ITERATION, v1::COMMAND_APPLIED, v1::NOTICE));
  EXPECT_EQ(request.every(), 10);
}

TEST_F(RoutesTest, CommandsAreSentInJson) {
  HttpRequest request =
      Command(R"({"request_id": "r", "commands": [{"set": {"path": "step_size", "value": 0.1}}]})");
  request.headers["x-descent-principal"] = "ada";
  const HttpResponse response = Answer(request);
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(command_.name(), "jobs/mnist");
  EXPECT_EQ(command_.commands(0).set().value(), 0.1);
  EXPECT_EQ(principal_, "ada");
  const Json event = Json::parse(response.body)["event"];
  EXPECT_EQ(event["revision"], "7");
  EXPECT_EQ(event["command_applied"]["request_id"], "r");
  EXPECT_EQ(event["command_applied"]["changes"][0]["old_value"], 0.5);
}

TEST_F(RoutesTest, DrawsARequestIdForThoseWithout) {
  EXPECT_EQ(Answer(Command(R"({"commands": [{"pause": {}}]})")).status, 200);
  const std::string first = command_.request_id();
  EXPECT_EQ(Answer(Command(R"({"commands": [{"pause": {}}]})")).status, 200);
  EXPECT_FALSE(first.empty());
  EXPECT_NE(command_.request_id(), first);
}

TEST_F(RoutesTest, RefusesBadCommands) {
  EXPECT_EQ(Answer(Command("{")).status, 400);
  EXPECT_EQ(Answer(Command(R"({"commands": [{"sett": {}}]})")).status, 400);
  EXPECT_EQ(Answer(Command(R"({"commands": []})")).status, 400);
  EXPECT_EQ(Answer(Command(R"({"commands": [{"set": {"path": "x", "value": "NaN"}}]})")).status,
            400);
  EXPECT_EQ(Answer(Command(R"({"name": "jobs/other", "commands": [{"pause": {}}]})")).status, 400);
  HttpRequest form = Command(R"({"commands": [{"pause": {}}]})");
  form.headers["content-type"] = "text/plain";
  EXPECT_EQ(Answer(form).status, 415);
  EXPECT_EQ(command_.name(), "");
}

// Protobuf's own reader takes more, and reads it as it likes.
TEST_F(RoutesTest, NumbersAreWhatJsonSays) {
  const auto with = [](const std::string& value, const std::string& at) {
    return Command(R"({"commands": [{"set": {"path": "x", "value": )" + value +
                   R"(}}], "at_iteration": )" + at + "}");
  };
  for (const char* number : {"16", "1.6e1", "\"16\"", "\"1.6e+1\"", "\"160e-1\"", "16.0"}) {
    EXPECT_EQ(Answer(with(number, "3")).status, 200) << number;
    EXPECT_EQ(command_.commands(0).set().value(), 16) << number;
  }
  for (const char* number : {"3", "\"3\"", "3e0", "3.0"}) {
    EXPECT_EQ(Answer(with("1", number)).status, 200) << number;
    EXPECT_EQ(command_.at_iteration(), 3) << number;
  }
  command_.Clear();
  const std::string bare[] = {"0x10", "0X10", "010", "+1", ".5", "1.",     "1_000", "1,000", "0b1",
                              "0o7",  "1f",   "1e",  "1L", "",   "0x1p-3", "--1",   "1 2",   "٣"};
  const std::string words[] = {"nan", "inf", "-inf", "infinity", "NAN", "+Infinity", ".inf", "INF"};
  for (const std::string& number : bare) {
    for (const std::string& text : {number, "\"" + number + "\""}) {
      EXPECT_EQ(Answer(with(text, "3")).status, 400) << text;
      EXPECT_EQ(Answer(with("1", text)).status, 400) << text;
    }
  }
  for (const std::string& number : words) {
    EXPECT_EQ(Answer(with("\"" + number + "\"", "3")).status, 400) << number;
    EXPECT_EQ(Answer(with(number, "3")).status, 400) << number;
  }
  for (const char* text : {"\" 1\"", "\"1 \"", "\"1\\n\"", "NaN", "Infinity", "1e999"}) {
    EXPECT_EQ(Answer(with(text, "3")).status, 400) << text;
  }
  for (const char* text : {"\"NaN\"", "\"Infinity\""}) {  // of whole numbers
    EXPECT_EQ(Answer(with("1", text)).status, 400) << text;
  }
  EXPECT_EQ(command_.name(), "");
  const HttpResponse response = Answer(with("\"0x10\"", "3"));
  EXPECT_THAT(response.body, HasSubstr("commands[0].set.value"));
  EXPECT_THAT(response.body, HasSubstr("decimal"));
}

TEST_F(RoutesTest, ABodyIsJsonAndNothingElse) {
  for (const char* body : {
           "",
           "[]x",
           "{'commands': [{'pause': {}}]}",
           "{commands: [{pause: {}}]}",
           R"({"commands": [{"pause": {}}],})",
           R"({"commands": [{"pause": {}}]} // all)",
           R"({"commands": [{"pause": {}}], "commands": [{"stop": {}}]})",
           R"({"request_id": "a", "request_id": "b", "commands": [{"pause": {}}]})",
           "{\"request_id\": \"\xff\", \"commands\": [{\"pause\": {}}]}",
       }) {
    EXPECT_EQ(Answer(Command(body)).status, 400) << body;
  }
  const HttpResponse lists = Answer(Command(std::string(100'000, '[')));
  EXPECT_EQ(lists.status, 400);
  EXPECT_THAT(lists.body, HasSubstr("[0][0][0][0]: is nested more than 100 deep"));
  std::string deep;
  for (int i = 0; i < 50'000; ++i) deep += R"({"a":)";
  EXPECT_EQ(Answer(Command(deep)).status, 400);
  EXPECT_EQ(command_.name(), "");
}

TEST_F(RoutesTest, ForeignPagesMayNotCommand) {
  HttpRequest request = Command(R"({"commands": [{"pause": {}}]})");
  for (const char* origin :
       {"https://example.org", "null", "", "http://localhost:1", "https://localhost:7601"}) {
    request.headers["origin"] = origin;
    EXPECT_EQ(Answer(request).status, 403) << origin;
  }
  EXPECT_EQ(command_.name(), "");
  request.headers["origin"] = "http://localhost:7601";
  EXPECT_EQ(Answer(request).status, 200);
}

TEST_F(RoutesTest, TheHostMustBeThisMachine) {
  HttpRequest request = Request("GET", "/v1/jobs");
  for (const char* host :
       {"localhost", "LOCALHOST:1", "127.0.0.1:7601", "127.1.2.3", "[::1]:7601"}) {
    request.headers["host"] = host;
    EXPECT_EQ(Answer(request).status, 200) << host;
  }
  for (const char* host :
       {"", "example.org", "evil.localhost", "localhost.example.org:7601", "10.0.0.1", "[::2]:1",
        "[::1", "127.0.0.1.example.org", "localhost:7601:example.org", "localhost:x", "[::1]:x"}) {
    request.headers["host"] = host;
    EXPECT_EQ(Answer(request).status, 403) << host;
  }
  request.headers.erase("host");
  EXPECT_EQ(Answer(request).status, 400);
}

TEST_F(RoutesTest, PeopleComeByOtherNamesToo) {
  Serve({.is_own_host = [](const std::string& name) { return name == "gpu-box"; }});
  HttpRequest request = Command(R"({"commands": [{"pause": {}}]})");
  for (const char* host : {"gpu-box", "GPU-Box:7601", "localhost"}) {
    request.headers["host"] = host;
    EXPECT_EQ(Answer(request).status, 200) << host;
  }
  for (const char* host : {"gpu-box.example.org", "gpu", "[gpu-box", ""}) {
    request.headers["host"] = host;
    EXPECT_EQ(Answer(request).status, 403) << host;
  }
  // A proxy speaks TLS to them, or not.
  request.headers["host"] = "gpu-box";
  for (const char* origin : {"http://gpu-box", "https://gpu-box"}) {
    request.headers["origin"] = origin;
    EXPECT_EQ(Answer(request).status, 200) << origin;
  }
  request.headers["origin"] = "https://gpu-box:1";
  EXPECT_EQ(Answer(request).status, 403);
}

TEST_F(RoutesTest, OverTlsThePageIsOverTls) {
  Serve({.encrypted = true});
  HttpRequest request = Command(R"({"commands": [{"pause": {}}]})");
  request.headers["origin"] = "https://localhost:7601";
  EXPECT_EQ(Answer(request).status, 200);
  request.headers["origin"] = "http://localhost:7601";
  EXPECT_EQ(Answer(request).status, 403);
}

TEST_F(RoutesTest, ReadyTellsWhatIsToBeKnownInTime) {
  std::string notice;
  Serve({.notice = [&notice] { return notice; }});
  EXPECT_EQ(Get("/readyz").body, "ok\n");
  notice = "the certificate ends on 2026-12-09";
  EXPECT_EQ(Get("/readyz").status, 200);
  EXPECT_EQ(Get("/readyz").body, "ok\nthe certificate ends on 2026-12-09\n");
}

TEST_F(RoutesTest, OtherPathsAndMethodsAreRefused) {
  EXPECT_EQ(Get("/nothing").status, 404);
  EXPECT_EQ(Get("/v1/jobs/mnist:fly").status, 404);
  EXPECT_EQ(Get("/../etc/passwd").status, 404);
  EXPECT_EQ(Get("/%zz").status, 400);
  EXPECT_EQ(Get("/a%00b").status, 400);
  EXPECT_EQ(Get("").status, 400);
  const HttpResponse command = Get("/v1/jobs/mnist:command");
  EXPECT_EQ(command.status, 405);
  EXPECT_THAT(command.headers,
              ::testing::Contains(std::pair<std::string, std::string>("Allow", "POST, OPTIONS")));
  EXPECT_EQ(Answer(Request("POST", "/v1/jobs")).status, 405);
  EXPECT_EQ(Answer(Request("DELETE", "/v1/jobs/mnist")).status, 405);
  const HttpResponse options = Answer(Request("OPTIONS", "/v1/jobs"));
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.body, "");
}

TEST_F(RoutesTest, SaysHowTheDaemonIs) {
  EXPECT_EQ(Get("/healthz").status, 200);
  EXPECT_EQ(Get("/readyz").status, 200);
  health_ = absl::UnavailableError("the journal failed: disk full");
  EXPECT_EQ(Get("/healthz").status, 200);
  const HttpResponse response = Get("/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr("disk full"));
  EXPECT_EQ(Get("/metrics").body, "metric 1\n");
  EXPECT_EQ(Get("/metrics").content_type, "text/plain; version=0.0.4; charset=utf-8");
}

TEST_F(RoutesTest, ServesThePageAndKnowsWhatTheBrowserHas) {
  const HttpResponse page = Get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("<!doctype html>"));
  EXPECT_EQ(Get("/uplot.js").status, 200);
  HttpRequest again = Request("GET", "/");
  for (const auto& [name, value] : page.headers) {
    if (name == "ETag") again.headers["if-none-match"] = value;
  }
  const HttpResponse unchanged = Answer(again);
  EXPECT_EQ(unchanged.status, 304);
  EXPECT_EQ(unchanged.body, "");
}

// The fast way to write iterations says what protobuf says.
TEST(Json, OfIterationsIsProtobufs) {
  for (double value :
       {0.1, -0.0, 0.0, 1e300, 5e-324, 1.0 / 3, 123456789.0, 1e21,
        std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
        std::numeric_limits<double>::quiet_NaN()}) {
    v1::Event event;
    event.set_revision(12);
    event.set_time_unix_nanos(1'700'000'000'000'000'001u);
    event.set_attempt(1);
    event.set_sequence(4);
    v1::Iteration& iteration = *event.mutable_iteration();
    iteration.set_index(3);
    iteration.set_value(value);
    iteration.set_gradient_norm(value);
    iteration.set_step_size(value);
    iteration.set_samples(192);
    iteration.add_scalars(value);
    iteration.add_scalars(2.5);
    EXPECT_EQ(Json::parse(EventToJson(event)), Json::parse(ToJson(event))) << EventToJson(event);
    v1::Event back;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(EventToJson(event), &back).ok());
    EXPECT_EQ(back.SerializeAsString(), event.SerializeAsString()) << value;
  }
  v1::Event first;
  first.mutable_iteration();
  EXPECT_EQ(Json::parse(EventToJson(first)), Json::parse(ToJson(first))) << EventToJson(first);
}

TEST(Sse, SaysRevisionKindAndEvent) {
  v1::Event event;
  event.set_revision(5);
  event.mutable_notice()->set_message("two\nlines");
  std::string text;
  AppendEvent(event.SerializeAsString(), &text);
  EXPECT_EQ(text,
            "id: 5\nevent: notice\n"
            "data: {\"revision\":\"5\",\"time_unix_nanos\":\"0\",\"attempt\":0,\"branch\":0,"
            "\"sequence\":\"0\",\"notice\":{\"severity\":\"SEVERITY_UNSPECIFIED\","
            "\"message\":\"two\\nlines\",\"waits\":false}}\n\n");
}

TEST(Sse, SaysWhyNothingMovesWithoutACursor) {
  std::string text;
  AppendStalled("the \"disk\" is full", &text);
  EXPECT_EQ(text, "event: stalled\ndata: {\"stalled\":\"the \\\"disk\\\" is full\"}\n\n");
}

}  // namespace
}  // namespace descent::daemon
