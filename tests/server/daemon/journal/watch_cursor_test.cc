#include "server/daemon/journal/watch_cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>

#include "descent/v1/training_service.pb.h"
#include "server/common/mutex.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;
using Next = WatchCursor::Next;

// What a piece says on the wire.
v1::WatchJobResponse Parse(const WatchPiece& piece) {
  std::string bytes;
  for (const WatchPiece::Slice& slice : piece.slices) bytes += slice.view();
  bytes += piece.trailer;
  EXPECT_LE(bytes.size(), size_t{1} << 20);
  v1::WatchJobResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  EXPECT_EQ(response.events_size(), piece.events);
  EXPECT_EQ(response.scanned_revision(), piece.scanned_revision);
  EXPECT_EQ(response.head_revision(), piece.head_revision);
  int64_t events = 0;
  piece.ForEachEvent([&](std::string_view event) {
    v1::Event parsed;
    EXPECT_TRUE(parsed.ParseFromArray(event.data(), static_cast<int>(event.size())));
    EXPECT_EQ(parsed.revision(), response.events(static_cast<int>(events)).revision());
    ++events;
  });
  EXPECT_EQ(events, piece.events);
  return response;
}

class WatchCursorTest : public ::testing::Test {
 protected:
  WatchCursorTest() {
    Journal::Options options;
    options.path = folder_.File("descent.db");
    options.tail_bytes = 8 << 10;  // most is only in the store
    journal_ = *Journal::Open(options);
    std::vector<PendingEvent> events;
    events.push_back(MakeCreated());
    job_ = *journal_->CreateJob("a", std::move(events), v1::Job());
  }

  void Append(std::vector<PendingEvent> events) {
    ASSERT_TRUE(AppendAndWait(*job_, std::move(events)).ok());
  }

  // Gives everything the watcher gets until it is at the head or the end.
  std::vector<v1::Event> Drain(WatchCursor& cursor, Next* last = nullptr) {
    std::vector<v1::Event> events;
    WatchPiece piece;
    while (true) {
      const Next next = cursor.Poll(&piece);
      if (next == Next::kPiece) {
        const v1::WatchJobResponse response = Parse(piece);
        events.insert(events.end(), response.events().begin(), response.events().end());
      } else if (next == Next::kNeedsStore) {
        const absl::Status status = cursor.Fetch();
        EXPECT_TRUE(status.ok()) << status;
        if (!status.ok()) return events;
      } else {
        if (last != nullptr) *last = next;
        return events;
      }
    }
  }

  TestFolder folder_;
  std::unique_ptr<Journal> journal_;
  std::shared_ptr<JobJournal> job_;
};

TEST_F(WatchCursorTest, CursorOutOfRangeNamesTheBound) {
  Append(MakeIterations(0, 10));
  EXPECT_THAT(WatchCursor::Create(job_, -1, {}).status().ToString(), HasSubstr("at least 0"));
  const absl::Status past = WatchCursor::Create(job_, 12, {}).status();
  EXPECT_EQ(past.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(past.ToString(), HasSubstr("at most 11"));
  EXPECT_TRUE(WatchCursor::Create(job_, 11, {}).ok());
}

TEST_F(WatchCursorTest, AWatcherAtTheHeadGetsWhatIsAppendedFromMemory) {
  WatchCursor cursor = *WatchCursor::Create(job_, 1, {});
  WatchPiece piece;
  EXPECT_EQ(cursor.Poll(&piece), Next::kAtHead);
  Append(MakeIterations(0, 20));
  ASSERT_EQ(cursor.Poll(&piece), Next::kPiece);
  EXPECT_EQ(Parse(piece).events_size(), 20);
  EXPECT_EQ(piece.scanned_revision, 21);
  EXPECT_EQ(cursor.Poll(&piece), Next::kAtHead);
}

TEST_F(WatchCursorTest, LongRunsAreSharedBetweenWatchersNotCopied) {
  Append(MakeIterations(0, 50));
  WatchPiece one, two;
  WatchCursor first = *WatchCursor::Create(job_, 1, {});
  WatchCursor second = *WatchCursor::Create(job_, 1, {});
  ASSERT_EQ(first.Poll(&one), Next::kPiece);
  ASSERT_EQ(second.Poll(&two), Next::kPiece);
  ASSERT_EQ(one.slices.size(), 1u);
  EXPECT_EQ(one.slices[0].data.get(), two.slices[0].data.get());
}

TEST_F(WatchCursorTest, EndsAfterTheFinalEventAlsoForAFilterThatLeavesItOut) {
  Append(MakeIterations(0, 5));
  WatchCursor all = *WatchCursor::Create(job_, 0, {});
  WatchCursor commands = *WatchCursor::Create(job_, 0, {.kinds = {v1::COMMAND_APPLIED}});
  Next next;
  EXPECT_EQ(Drain(all, &next).size(), 6u);
  EXPECT_EQ(next, Next::kAtHead);
  std::vector<PendingEvent> events;
  events.push_back(MakeState(v1::STOPPED));
  Append(std::move(events));
  EXPECT_EQ(Drain(all, &next).size(), 1u);
  EXPECT_EQ(next, Next::kEnd);
  EXPECT_EQ(Drain(commands, &next).size(), 0u);
  EXPECT_EQ(next, Next::kEnd);
  WatchCursor late = *WatchCursor::Create(job_, 7, {});
  EXPECT_EQ(Drain(late, &next).size(), 0u);
  EXPECT_EQ(next, Next::kEnd);
}

TEST_F(WatchCursorTest, KindsAndEveryAreTakenFromStoreAndTailAlike) {
  Append(MakeIterations(0, 1000));
  std::vector<PendingEvent> events;
  events.push_back(MakeNotice("x"));
  Append(std::move(events));
  Append(MakeIterations(1000, 1));
  WatchCursor notices = *WatchCursor::Create(job_, 0, {.kinds = {v1::NOTICE}});
  EXPECT_EQ(Drain(notices).size(), 1u);
  WatchCursor hundredth = *WatchCursor::Create(job_, 0, {.kinds = {v1::ITERATION}, .every = 100});
  const std::vector<v1::Event> got = Drain(hundredth);
  ASSERT_EQ(got.size(), 11u);
  for (int i = 0; i <= 10; ++i) EXPECT_EQ(got[i].iteration().index(), i * 100);
}

// The values are noise between −1 and 1 with a spike, a dip of the gradient and a value that is no
// number.
TEST_F(WatchCursorTest, ExtremesSpanWhatIsLeftOut) {
  constexpr int64_t kEvery = 50;
  std::mt19937 random(7);
  std::uniform_real_distribution<double> noise(-1, 1);
  std::vector<PendingEvent> events;
  std::vector<double> least(20, 2), greatest(20, -2);
  for (int64_t i = 0; i < 1000; ++i) {
    v1::Event event;
    event.mutable_iteration()->set_index(i);
    const double value = i == 123 ? 7 : noise(random);
    if (i != 456) {
      least[i / kEvery] = std::min(least[i / kEvery], value);
      greatest[i / kEvery] = std::max(greatest[i / kEvery], value);
    }
    event.mutable_iteration()->set_value(i == 456 ? std::nan("") : value);
    event.mutable_iteration()->set_gradient_norm(i == 789 ? 1e-9 : 1 + 0.1 * noise(random));
    events.push_back(*ScanEvent(event.SerializeAsString()));
  }
  Append(std::move(events));
  WatchCursor cursor =
      *WatchCursor::Create(job_, 1, {.kinds = {}, .every = kEvery, .extremes = true});
  const std::vector<v1::Event> got = Drain(cursor);
  EXPECT_LE(got.size(), 5 * 1000 / kEvery + 5);
  int64_t before = -1, multiples = 0;
  bool saw_nan = false, saw_dip = false;
  std::vector<double> shown_least(20, 2), shown_greatest(20, -2);
  for (const v1::Event& event : got) {
    const v1::Iteration& it = event.iteration();
    EXPECT_GT(it.index(), before);
    before = it.index();
    if (it.index() % kEvery == 0) ++multiples;
    if (it.index() == 789) saw_dip = true;
    if (std::isnan(it.value())) {
      saw_nan = true;
      continue;
    }
    const auto stretch = static_cast<size_t>(it.index() / kEvery);
    shown_least[stretch] = std::min(shown_least[stretch], it.value());
    shown_greatest[stretch] = std::max(shown_greatest[stretch], it.value());
  }
  EXPECT_EQ(multiples, 1000 / kEvery);
  EXPECT_TRUE(saw_nan);
  EXPECT_TRUE(saw_dip);
  EXPECT_EQ(shown_least, least);
  greatest[456 / kEvery] = shown_greatest[456 / kEvery];  // that of the stretch is the NaN
  EXPECT_EQ(shown_greatest, greatest);
}

TEST_F(WatchCursorTest, ARetentionThatOvertakesTheWatcherIsOutOfRange) {
  for (int i = 0; i < 50; ++i) Append(MakeIterations(i * 500, 500));
  WatchCursor cursor = *WatchCursor::Create(job_, 0, {});
  WatchPiece piece;
  ASSERT_EQ(cursor.Poll(&piece), Next::kNeedsStore);
  job_->Retain(100'000);
  for (int i = 0; job_->compacted_revision() == 0; ++i) Append(MakeIterations(25000 + i, 1));
  EXPECT_EQ(cursor.Fetch().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(WatchCursor::Create(job_, 0, {}).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(WatchCursor::Create(job_, 0, {.kinds = {v1::CREATED}}).ok());
}

// Whatever is appended in whatever pieces, and wherever a watcher stands, what it gets from tail
// and store together is the journal, filtered.
TEST_F(WatchCursorTest, RandomAppendsCursorsAndFiltersGiveTheWholeJournal) {
  std::mt19937 random(20261121);
  const auto draw = [&](int64_t n) { return static_cast<int64_t>(random() % n); };
  std::vector<v1::Event> whole = ReadAll(*job_);
  struct Watcher {
    WatchCursor cursor;
    WatchFilter filter;
    int64_t after;
    std::vector<v1::Event> got;
  };
  std::vector<Watcher> watchers;
  int64_t iteration = 0;
  int32_t branch = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<PendingEvent> events;
    for (int64_t n = 1 + draw(4); n > 0; --n) {
      if (draw(3) == 0) {
        events.push_back(MakeNotice(std::string(draw(200), 'n')));
      } else if (draw(40) == 0) {
        iteration = draw(iteration + 1);
        ++branch;
      }
      for (PendingEvent& e : MakeIterations(iteration, 1 + draw(60), branch)) {
        iteration = e.iteration + 1;
        events.push_back(std::move(e));
      }
    }
    for (const PendingEvent& event : events) {
      whole.emplace_back().ParseFromString(event.bytes);
      whole.back().set_revision(static_cast<int64_t>(whole.size()));
    }
    if (draw(2) == 0) {
      job_->Append(std::move(events), std::nullopt, {});
    } else {
      Append(std::move(events));
    }
    if (draw(5) == 0) {
      WatchFilter filter;
      if (draw(2) == 0) filter.every = 1 + draw(30);
      if (draw(3) == 0) filter.kinds.push_back(v1::ITERATION);
      if (draw(3) == 0) filter.kinds.push_back(v1::NOTICE);
      const int64_t after = draw(job_->head_revision() + 1);
      watchers.push_back({*WatchCursor::Create(job_, after, filter), filter, after, {}});
    }
    for (Watcher& watcher : watchers) {
      if (draw(20) != 0) continue;
      for (v1::Event& e : Drain(watcher.cursor)) watcher.got.push_back(std::move(e));
    }
  }
  Append(MakeIterations(iteration, 1, branch));
  whole.emplace_back().ParseFromString(MakeIteration(iteration, branch).bytes);
  whole.back().set_revision(static_cast<int64_t>(whole.size()));
  for (Watcher& watcher : watchers) {
    for (v1::Event& e : Drain(watcher.cursor)) watcher.got.push_back(std::move(e));
    std::vector<std::string> want, got;
    for (const v1::Event& event : whole) {
      const auto kind = static_cast<v1::EventKind>(event.kind_case());
      const auto& kinds = watcher.filter.kinds;
      if (event.revision() <= watcher.after) continue;
      if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) continue;
      if (event.has_iteration() && event.iteration().index() % watcher.filter.every != 0) continue;
      want.push_back(event.SerializeAsString());
    }
    for (const v1::Event& event : watcher.got) got.push_back(event.SerializeAsString());
    ASSERT_TRUE(got == want) << got.size() << " events, not " << want.size() << ", after "
                             << watcher.after << " every " << watcher.filter.every;
  }
}

TEST_F(WatchCursorTest, WatchersOnThreadsFollowAppendersOnThreads) {
  constexpr int64_t kIterations = 20'000;
  std::vector<std::thread> threads;
  for (int w = 0; w < 4; ++w) {
    threads.emplace_back([&] {
      server::Mutex mutex;
      server::CondVar news;
      int64_t told = 0;
      auto subscription = job_->Subscribe([&] {
        server::MutexLock lock(mutex);
        ++told;
        news.Signal();
      });
      WatchCursor cursor = *WatchCursor::Create(job_, 0, {});
      WatchPiece piece;
      int64_t next_revision = 1, seen = 0;
      while (true) {
        {
          server::MutexLock lock(mutex);
          seen = told;
        }
        const Next next = cursor.Poll(&piece);
        if (next == Next::kEnd) break;
        if (next == Next::kPiece) {
          const v1::WatchJobResponse response = Parse(piece);
          for (const v1::Event& event : response.events()) {
            ASSERT_EQ(event.revision(), next_revision++);
          }
        } else if (next == Next::kNeedsStore) {
          ASSERT_TRUE(cursor.Fetch().ok());
        } else {
          server::MutexLock lock(mutex);
          while (told == seen) news.Wait(mutex);
        }
      }
      EXPECT_EQ(next_revision, kIterations + 3);
    });
  }
  for (int64_t i = 0; i < kIterations;) {
    const int64_t n = std::min<int64_t>(kIterations - i, 1 + i % 37);
    job_->Append(MakeIterations(i, n), std::nullopt, {});
    i += n;
  }
  std::vector<PendingEvent> events;
  events.push_back(MakeState(v1::SUCCEEDED));
  Append(std::move(events));
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace descent::daemon
