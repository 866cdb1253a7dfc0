// A real descent-worker without a job, against a fake daemon.

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {
namespace {

class SpareTest : public ::testing::Test {
 protected:
  v1::Validated Validate(const std::string& id, const ::descent::v1::Spec& spec) {
    v1::DaemonMessage message;
    message.mutable_validate()->set_id(id);
    *message.mutable_validate()->mutable_spec() = spec;
    daemon_.Send(message);
    return daemon_.WaitForValidated(id);
  }

  FakeDaemon daemon_;
  const std::string table_ = WriteTable(daemon_.folder(), 100);
};

TEST_F(SpareTest, ValidatesAnyNumberOfSpecsThenRunsOne) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  const v1::Validated valid = Validate("1", SmallSpec(table_, 50));
  ASSERT_TRUE(valid.has_valid()) << valid.DebugString();
  EXPECT_EQ(valid.valid().summary().parameters(), 3 * 8 + 8 + 8 * 3 + 3);
  EXPECT_EQ(valid.valid().summary().dials(0), "optimizer.adam.step_size");

  ::descent::v1::Spec wrong = SmallSpec(table_, 50);
  wrong.mutable_data()->mutable_train()->mutable_csv()->set_path("/nowhere.csv");
  const v1::Validated invalid = Validate("2", wrong);
  ASSERT_TRUE(invalid.has_invalid());
  EXPECT_EQ(invalid.invalid().violations(0).field(), "data.train.csv.path");
  EXPECT_EQ(invalid.invalid().violations(0).reason(), "FILE_NOT_FOUND");

  v1::DaemonMessage start = StartOf(daemon_, valid.valid().spec());
  *start.mutable_start()->mutable_summary() = valid.valid().summary();
  daemon_.Send(start);
  EXPECT_EQ(Iterations(daemon_.WaitForEvents(Ended)).size(), 51u);
  EXPECT_EQ(worker.Wait(), 0);
}

TEST_F(SpareTest, LeavesWhenAskedOrTerminated) {
  WorkerProcess asked(daemon_);
  daemon_.WaitForHello(1);
  v1::DaemonMessage leave;
  leave.mutable_leave()->set_reason("test");
  daemon_.Send(leave);
  EXPECT_EQ(asked.Wait(), 0);

  WorkerProcess terminated(daemon_);
  daemon_.WaitForHello(2);
  terminated.Signal(SIGTERM);
  EXPECT_EQ(terminated.Wait(), 0);
}

TEST_F(SpareTest, LeavesWhenTheDaemonIsGone) {
  WorkerProcess worker(daemon_, {"--spare_grace", "0.2"});
  daemon_.WaitForHello(1);
  daemon_.Die();
  EXPECT_EQ(worker.Wait(), 0);
}

TEST_F(SpareTest, ComesBackToADaemonThatWasRestarted) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Die();
  daemon_.Live();
  daemon_.WaitForHello(2);
  EXPECT_TRUE(Validate("1", SmallSpec(table_, 50)).has_valid());
}

}  // namespace
}  // namespace descent::worker
