#include "client/cpp/job_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "client/cpp/client.h"
#include "client/cpp/identity.h"
#include "tests/client/fake/fake_service.h"

namespace descent::client {
namespace {

using ::testing::HasSubstr;

std::vector<int64_t> UpTo(int64_t last, int64_t first = 1) {
  std::vector<int64_t> out;
  for (int64_t i = first; i <= last; ++i) out.push_back(i);
  return out;
}

// Reads to the end, and gives the revisions of the events.
std::vector<int64_t> Revisions(JobWatch* watch) {
  std::vector<int64_t> revisions;
  v1::WatchJobResponse batch;
  absl::StatusOr<bool> more = true;
  while ((more = watch->Next(&batch)).ok() && *more) {
    for (const v1::Event& event : batch.events()) revisions.push_back(event.revision());
  }
  EXPECT_TRUE(more.ok()) << more.status();
  return revisions;
}

class JobWatchTest : public ::testing::Test {
 protected:
  JobWatchTest() : client_({.target = {.server = service_.address()}, .principal = "ann@test"}) {}

  FakeService service_;
  Client client_;
};

TEST_F(JobWatchTest, ReadsEveryRevisionOnceToTheEnd) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 100);
  service_.Finish(name, v1::SUCCEEDED);
  const auto watch = client_.Watch({.name = name});
  EXPECT_EQ(Revisions(watch.get()), UpTo(104));
  EXPECT_EQ(watch->cursor(), 104);
  EXPECT_EQ(service_.last_principal(), "ann@test");
}

TEST_F(JobWatchTest, BeginsAtItsCursor) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 20);
  service_.Finish(name, v1::SUCCEEDED);
  EXPECT_EQ(Revisions(client_.Watch({.name = name, .after_revision = 10}).get()), UpTo(24, 11));
}

TEST_F(JobWatchTest, GoesOnAfterLostConnectionsWithNothingTwice) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 200);
  service_.Finish(name, v1::SUCCEEDED);
  service_.BreakWatches(/*after_messages=*/3, /*times=*/5);
  int lost = 0, back = 0;
  const auto watch = client_.Watch(
      {.name = name, .on_lost = [&](const absl::Status&) { ++lost; }, .on_back = [&] { ++back; }});
  EXPECT_EQ(Revisions(watch.get()), UpTo(204));
  EXPECT_EQ(lost, 5);
  EXPECT_EQ(back, 5);
  const auto requests = service_.watches();
  ASSERT_EQ(requests.size(), 6u);
  EXPECT_EQ(requests[1].after_revision(), 21);
}

TEST_F(JobWatchTest, ResumesFilteredWatchesFromWhatWasScanned) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 50);
  service_.Finish(name, v1::STOPPED);
  service_.BreakWatches(2, 2);
  const auto watch = client_.Watch({.name = name, .kinds = {v1::STATE_CHANGED}});
  EXPECT_EQ(Revisions(watch.get()), (std::vector<int64_t>{3, 54}));
  EXPECT_EQ(service_.watches()[1].after_revision(), 14);
}

TEST_F(JobWatchTest, SurvivesARestartOfTheServer) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 10);
  const auto watch = client_.Watch({.name = name, .on_lost = [&](const absl::Status&) {
                                      service_.AddIterations(name, 10);
                                      service_.Finish(name, v1::SUCCEEDED);
                                    }});
  v1::WatchJobResponse batch;
  std::vector<int64_t> revisions;
  while (watch->cursor() < 13) {
    ASSERT_TRUE(watch->Next(&batch).ok());
    for (const v1::Event& event : batch.events()) revisions.push_back(event.revision());
  }
  std::thread restart([&] { service_.Restart(); });
  for (const int64_t revision : Revisions(watch.get())) revisions.push_back(revision);
  restart.join();
  EXPECT_EQ(revisions, UpTo(24));
}

TEST_F(JobWatchTest, CancelEndsAWaitingRead) {
  const std::string name = service_.AddJob("x");
  const auto watch = client_.Watch({.name = name});
  v1::WatchJobResponse batch;
  ASSERT_TRUE(watch->Next(&batch).ok());
  std::thread cancel([&] { watch->Cancel(); });
  EXPECT_TRUE(absl::IsCancelled(watch->Next(&batch).status()));
  cancel.join();
  EXPECT_TRUE(absl::IsCancelled(watch->Next(&batch).status()));
}

TEST_F(JobWatchTest, TellsTheServersRefusals) {
  v1::WatchJobResponse batch;
  EXPECT_TRUE(absl::IsNotFound(client_.Watch({.name = "jobs/none"})->Next(&batch).status()));
  const std::string name = service_.AddJob("x");
  EXPECT_TRUE(absl::IsOutOfRange(
      client_.Watch({.name = name, .after_revision = 99})->Next(&batch).status()));
}

TEST(JobWatchGivingUp, ReportsAServerThatIsNotThere) {
  const Client client({.target = {.server = "unix:/nonexistent/socket"}});
  v1::WatchJobResponse batch;
  EXPECT_TRUE(
      absl::IsUnavailable(client.Watch({.name = "jobs/x", .give_up_after = absl::Milliseconds(60)})
                              ->Next(&batch)
                              .status()));
}

TEST(Identity, IsPrintableAndRequestIdsAreNotRepeated) {
  EXPECT_THAT(LocalPrincipal(), HasSubstr("@"));
  EXPECT_EQ(DrawRequestId().size(), 36u);
  EXPECT_NE(DrawRequestId(), DrawRequestId());
  EXPECT_EQ(JobName("x"), "jobs/x");
  EXPECT_EQ(JobName("jobs/x"), "jobs/x");
  EXPECT_EQ(JobId("jobs/x"), "x");
}

}  // namespace
}  // namespace descent::client
