#include "server/daemon/jobs/fold.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace descent::daemon {
namespace {

using nlohmann::json;
using testing::ElementsAreArray;

// tests/data/journals.py wrote them: a journal's events, and what its dials are after some of them.
class FoldTest : public testing::TestWithParam<const char*> {
 protected:
  static std::string File(const std::string& ending) {
    return std::string("tests/data/journals/") + GetParam() + ending;
  }

  static std::vector<v1::Event> Events() {
    std::vector<v1::Event> events;
    std::ifstream file(File(".jsonl"));
    for (std::string line; std::getline(file, line);) {
      EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &events.emplace_back()).ok())
          << line;
    }
    EXPECT_GT(events.size(), 50u);
    return events;
  }

  static json Expected() { return json::parse(std::ifstream(File(".folds.json"))); }

  static json Dials(const v1::Job& job) {
    json dials = json::object();
    for (const v1::DialState& dial : job.dials()) {
      dials[dial.path()] = {{"value", dial.value()}, {"overridden", dial.overridden()}};
    }
    return dials;
  }
};

INSTANTIATE_TEST_SUITE_P(Journals, FoldTest, testing::Values("groups", "system"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(FoldTest, TellsEachDialByItsOwnPath) {
  JobFold fold("golden");
  const json expected = Expected();
  size_t next = 0;
  for (const v1::Event& event : Events()) {
    fold.Apply(event);
    const json& then = expected["folds"][next];
    if (then["revision"] != event.revision()) continue;
    EXPECT_EQ(Dials(fold.light()), then["dials"]) << "at revision " << event.revision();
    EXPECT_THAT(fold.light().series(),
                ElementsAreArray(then["series"].get<std::vector<std::string>>()));
    ++next;
  }
  EXPECT_EQ(next, expected["folds"].size());
  EXPECT_THAT(fold.given().summary().step_sizes(),
              ElementsAreArray(expected["step_sizes"].get<std::vector<std::string>>()));
  std::vector<std::string> main;
  const v1::Job light = fold.light();
  for (const v1::DialState& dial : light.dials()) {
    if (dial.main_step_size()) main.push_back(dial.path());
  }
  EXPECT_THAT(main, testing::UnorderedElementsAreArray(
                        expected["step_sizes"].get<std::vector<std::string>>()));
}

TEST_P(FoldTest, GoesOnFromWhereItWasStored) {
  const std::vector<v1::Event> events = Events();
  JobFold whole("golden");
  for (const v1::Event& event : events) whole.Apply(event);
  JobFold before("golden");
  for (size_t stored = 0; stored < events.size(); ++stored) {
    before.Apply(events[stored]);
    if (stored == 0) continue;
    JobFold after(before.Full());
    for (size_t i = stored + 1; i < events.size(); ++i) after.Apply(events[i]);
    ASSERT_EQ(after.Full().DebugString(), whole.Full().DebugString())
        << "stored after revision " << events[stored].revision();
  }
}

TEST_P(FoldTest, TakesWhatOlderStoresHave) {
  const std::vector<v1::Event> events = Events();
  JobFold whole("golden");
  std::vector<std::string> series;
  v1::Job old;
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].has_series()) {
      series.assign(events[i].series().names().begin(), events[i].series().names().end());
    }
    whole.Apply(events[i]);
    if (i == events.size() / 2) old = whole.Full();
  }
  old.clear_series();
  old.mutable_summary()->clear_step_sizes();
  for (v1::DialState& dial : *old.mutable_dials()) dial.clear_main_step_size();
  JobFold fold(old);
  fold.RecallSeries(series);
  for (size_t i = events.size() / 2 + 1; i < events.size(); ++i) fold.Apply(events[i]);
  EXPECT_EQ(fold.Full().DebugString(), whole.Full().DebugString());
}

TEST(JobFoldTest, ARunThatCannotSaveACheckpointSaysSoUntilItCan) {
  JobFold fold("a");
  v1::Event event;
  event.mutable_state_changed()->set_state(v1::RUNNING);
  fold.Apply(event);
  event.mutable_notice()->set_severity(v1::Notice::WARNING);
  event.mutable_notice()->set_message("It is warm.");
  fold.Apply(event);
  EXPECT_EQ(fold.light().state_reason(), "");
  event.mutable_notice()->set_severity(v1::Notice::ERROR);
  event.mutable_notice()->set_message("The last checkpoint can't be saved.");
  fold.Apply(event);
  EXPECT_EQ(fold.light().state_reason(), "The last checkpoint can't be saved.");
  event.mutable_checkpoint_saved()->set_checkpoint("0-1");
  fold.Apply(event);
  EXPECT_EQ(fold.light().state_reason(), "");
}

TEST(JobFoldTest, ARunThatWaitsIsStalledUntilItGoesOn) {
  v1::Event waits;
  waits.mutable_notice()->set_severity(v1::Notice::ERROR);
  waits.mutable_notice()->set_message("The last checkpoint can't be saved.");
  waits.mutable_notice()->set_waits(true);
  std::vector<v1::Event> ends(3);
  ends[0].mutable_checkpoint_saved()->set_checkpoint("0-1");
  ends[1].mutable_state_changed()->set_state(v1::FAILED);
  ends[2].set_attempt(2);
  ends[2].mutable_attempt_started();
  for (const v1::Event& end : ends) {
    JobFold fold("a");
    v1::Event running;
    running.mutable_state_changed()->set_state(v1::RUNNING);
    fold.Apply(running);
    fold.Apply(waits);
    EXPECT_EQ(fold.light().stalled(), "The last checkpoint can't be saved.");
    EXPECT_EQ(fold.light().state_reason(), "");  // it is said once
    fold.Apply(end);
    EXPECT_EQ(fold.light().stalled(), "");
  }
}

// Thousands of names, in the durable and in the pending fold of a job.
TEST(JobFoldTest, FoldsOfOneJournalShareTheirNames) {
  std::vector<v1::Event> events(3);
  v1::Created& created = *events[0].mutable_created();
  created.mutable_summary()->add_step_sizes("dial.0");
  for (int i = 0; i < 3000; ++i) {
    const std::string name = "dial." + std::to_string(i);
    created.mutable_summary()->add_dials(name);
    events[1].mutable_series()->add_names(name);
    events[2].mutable_iteration()->add_scalars(i);
  }
  JobFold pending("a");
  JobFold durable("a");
  for (const v1::Event& event : events) {
    pending.Apply(event);
    durable.Apply(event);
  }
  EXPECT_NE(&durable.series(), &pending.series());
  durable.ShareNames(pending);
  EXPECT_EQ(&durable.series(), &pending.series());
  EXPECT_EQ(durable.Full().DebugString(), pending.Full().DebugString());
  EXPECT_EQ(durable.light().dials(2999).value(), 2999);
  EXPECT_TRUE(durable.light().dials(0).main_step_size());

  // What one of them learns is its own until the other has heard of it.
  v1::Event applied;
  applied.mutable_command_applied()->add_changes()->set_path("another");
  pending.Apply(applied);
  EXPECT_EQ(pending.light().dials_size(), 3001);
  EXPECT_EQ(durable.light().dials_size(), 3000);
  durable.Apply(applied);
  durable.ShareNames(pending);
  EXPECT_EQ(durable.Full().DebugString(), pending.Full().DebugString());
}

TEST(JobFoldTest, ShrinksToWhatIsAskedForAgainAndAgain) {
  JobFold fold("a");
  v1::Event created;
  created.mutable_created()->mutable_spec()->mutable_checkpoints()->set_keep(7);
  created.mutable_created()->mutable_spec()->mutable_optimizer()->mutable_adam();
  (*created.mutable_created()->mutable_labels())["team"] = "vision";
  v1::Event series;
  v1::Event iteration;
  for (int i = 0; i < 5; ++i) {
    const std::string name = "dial." + std::to_string(i);
    created.mutable_created()->mutable_summary()->add_dials(name);
    series.mutable_series()->add_names(name);
    iteration.mutable_iteration()->add_scalars(i);
  }
  v1::Event end;
  end.mutable_state_changed()->set_state(v1::SUCCEEDED);
  for (const v1::Event& event : {created, series, iteration, end}) fold.Apply(event);
  fold.Shrink(2);
  EXPECT_EQ(fold.light().dials_size(), 2);
  EXPECT_EQ(fold.light().series_size(), 2);
  EXPECT_EQ(fold.light().last_iteration().scalars_size(), 2);
  fold.Shrink(0);
  EXPECT_EQ(fold.light().dials_size(), 0);
  EXPECT_FALSE(fold.light().has_last_iteration());
  EXPECT_EQ(fold.light().labels().at("team"), "vision");
  EXPECT_EQ(fold.state(), v1::SUCCEEDED);
  EXPECT_EQ(fold.given().spec().checkpoints().keep(), 7);
  EXPECT_FALSE(fold.given().spec().has_optimizer());
}

}  // namespace
}  // namespace descent::daemon
