#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "proto/rpc_status.h"
#include "tests/server/daemon/api/api_testing.h"

namespace descent::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WatchTest : public ApiTest {
 protected:
  using Reader = grpc::ClientReader<v1::WatchJobResponse>;

  // Reads everything until the stream ends; `status` gets its end.
  std::vector<v1::Event> Watch(const v1::WatchJobRequest& request, grpc::Status* status) {
    grpc::ClientContext context;
    Bound(context);
    const std::unique_ptr<Reader> reader = stub_->WatchJob(&context, request);
    std::vector<v1::Event> events;
    v1::WatchJobResponse response;
    while (reader->Read(&response)) {
      EXPECT_LE(response.ByteSizeLong(), size_t{1} << 20);
      EXPECT_LE(response.scanned_revision(), response.head_revision());
      events.insert(events.end(), response.events().begin(), response.events().end());
    }
    *status = reader->Finish();
    return events;
  }

  static void ExpectRevisions(const std::vector<v1::Event>& events, int64_t first, int64_t last) {
    ASSERT_EQ(static_cast<int64_t>(events.size()), last - first + 1);
    for (size_t i = 0; i < events.size(); ++i) {
      ASSERT_EQ(events[i].revision(), first + static_cast<int64_t>(i));
    }
  }
};

TEST_F(WatchTest, GivesTheWholeJournalOfAFinishedJobAndEnds) {
  auto journal = daemon_.jobs.Add("a");
  ASSERT_TRUE(AppendAndWait(*journal, MakeIterations(0, 50'000)).ok());
  ASSERT_TRUE(AppendAndWait(*journal, {MakeState(v1::SUCCEEDED)}).ok());
  grpc::Status status;
  const auto events = Watch(WatchRequest("jobs/a"), &status);
  EXPECT_TRUE(status.ok()) << status.error_message();
  ExpectRevisions(events, 1, 50'002);
  EXPECT_EQ(events[1].iteration().index(), 0);
  EXPECT_EQ(events.back().state_changed().state(), v1::SUCCEEDED);
}

TEST_F(WatchTest, AtTheHeadOfAFinishedJobEndsAtOnce) {
  auto journal = daemon_.jobs.Add("a");
  ASSERT_TRUE(AppendAndWait(*journal, {MakeState(v1::FAILED)}).ok());
  grpc::Status status;
  EXPECT_TRUE(Watch(WatchRequest("jobs/a", 2), &status).empty());
  EXPECT_TRUE(status.ok());
}

TEST_F(WatchTest, ResumesAfterAnyRevision) {
  auto journal = daemon_.jobs.Add("a");
  ASSERT_TRUE(AppendAndWait(*journal, MakeIterations(0, 1000)).ok());
  ASSERT_TRUE(AppendAndWait(*journal, {MakeState(v1::STOPPED)}).ok());
  for (int64_t after : {1, 2, 3, 500, 1000, 1001}) {
    grpc::Status status;
    ExpectRevisions(Watch(WatchRequest("jobs/a", after), &status), after + 1, 1002);
    EXPECT_TRUE(status.ok());
  }
}

TEST_F(WatchTest, FollowsWhatIsAppended) {
  auto journal = daemon_.jobs.Add("a");
  grpc::ClientContext context;
  Bound(context);
  const auto reader = stub_->WatchJob(&context, WatchRequest("jobs/a"));
  v1::WatchJobResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.events(0).revision(), 1);
  for (int64_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(AppendAndWait(*journal, {MakeIteration(i)}).ok());
    ASSERT_TRUE(reader->Read(&response));
    ASSERT_EQ(response.events_size(), 1);
    EXPECT_EQ(response.events(0).revision(), i + 2);
    EXPECT_EQ(response.scanned_revision(), i + 2);
  }
  ASSERT_TRUE(AppendAndWait(*journal, {MakeState(v1::SUCCEEDED)}).ok());
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(WatchTest, FiltersKindsAndThinsIterations) {
  auto journal = daemon_.jobs.Add("a");
  ASSERT_TRUE(AppendAndWait(*journal, MakeIterations(0, 95)).ok());
  ASSERT_TRUE(AppendAndWait(*journal, {MakeNotice("hello")}).ok());
  ASSERT_TRUE(AppendAndWait(*journal, {MakeState(v1::SUCCEEDED)}).ok());
  v1::WatchJobRequest request = WatchRequest("jobs/a");
  request.add_kinds(v1::ITERATION);
  request.set_every(30);
  grpc::Status status;
  std::vector<int64_t> indices;
  for (const v1::Event& event : Watch(request, &status)) {
    indices.push_back(event.iteration().index());
  }
  EXPECT_THAT(indices, ElementsAre(0, 30, 60, 90));
  EXPECT_TRUE(status.ok()) << status.error_message();
  request.clear_kinds();
  request.clear_every();
  request.add_kinds(v1::NOTICE);
  const auto notices = Watch(request, &status);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].notice().message(), "hello");
}

// Otherwise a client that watches for what is rare would come back to where it began.
TEST_F(WatchTest, AnIdleFilteredWatchSaysHowFarItIs) {
  auto journal = daemon_.jobs.Add("a");
  ASSERT_TRUE(AppendAndWait(*journal, MakeIterations(0, 10)).ok());
  v1::WatchJobRequest request = WatchRequest("jobs/a");
  request.add_kinds(v1::NOTICE);
  grpc::ClientContext context;
  Bound(context);
  const auto reader = stub_->WatchJob(&context, request);
  v1::WatchJobResponse response;
  for (int64_t head = 11; head <= 13; ++head) {
    do {
      ASSERT_TRUE(reader->Read(&response));
      EXPECT_EQ(response.events_size(), 0);
    } while (response.scanned_revision() < head);
    EXPECT_EQ(response.scanned_revision(), head);
    EXPECT_EQ(response.head_revision(), head);
    ASSERT_TRUE(AppendAndWait(*journal, {MakeIteration(head - 1)}).ok());
  }
  ASSERT_TRUE(AppendAndWait(*journal, {MakeNotice("hello")}).ok());
  do {
    ASSERT_TRUE(reader->Read(&response));
  } while (response.events().empty());
  EXPECT_EQ(response.events(0).notice().message(), "hello");
}

TEST_F(WatchTest, PastTheHeadIsOutOfRangeWithTheBound) {
  daemon_.jobs.Add("a");
  grpc::Status status;
  Watch(WatchRequest("jobs/a", 7), &status);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  const ErrorDetail detail = GetErrorDetail(FromGrpcStatus(status));
  EXPECT_EQ(detail.reason, "CURSOR_OUT_OF_RANGE");
  EXPECT_EQ(detail.metadata.at("head_revision"), "1");
}

TEST_F(WatchTest, OfAnUnknownJobSuggestsTheNearest) {
  daemon_.jobs.Add("mnist");
  grpc::Status status;
  Watch(WatchRequest("jobs/mnits"), &status);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("did you mean jobs/mnist?"));
  EXPECT_EQ(GetErrorDetail(FromGrpcStatus(status)).reason, "JOB_NOT_FOUND");
}

TEST_F(WatchTest, RefusesBadRequestsByField) {
  v1::WatchJobRequest request = WatchRequest("a", -1);
  request.set_every(-2);
  request.add_kinds(static_cast<v1::EventKind>(99));
  grpc::Status status;
  Watch(request, &status);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  std::vector<std::string> fields;
  for (const auto& violation : GetErrorDetail(FromGrpcStatus(status)).violations) {
    fields.push_back(violation.field);
  }
  EXPECT_THAT(fields, ElementsAre("name", "after_revision", "kinds[0]", "every"));
}

// One watcher never reads. Seven others and the journal don't notice it, however much it misses.
TEST_F(WatchTest, AWatcherThatNeverReadsDelaysNobody) {
  auto journal = daemon_.jobs.Add("a");
  grpc::ClientContext lazy_context;
  Bound(lazy_context);
  const auto lazy_stub = v1::TrainingService::NewStub(Connect());
  const auto lazy = lazy_stub->WatchJob(&lazy_context, WatchRequest("jobs/a"));

  constexpr int64_t kBatches = 200, kBatch = 500;
  std::vector<std::future<void>> watchers;
  for (int i = 0; i < 7; ++i) {
    watchers.push_back(std::async(std::launch::async, [this] {
      grpc::Status status;
      ExpectRevisions(Watch(WatchRequest("jobs/a"), &status), 1, kBatches * kBatch + 2);
      EXPECT_TRUE(status.ok()) << status.error_message();
    }));
  }
  for (int64_t i = 0; i < kBatches; ++i) {
    ASSERT_TRUE(AppendAndWait(*journal, MakeIterations(i * kBatch, kBatch)).ok());
  }
  ASSERT_TRUE(AppendAndWait(*journal, {MakeState(v1::SUCCEEDED)}).ok());
  for (auto& watcher : watchers) watcher.get();
  EXPECT_EQ(server_->watchers(), 1);

  // When it reads at last, everything is there.
  v1::WatchJobResponse response;
  int64_t next = 1;
  while (lazy->Read(&response)) {
    for (const v1::Event& event : response.events()) ASSERT_EQ(event.revision(), next++);
  }
  EXPECT_EQ(next, kBatches * kBatch + 3);
  EXPECT_TRUE(lazy->Finish().ok());
}

TEST_F(WatchTest, ClientsComeAndGoWhileEventsFlow) {
  auto journal = daemon_.jobs.Add("a");
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int64_t i = 0; !stop; ++i) {
      ASSERT_TRUE(AppendAndWait(*journal, {MakeIteration(i)}).ok());
    }
  });
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([this, c] {
      int64_t revision = 0;
      for (int i = 0; i < 50; ++i) {
        grpc::ClientContext context;
        Bound(context);
        const auto reader = stub_->WatchJob(&context, WatchRequest("jobs/a", revision));
        v1::WatchJobResponse response;
        for (int reads = 0; reads < 1 + (i + c) % 5 && reader->Read(&response); ++reads) {
          for (const v1::Event& event : response.events()) {
            ASSERT_EQ(event.revision(), revision + 1);
            revision = event.revision();
          }
        }
        context.TryCancel();
        reader->Finish();
      }
    });
  }
  for (std::thread& client : clients) client.join();
  stop = true;
  writer.join();
}

TEST_F(WatchTest, ShutdownEndsWatchesWithUnavailable) {
  daemon_.jobs.Add("a");
  grpc::ClientContext context;
  Bound(context);
  const auto reader = stub_->WatchJob(&context, WatchRequest("jobs/a"));
  v1::WatchJobResponse response;
  ASSERT_TRUE(reader->Read(&response));
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(10));
  EXPECT_FALSE(reader->Read(&response));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("shutting down"));
  EXPECT_EQ(server_->watchers(), 0);
}

}  // namespace
}  // namespace descent::daemon
