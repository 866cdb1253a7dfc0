#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "server/daemon/journal/entries.h"
#include "server/daemon/journal/journal.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;

TEST(ScanEventTest, ReadsWhatTheJournalNeeds) {
  v1::Event event;
  event.set_time_unix_nanos(5);
  event.set_attempt(3);
  event.set_branch(2);
  event.set_sequence(77);
  event.mutable_iteration()->set_index(1'000'000);
  event.mutable_iteration()->add_scalars(1.5);
  absl::StatusOr<PendingEvent> pending = ScanEvent(event.SerializeAsString());
  ASSERT_TRUE(pending.ok()) << pending.status();
  EXPECT_EQ(pending->kind, v1::ITERATION);
  EXPECT_EQ(pending->iteration, 1'000'000);
  EXPECT_EQ(pending->attempt, 3);
  EXPECT_EQ(pending->branch, 2);
  EXPECT_EQ(pending->sequence, 77);
  EXPECT_EQ(pending->bytes, event.SerializeAsString());

  v1::Event state;
  state.mutable_state_changed()->set_state(v1::FAILED);
  state.mutable_state_changed()->set_iteration(9);
  pending = ScanEvent(state.SerializeAsString());
  ASSERT_TRUE(pending.ok());
  EXPECT_EQ(pending->kind, v1::STATE_CHANGED);
  EXPECT_EQ(pending->state, v1::FAILED);
  EXPECT_EQ(pending->iteration, 9);
}

TEST(ScanEventTest, AgreesWithToPendingForEveryKind) {
  std::vector<v1::Event> events(12);
  events[0].mutable_created();
  events[1].mutable_attempt_started();
  events[2].mutable_series();
  events[3].mutable_iteration();
  events[4].mutable_evaluation()->set_iteration(4);
  events[5].mutable_command_accepted();
  events[6].mutable_command_applied()->set_iteration(6);
  events[7].mutable_command_rejected();
  events[8].mutable_state_changed();
  events[9].mutable_checkpoint_saved()->set_iteration(9);
  events[10].mutable_rewound()->set_to_iteration(-1);
  events[11].mutable_notice();
  for (v1::Event& event : events) {
    event.set_branch(1);
    event.set_revision(5);  // ToPending leaves it out
    const PendingEvent made = ToPending(event);
    absl::StatusOr<PendingEvent> scanned = ScanEvent(made.bytes);
    ASSERT_TRUE(scanned.ok()) << event.ShortDebugString() << scanned.status();
    EXPECT_EQ(scanned->kind, made.kind);
    EXPECT_EQ(scanned->iteration, made.iteration);
    EXPECT_EQ(scanned->branch, 1);
  }
}

TEST(ScanEventTest, RefusesWhatIsNotAnEventWithOneKindAndNoRevision) {
  EXPECT_THAT(ScanEvent("").status().ToString(), HasSubstr("no known kind"));
  v1::Event event = v1::Event();
  event.mutable_notice();
  event.set_revision(1);
  EXPECT_THAT(ScanEvent(event.SerializeAsString()).status().ToString(), HasSubstr("revision"));
  event.clear_revision();
  const std::string notice = event.SerializeAsString();
  EXPECT_THAT(ScanEvent(notice + notice).status().ToString(), HasSubstr("two kinds"));
  EXPECT_FALSE(ScanEvent(notice + "\x0b").ok());                   // a group
  EXPECT_FALSE(ScanEvent(notice + std::string("\x15x", 2)).ok());  // field 2 as fixed32, cut off
  v1::Event bad_iteration;
  bad_iteration.mutable_iteration()->set_index(-4);
  EXPECT_THAT(ScanEvent(bad_iteration.SerializeAsString()).status().ToString(),
              HasSubstr("negative"));
}

TEST(ScanEventTest, RefusesEveryTruncation) {
  v1::Event event;
  event.set_attempt(1);
  event.mutable_iteration()->set_index(300);
  event.mutable_iteration()->set_value(0.5);
  event.mutable_iteration()->add_scalars(2);
  const std::string whole = event.SerializeAsString();
  ASSERT_TRUE(ScanEvent(whole).ok());
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(ScanEvent(whole.substr(0, n)).ok()) << n;
}

TEST(ScanEventTest, WhatItAcceptsAlsoParses) {
  std::mt19937 random(1);
  const std::string seed = MakeIteration(300).bytes;
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = seed;
    for (int n = 1 + static_cast<int>(random() % 3); n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    absl::StatusOr<PendingEvent> pending = ScanEvent(bytes);
    if (!pending.ok()) continue;
    ++accepted;
    v1::Event event;
    ASSERT_TRUE(event.ParseFromString(bytes));
    ASSERT_EQ(static_cast<int>(event.kind_case()), static_cast<int>(pending->kind));
    if (event.has_iteration()) {
      ASSERT_EQ(event.iteration().index(), pending->iteration);
    }
    ASSERT_EQ(event.branch(), pending->branch);
    ASSERT_EQ(event.revision(), 0);
  }
  EXPECT_GT(accepted, 1000);
}

TEST(EntriesTest, EndAtBytesThatAreNoEntry) {
  Row row;
  row.kind = v1::ITERATION;
  row.first_revision = row.last_revision = 1;
  row.first_iteration = row.last_iteration = 0;
  row.entries = "\x0a\x02\x08\x01\x0a\x7f";
  int entries = 0;
  for (const Entry& entry : Entries(row)) {
    EXPECT_EQ(entry.revision, 1);
    EXPECT_EQ(entry.event, "\x08\x01");
    EXPECT_EQ(entry.bytes, "\x0a\x02\x08\x01");
    ++entries;
  }
  EXPECT_EQ(entries, 1);
}

}  // namespace
}  // namespace descent::daemon
