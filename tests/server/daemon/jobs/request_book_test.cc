#include "server/daemon/jobs/request_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"

namespace descent::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Known = RequestBook::Known;
using Verdict = RequestBook::Verdict;

// Has a book whose journal is the test: what it appends is durable when the test says so.
class RequestBookTest : public testing::Test {
 protected:
  using Answers = std::vector<absl::StatusOr<v1::CommandJobResponse>>;

  RequestBook NewBook() {
    return RequestBook("jobs/a",
                       [this](std::function<void()> answer) { posted_.push_back(answer); });
  }

  static v1::CommandAccepted Set(const std::string& id, double value) {
    v1::CommandAccepted asked;
    asked.set_request_id(id);
    asked.set_principal("ann");
    asked.add_commands()->mutable_set()->set_value(value);
    return asked;
  }
  static v1::Event Accepted(const v1::CommandAccepted& request) {
    v1::Event event;
    *event.mutable_command_accepted() = request;
    return event;
  }
  static v1::Event Applied(const std::string& id, int64_t iteration) {
    v1::Event event;
    event.mutable_command_applied()->set_request_id(id);
    event.mutable_command_applied()->set_iteration(iteration);
    return event;
  }
  static v1::Event Rejected(const std::string& id) {
    v1::Event event;
    *event.mutable_command_rejected() = RejectionOf(Set(id, 0), absl::StatusCode::kInvalidArgument,
                                                    "step_size must be ≥ 0", "OUT_OF_RANGE");
    event.mutable_command_rejected()->set_field("commands[0].set.value");
    return event;
  }
  static v1::Event Rewound(int64_t to_iteration) {
    v1::Event event;
    event.mutable_rewound()->set_to_iteration(to_iteration);
    return event;
  }

  // Appends the event, which gets its revision.
  v1::Event Append(v1::Event event) {
    event.set_revision(++revision_);
    book_.Apply(event);
    return event;
  }
  // Makes the event durable: from now on the store finds it.
  const v1::CommandAccepted* Land(const v1::Event& event) {
    const std::string id =
        absl::StrCat(event.command_accepted().request_id(), event.command_applied().request_id(),
                     event.command_rejected().request_id());
    v1::WatchJobResponse entries;
    *entries.add_events() = event;
    auto row = std::make_shared<Row>();
    row->first_revision = row->last_revision = event.revision();
    row->entries = entries.SerializeAsString();
    if (!id.empty()) store_[id].push_back(std::move(row));
    return book_.Durable(event);
  }
  const v1::CommandAccepted* AppendAndLand(v1::Event event) {
    return Land(Append(std::move(event)));
  }

  Caller asker_{.principal = "ann", .role = Role::kAdmin};

  // Asks for the request's answer, and accepts it if it is new.
  Known Ask(const v1::CommandAccepted& asked, Answers* answers) {
    const auto waiter = [answers](absl::StatusOr<v1::CommandJobResponse> answer) {
      answers->push_back(std::move(answer));
    };
    const Known known = book_.Ask(asked, asker_, store_[asked.request_id()], waiter);
    if (known == Known::kNo) book_.Wait(asked.request_id(), waiter);
    return known;
  }
  void RunPosted() {
    for (const auto& answer : std::exchange(posted_, {})) answer();
  }
  std::vector<std::string> Scripted(int64_t checkpoint_iteration) {
    std::vector<std::string> script;
    for (const worker::v1::Scripted& entry : book_.Script(checkpoint_iteration)) {
      script.push_back(absl::StrCat(
          entry.request().request_id(), "@", entry.iteration(),
          entry.has_reapplied_from() ? absl::StrCat(" of ", entry.reapplied_from()) : ""));
    }
    return script;
  }

  std::vector<std::function<void()>> posted_;
  std::map<std::string, std::vector<RowPtr>> store_;
  int64_t revision_ = 0;
  RequestBook book_ = NewBook();
};

TEST_F(RequestBookTest, ARequestIsToldOnceAndAnsweredToAllWhoAsk) {
  Answers answers;
  EXPECT_EQ(Ask(Set("r", 0.25), &answers), Known::kNo);
  const v1::Event accepted = Append(Accepted(Set("r", 0.25)));
  EXPECT_EQ(Ask(Set("r", 0.25), &answers), Known::kYes);  // before it is durable
  EXPECT_THAT(book_.Unresolved(/*deliverable=*/true), IsEmpty());
  const v1::CommandAccepted* told = Land(accepted);
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->request_id(), "r");
  EXPECT_THAT(book_.Unresolved(/*deliverable=*/true), SizeIs(1));
  EXPECT_EQ(Ask(Set("r", 0.25), &answers), Known::kYes);

  EXPECT_EQ(book_.Judge(Applied("r", 4)), Verdict::kJournal);
  const v1::Event applied = Append(Applied("r", 4));
  EXPECT_EQ(book_.Judge(Applied("r", 4)), Verdict::kRepeated);
  EXPECT_EQ(book_.Judge(Rejected("r")), Verdict::kRepeated);
  RunPosted();
  EXPECT_THAT(answers, IsEmpty());  // it is not durable
  Land(applied);
  EXPECT_THAT(answers, IsEmpty());  // never within a call
  RunPosted();
  ASSERT_THAT(answers, SizeIs(3));
  for (const auto& answer : answers) EXPECT_EQ(answer->event().revision(), applied.revision());
  EXPECT_FALSE(book_.IsKnown("r"));
}

TEST_F(RequestBookTest, WhatIsDoneWithIsAnsweredFromTheStore) {
  Answers answers;
  Ask(Set("r", 0.25), &answers);
  AppendAndLand(Accepted(Set("r", 0.25)));
  AppendAndLand(Applied("r", 4));
  RunPosted();
  answers.clear();
  v1::CommandAccepted again = Set("r", 0.25);
  again.set_principal("bob");  // whoever asks
  EXPECT_EQ(Ask(again, &answers), Known::kYes);
  EXPECT_EQ(Ask(Set("r", 0.5), &answers), Known::kYes);
  RunPosted();
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(answers[0]->event().command_applied().iteration(), 4);
  EXPECT_EQ(GetErrorDetail(answers[1].status()).reason, "REQUEST_ID_REUSED");
}

TEST_F(RequestBookTest, SomebodyElsesRequestIsAnsweredToAdminsAlone) {
  const auto by = [](const char* principal) {
    return Caller{.principal = principal, .role = Role::kOperator};
  };
  v1::CommandAccepted request = Set("r", 0.25);
  request.set_principal("ann");
  Answers answers;
  asker_ = by("ann");
  EXPECT_EQ(Ask(request, &answers), Known::kNo);
  AppendAndLand(Accepted(request));
  asker_ = by("bob");
  EXPECT_EQ(Ask(request, &answers), Known::kYes);  // while it is open
  RunPosted();
  AppendAndLand(Applied("r", 4));
  EXPECT_EQ(Ask(request, &answers), Known::kYes);  // once only the store has it
  RunPosted();
  ASSERT_THAT(answers, SizeIs(3));
  EXPECT_EQ(GetErrorDetail(answers[0].status()).reason, "NOT_YOURS");
  EXPECT_TRUE(answers[1].ok()) << answers[1].status();  // ann's own
  EXPECT_EQ(GetErrorDetail(answers[2].status()).reason, "NOT_YOURS");
  for (const Caller& caller : {by("ann"), Caller{.principal = "root", .role = Role::kAdmin}}) {
    asker_ = caller;
    EXPECT_EQ(Ask(request, &answers), Known::kYes);
    RunPosted();
    EXPECT_TRUE(answers.back().ok()) << caller.principal << answers.back().status();
  }
}

TEST_F(RequestBookTest, AnOpenRequestIsNoOtherCommand) {
  Answers answers;
  Ask(Set("r", 0.25), &answers);
  AppendAndLand(Accepted(Set("r", 0.25)));
  EXPECT_EQ(Ask(Set("r", 0.5), &answers), Known::kYes);
  RunPosted();
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(RequestBookTest, TheStoreIsAskedAgainIfTheResolutionLandedMeanwhile) {
  Answers answers;
  Ask(Set("r", 0.25), &answers);
  AppendAndLand(Accepted(Set("r", 0.25)));
  const std::vector<RowPtr> early = store_["r"];
  AppendAndLand(Applied("r", 4));
  EXPECT_EQ(book_.Ask(Set("r", 0.25), asker_, early, nullptr), Known::kAskAgain);
  EXPECT_EQ(Ask(Set("r", 0.25), &answers), Known::kYes);
}

TEST_F(RequestBookTest, ARejectionNamesItsField) {
  Answers answers;
  Ask(Set("r", -1), &answers);
  AppendAndLand(Accepted(Set("r", -1)));
  EXPECT_EQ(book_.Judge(Rejected("r")), Verdict::kJournal);
  AppendAndLand(Rejected("r"));
  RunPosted();
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].status().code(), absl::StatusCode::kInvalidArgument);
  const ErrorDetail detail = GetErrorDetail(answers[0].status());
  EXPECT_EQ(detail.reason, "OUT_OF_RANGE");
  ASSERT_THAT(detail.violations, SizeIs(1));
  EXPECT_EQ(detail.violations[0].field, "commands[0].set.value");
  EXPECT_THAT(Scripted(-1), IsEmpty());
}

TEST_F(RequestBookTest, AWorkerCannotInventARequest) {
  EXPECT_EQ(book_.Judge(Applied("r", 4)), Verdict::kUnknown);
  EXPECT_EQ(book_.Judge(Rejected("r")), Verdict::kUnknown);
}

TEST_F(RequestBookTest, WhatWasResolvedBeforeItWasDurableIsNotTold) {
  Answers answers;
  Ask(Set("r", 0.25), &answers);
  const v1::Event accepted = Append(Accepted(Set("r", 0.25)));
  const v1::Event rejected = Append(Rejected("r"));  // in one append: the run ended
  EXPECT_EQ(Land(accepted), nullptr);
  Land(rejected);
  RunPosted();
  EXPECT_THAT(answers, SizeIs(1));
}

TEST_F(RequestBookTest, UnresolvedOnesAreInOrderOfAcceptance) {
  for (const char* id : {"c", "a", "b"}) AppendAndLand(Accepted(Set(id, 0.25)));
  AppendAndLand(Applied("a", 4));
  std::vector<std::string> ids;
  for (const auto& accepted : book_.Unresolved()) ids.push_back(accepted.request_id());
  EXPECT_THAT(ids, ElementsAre("c", "b"));
  EXPECT_EQ(book_.FindUnresolved("a"), nullptr);
  EXPECT_NE(book_.FindUnresolved("b"), nullptr);
}

TEST_F(RequestBookTest, AScriptHoldsWhatWasAppliedAfterTheCheckpoint) {
  for (const int64_t k : {2, 4, 4, 7}) {
    const std::string id = absl::StrCat("r", revision_);
    AppendAndLand(Accepted(Set(id, 0.25)));
    AppendAndLand(Applied(id, k));
  }
  EXPECT_THAT(Scripted(-1), ElementsAre("r0@2", "r2@4", "r4@4", "r6@7"));
  // A checkpoint at 4 holds no command of its own iteration.
  EXPECT_THAT(Scripted(4), ElementsAre("r2@4", "r4@4", "r6@7"));
}

TEST_F(RequestBookTest, AfterARewindEachIsAppliedOnceMoreOnTheNewBranch) {
  Answers answers;
  for (const int64_t k : {2, 4}) {
    const std::string id = absl::StrCat("at", k);
    Ask(Set(id, 0.25), &answers);
    AppendAndLand(Accepted(Set(id, 0.25)));
    AppendAndLand(Applied(id, k));
  }
  RunPosted();
  ASSERT_THAT(answers, SizeIs(2));
  AppendAndLand(Rewound(3));
  EXPECT_THAT(Scripted(3), ElementsAre("at4@4 of 4"));
  EXPECT_EQ(book_.Judge(Applied("at2", 2)), Verdict::kRepeated);
  EXPECT_EQ(book_.Judge(Applied("at4", 4)), Verdict::kJournal);
  v1::Event again = Applied("at4", 4);
  again.mutable_command_applied()->set_reapplied_from(4);
  AppendAndLand(again);
  EXPECT_EQ(book_.Judge(again), Verdict::kRepeated);
  RunPosted();
  EXPECT_THAT(answers, SizeIs(2));  // the first answer counts
  // The first resolution stays the answer for ever.
  Ask(Set("at4", 0.25), &answers);
  RunPosted();
  EXPECT_EQ(answers.back()->event().revision(), 4);
}

TEST_F(RequestBookTest, OfWhatWasAppliedTheNewestAreKeptAndTheRestRecalled) {
  RequestBook whole = NewBook();
  for (int i = 0; i < 1100; ++i) {
    const std::string id = absl::StrCat("r", i);
    for (v1::Event event : {Accepted(Set(id, 0.25)), Applied(id, i)}) {
      event = Append(std::move(event));
      Land(event);
      whole.Apply(event);
    }
  }
  EXPECT_TRUE(book_.HasScript(-1));
  book_.Forget(revision_);
  EXPECT_FALSE(book_.HasScript(-1));
  EXPECT_TRUE(book_.HasScript(1000));
  EXPECT_THAT(Scripted(1000), SizeIs(100));
  // While the store was read, it went on.
  AppendAndLand(Accepted(Set("late", 0.25)));
  AppendAndLand(Applied("late", 1100));
  book_.Recall(whole);
  EXPECT_TRUE(book_.HasScript(-1));
  EXPECT_THAT(Scripted(-1), SizeIs(1101));
  EXPECT_THAT(Scripted(1099), ElementsAre("r1099@1099", "late@1100"));
}

TEST_F(RequestBookTest, SoManyMayBeOpenAndAStopAlways) {
  for (int i = 0; i < 1000; ++i) AppendAndLand(Accepted(Set(absl::StrCat("r", i), 0.25)));
  v1::CommandAccepted later = Set("s", 0.25);
  later.set_at_iteration(900);
  EXPECT_EQ(GetErrorDetail(book_.CheckRoom(later)).reason, "TOO_MANY_OPEN_REQUESTS");
  EXPECT_THAT(std::string(book_.CheckRoom(later).message()), HasSubstr("jobs/a has 1000 requests"));
  EXPECT_TRUE(book_.CheckRoom(Set("s", 0.25)).ok());
  for (int i = 1000; i < 2000; ++i) AppendAndLand(Accepted(Set(absl::StrCat("r", i), 0.25)));
  EXPECT_FALSE(book_.CheckRoom(Set("s", 0.25)).ok());
  v1::CommandAccepted stop;
  stop.add_commands()->mutable_stop();
  EXPECT_TRUE(book_.CheckRoom(stop).ok());
  AppendAndLand(Applied("r0", 4));
  EXPECT_TRUE(book_.CheckRoom(Set("s", 0.25)).ok());
}

TEST_F(RequestBookTest, OfManyWhoWaitTheFirstIsSentAway) {
  Answers first;
  Answers others;
  Ask(Set("r", 0.25), &first);
  AppendAndLand(Accepted(Set("r", 0.25)));
  for (int i = 0; i < 16; ++i) Ask(Set("r", 0.25), &others);
  RunPosted();
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(others, IsEmpty());
  book_.AnswerAll(absl::UnavailableError("shutting down"));
  RunPosted();
  EXPECT_THAT(others, SizeIs(16));
  EXPECT_TRUE(book_.IsKnown("r"));  // it stays accepted
}

}  // namespace
}  // namespace descent::daemon
