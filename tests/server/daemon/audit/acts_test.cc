#include "server/daemon/audit/acts.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

v1::Event At(uint64_t time) {
  v1::Event event;
  event.set_time_unix_nanos(time);
  return event;
}

v1::Event Accepted(uint64_t time, const std::string& id, const std::string& principal) {
  v1::Event event = At(time);
  event.mutable_command_accepted()->set_request_id(id);
  event.mutable_command_accepted()->set_principal(principal);
  event.mutable_command_accepted()->add_commands()->mutable_pause();
  return event;
}

TEST(ActsOf, TellsWhoMadeAJobAndWhatCameOfEachCommand) {
  const TestFolder folder;
  const auto store = *Journal::Open({.path = folder.File("descent.db")});
  v1::Event created = At(10);
  created.mutable_created()->set_principal("ann");
  created.mutable_created()->set_group("lab");
  created.mutable_created()->set_request_id("c");
  created.mutable_created()->mutable_trace()->set_parent("00-…");
  v1::Job job;
  job.set_name("jobs/x");
  const std::shared_ptr<JobJournal> journal = *store->CreateJob("x", {ToPending(created)}, job);
  std::vector<PendingEvent> events;
  events.push_back(ToPending(Accepted(20, "a", "bob")));
  v1::Event applied = At(30);
  applied.mutable_command_applied()->set_request_id("a");
  applied.mutable_command_applied()->set_iteration(7);
  applied.mutable_command_applied()->add_changes()->set_path("step_size");
  events.push_back(ToPending(applied));
  events.push_back(ToPending(Accepted(40, "b", "eve")));
  v1::Event rejected = At(50);
  rejected.mutable_command_rejected()->set_request_id("b");
  rejected.mutable_command_rejected()->set_reason("OUT_OF_RANGE");
  events.push_back(ToPending(rejected));
  // Applied once more on another branch, which is nobody's new act.
  applied.mutable_command_applied()->set_iteration(3);
  applied.mutable_command_applied()->set_reapplied_from(3);
  events.push_back(ToPending(applied));
  events.push_back(ToPending(Accepted(60, "d", "bob")));
  std::promise<void> done;
  journal->Append(std::move(events), std::nullopt, [&](const auto&) { done.set_value(); });
  done.get_future().wait();

  const auto acts = ActsOf(*journal);
  ASSERT_TRUE(acts.ok()) << acts.status();
  ASSERT_EQ(acts->size(), 4u);
  const v1::AuditEntry& creation = acts->at(0);
  EXPECT_EQ(creation.method(), "CreateJob");
  EXPECT_EQ(creation.principal(), "ann");
  EXPECT_EQ(creation.job(), "jobs/x");
  EXPECT_EQ(creation.request_id(), "c");
  EXPECT_EQ(creation.revision(), 1);
  EXPECT_EQ(creation.time_unix_nanos(), 10u);
  EXPECT_EQ(creation.trace().parent(), "00-…");
  const v1::AuditEntry& pause = acts->at(1);
  EXPECT_EQ(pause.principal(), "bob");
  EXPECT_EQ(pause.owner(), "ann");
  EXPECT_EQ(pause.group(), "lab");
  EXPECT_EQ(pause.outcome(), v1::AuditEntry::DONE);
  EXPECT_EQ(pause.iteration(), 7);
  EXPECT_EQ(pause.changes_size(), 1);
  EXPECT_TRUE(pause.commands(0).has_pause());
  EXPECT_EQ(pause.revision(), 2);
  EXPECT_EQ(acts->at(2).outcome(), v1::AuditEntry::REJECTED);
  EXPECT_EQ(acts->at(2).reason(), "OUT_OF_RANGE");
  EXPECT_EQ(acts->at(3).outcome(), v1::AuditEntry::PENDING);

  ASSERT_TRUE(store->DeleteJob("x").ok());
  EXPECT_TRUE(absl::IsNotFound(ActsOf(*journal).status()));
}

}  // namespace
}  // namespace descent::daemon
