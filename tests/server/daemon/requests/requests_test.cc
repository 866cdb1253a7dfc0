#include "server/daemon/requests/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/rpc_status.h"
#include "server/daemon/requests/request_counts.h"
#include "server/daemon/security/caller.h"
#include "tests/server/daemon/fake_jobs.h"

namespace descent::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class RequestsTest : public ::testing::Test {
 protected:
  RequestsTest() : requests_(daemon_.jobs) {
    daemon_.jobs.Add("mnist");
    daemon_.jobs.on_command = [this](const Caller& caller, const v1::CommandJobRequest&,
                                     Jobs::Callback<v1::CommandJobResponse> done) {
      heard_.push_back(caller.principal);
      done(v1::CommandJobResponse());
    };
  }

  static v1::CommandJobRequest Pause(const std::string& name, const std::string& request_id) {
    v1::CommandJobRequest request;
    request.set_name(name);
    request.set_request_id(request_id);
    request.add_commands()->mutable_pause();
    return request;
  }

  // Gives the answer of the command, for FakeJobs answer within the call.
  absl::Status Command(const v1::CommandJobRequest& request) {
    std::optional<absl::Status> status;
    requests_.Command(ann_, request, [&](const absl::StatusOr<v1::CommandJobResponse>& answer) {
      status = answer.status();
    });
    EXPECT_TRUE(status.has_value());
    return status.value_or(absl::UnknownError("no answer"));
  }

  FakeDaemon daemon_;
  const Requests requests_;
  const Caller ann_{.principal = "ann", .role = Role::kAdmin};
  std::vector<std::string> heard_;
};

TEST_F(RequestsTest, AnswersAreCounted) {
  TestClock clock;
  RequestCounts counts(&clock);
  const Requests counted(daemon_.jobs, &counts);
  v1::GetJobRequest get;
  get.set_name("jobs/mnist");
  EXPECT_TRUE(counted.Get(ann_, get).ok());
  get.set_name("jobs/nobody");
  EXPECT_FALSE(counted.Get(ann_, get).ok());
  EXPECT_FALSE(counted.Get({.principal = "eve"}, get).ok());
  counted.Command(ann_, Pause("jobs/mnist", "r"),
                  [&](const absl::StatusOr<v1::CommandJobResponse>&) {});
  v1::WatchJobRequest watch;
  watch.set_name("jobs/nobody");
  EXPECT_FALSE(counted.Watch(ann_, watch).ok());
  const auto methods = counts.methods();
  using Codes = std::map<std::string, int64_t>;
  ASSERT_EQ(methods.size(), 3U);
  EXPECT_EQ(methods.find("GetJob")->second.codes,
            (Codes{{"NOT_FOUND", 1}, {"OK", 1}, {"PERMISSION_DENIED", 1}}));
  EXPECT_EQ(methods.find("GetJob")->second.within[0], 3);
  EXPECT_EQ(methods.find("CommandJob")->second.codes, (Codes{{"OK", 1}}));
  EXPECT_EQ(methods.find("WatchJob")->second.codes, (Codes{{"NOT_FOUND", 1}}));
}

TEST_F(RequestsTest, TheJobsHearWhoAsks) {
  EXPECT_TRUE(Command(Pause("jobs/mnist", "r1")).ok());
  EXPECT_THAT(heard_, ElementsAre("ann"));
}

TEST_F(RequestsTest, TheJobsHearNothingOfWhatIsWrongByItself) {
  const absl::Status status = Command(Pause("jobs/mnist", ""));
  EXPECT_EQ(GetErrorDetail(status).reason, "INVALID_REQUEST");
  EXPECT_THAT(heard_, ElementsAre());

  // Nor of a creation, which then has nothing that could be cancelled.
  std::optional<absl::StatusOr<v1::Job>> created;
  const Jobs::Cancel cancel = requests_.Create(
      ann_, {}, [&](absl::StatusOr<v1::Job> answer) { created = std::move(answer); });
  ASSERT_TRUE(created.has_value());
  EXPECT_TRUE(absl::IsInvalidArgument(created->status()));
  EXPECT_EQ(cancel, nullptr);
}

TEST_F(RequestsTest, EveryRefusalNamesTheNearestJob) {
  const std::string hint = "did you mean jobs/mnist?";
  EXPECT_THAT(std::string(Command(Pause("jobs/mnisd", "r1")).message()), EndsWith(hint));

  v1::GetJobRequest get;
  get.set_name("jobs/mnisd");
  EXPECT_THAT(std::string(requests_.Get(ann_, get).status().message()), EndsWith(hint));

  v1::WatchJobRequest watch;
  watch.set_name("jobs/mnisd");
  EXPECT_THAT(std::string(requests_.Watch(ann_, watch).status().message()), EndsWith(hint));

  v1::DeleteJobRequest deletion;
  deletion.set_name("jobs/mnisd");
  std::optional<absl::Status> deleted;
  requests_.Delete(ann_, deletion, [&](const absl::StatusOr<v1::DeleteJobResponse>& answer) {
    deleted = answer.status();
  });
  ASSERT_TRUE(deleted.has_value());
  EXPECT_THAT(std::string(deleted->message()), EndsWith(hint));
}

// Keeps how a prediction ended.
class EndSink final : public PredictionSink {
 public:
  void OnResponse(v1::PredictJobResponse) override {}
  void OnEnd(const absl::Status& status) override { end = status; }
  std::optional<absl::Status> end;
};

TEST_F(RequestsTest, APredictionNamesTheNearestJobButForACheckpoint) {
  std::shared_ptr<PredictionSink> jobs_sink;
  daemon_.jobs.on_predict = [&](const v1::PredictJobRequest&,
                                std::shared_ptr<PredictionSink> sink) {
    jobs_sink = std::move(sink);
    return nullptr;
  };
  v1::PredictJobRequest request;
  request.set_name("jobs/mnisd");
  const auto sink = std::make_shared<EndSink>();
  ASSERT_TRUE(requests_.Predict(ann_, request, sink).ok());
  jobs_sink->OnEnd(
      MakeError(absl::StatusCode::kNotFound, "there is no jobs/mnisd", "JOB_NOT_FOUND"));
  EXPECT_THAT(std::string(sink->end.value().message()), HasSubstr("did you mean jobs/mnist?"));
  jobs_sink->OnEnd(
      MakeError(absl::StatusCode::kNotFound, "there is no checkpoint 0-7", "CHECKPOINT_NOT_FOUND"));
  EXPECT_EQ(sink->end.value().message(), "there is no checkpoint 0-7");

  request.set_name("mnist");
  const auto untold = std::make_shared<EndSink>();
  EXPECT_TRUE(absl::IsInvalidArgument(requests_.Predict(ann_, request, untold).status()));
  EXPECT_FALSE(untold->end.has_value());
}

TEST(LoopbackCaller, IsWhoHeSaysHeIs) {
  EXPECT_EQ(LoopbackCaller("ann@host").value().principal, "ann@host");
  EXPECT_EQ(LoopbackCaller("").value().principal, "anonymous");
  EXPECT_EQ(LoopbackCaller("").value().role, Role::kAdmin);
  for (const std::string& bad : {std::string("caf\xC3\xA9"), std::string(129, 'x')}) {
    const absl::Status status = LoopbackCaller(bad).status();
    EXPECT_EQ(GetErrorDetail(status).reason, "INVALID_PRINCIPAL") << bad;
  }
}

TEST_F(RequestsTest, SoManyWatchAtATime) {
  const std::shared_ptr<Shares> places = Requests::WatchShares(1);
  const Requests over_grpc(daemon_.jobs, nullptr, nullptr, places);
  const Requests over_http(daemon_.jobs, nullptr, nullptr, places);
  v1::WatchJobRequest watch;
  watch.set_name("jobs/mnist");
  {
    const absl::StatusOr<OpenedWatch> opened = over_grpc.Watch(ann_, watch);
    ASSERT_TRUE(opened.ok()) << opened.status();
    const absl::Status refused = over_http.Watch(ann_, watch).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(GetErrorDetail(refused).reason, "TOO_MANY_WATCHES");
    EXPECT_THAT(std::string(refused.message()), HasSubstr("--max_watches"));
  }
  EXPECT_TRUE(over_http.Watch(ann_, watch).ok());
}

}  // namespace
}  // namespace descent::daemon
