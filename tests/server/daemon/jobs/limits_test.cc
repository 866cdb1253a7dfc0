// How many jobs people may make, and of what size.

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "proto/rpc_status.h"
#include "tests/server/daemon/jobs/harness.h"

namespace descent::daemon {
namespace {

using testing::HasSubstr;
using worker::v1::DaemonMessage;

class LimitsTest : public JobsTest {
 protected:
  // Begins again with `limits_`.
  void Restart() {
    StopDaemon();
    StartDaemon();
  }

  absl::Status Make(const std::string& id, const Caller& caller = Ann()) {
    v1::CreateJobRequest request;
    request.set_job_id(id);
    *request.mutable_job()->mutable_spec() = SmallSpec();
    return Create(request, caller).Get().status();
  }
};

TEST_F(LimitsTest, SoManyJobsAreKept) {
  limits_.max_jobs = 1;
  Restart();
  RunJob("a");
  const absl::Status refused = Make("b");
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetail(refused).reason, "TOO_MANY_JOBS");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("(--max_jobs); delete some"));
}

TEST_F(LimitsTest, SoManyAreNotOver) {
  processes_.NextLaunched();  // the first daemon's spare, which nobody will ask
  limits_.max_unfinished_jobs = 4;
  Restart();
  RunJob("a");
  ConnectSpare();
  ASSERT_EQ(Make("b"), absl::OkStatus());
  ASSERT_TRUE(Make("c").ok());
  const absl::Status refused = Make("d");
  EXPECT_EQ(GetErrorDetail(refused).reason, "TOO_MANY_JOBS");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("\"ann\" has 3 jobs that are not over"));
  ASSERT_TRUE(Make("e", CallerOf("bob")).ok());
  EXPECT_THAT(std::string(Make("f", CallerOf("bob")).message()),
              HasSubstr("no more than 4 (--max_unfinished_jobs)"));
  // The end of one makes room; and what a daemon finds at its start counts.
  v1::CommandJobRequest stop = CommandOf("c", "s");
  stop.add_commands()->mutable_stop();
  ASSERT_TRUE(Command(stop).Get().ok());
  AwaitState("c", v1::STOPPED);
  absl::Status made = Make("g", CallerOf("bob"));
  // Its place is free a moment after its end is told.
  for (int i = 0; !made.ok() && i < 10'000; ++i) made = Make("g", CallerOf("bob"));
  ASSERT_EQ(made, absl::OkStatus());
  for (const auto& worker : workers_) worker->Disconnect();
  Restart();
  EXPECT_EQ(GetErrorDetail(Make("h", CallerOf("cleo"))).reason, "TOO_MANY_JOBS");
}

TEST_F(LimitsTest, AModelHasSoManyParameters) {
  limits_.max_parameters = 1000;
  Restart();
  std::shared_ptr<FakeWorker> spare = processes_.NextLaunched();
  ASSERT_NE(spare, nullptr);
  spare->LeaveValidate();
  spare->Connect();
  workers_.push_back(spare);
  for (const int64_t parameters : {1001, 1000}) {
    Answer<v1::Job> made = Create("a");
    const DaemonMessage asked = spare->Await(DaemonMessage::kValidate);
    worker::v1::WorkerMessage answer;
    answer.mutable_validated()->set_id(asked.validate().id());
    worker::v1::Valid& valid = *answer.mutable_validated()->mutable_valid();
    *valid.mutable_spec() = asked.validate().spec();
    valid.mutable_summary()->set_parameters(parameters);
    spare->Say(answer);
    const absl::Status status = made.Get().status();
    EXPECT_EQ(status.ok(), parameters == 1000) << status;
    if (status.ok()) continue;
    EXPECT_EQ(GetErrorDetail(status).reason, "TOO_LARGE");
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("has 1001 parameters, more than the 1000 that this daemon allows "
                          "(--max_parameters)"));
  }
}

TEST_F(LimitsTest, SomeOfTheDiskStaysFree) {
  limits_.min_free_disk = std::numeric_limits<int64_t>::max();
  Restart();
  const absl::Status refused = Make("a");
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetail(refused).reason, "DISK_FULL");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("(--min_free_disk)"));
}

}  // namespace
}  // namespace descent::daemon
