#include "server/worker/session/waiting_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace descent::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

WaitingRequests::Request Request(const std::string& id, std::optional<int64_t> at = std::nullopt) {
  WaitingRequests::Request request;
  request.set_request_id(id);
  if (at) request.set_at_iteration(*at);
  return request;
}

std::vector<std::string> TakeIds(WaitingRequests* waiting) {
  std::vector<std::string> ids;
  for (const WaitingRequests::Request& request : waiting->Take()) {
    ids.push_back(request.request_id());
  }
  return ids;
}

TEST(WaitingRequests, AreTakenInOrderOfArrivalAndOnce) {
  WaitingRequests waiting;
  EXPECT_FALSE(waiting.DueAt(1'000'000));
  waiting.Add(Request("b"));
  waiting.Add(Request("a"));
  waiting.Add(Request("b"));
  EXPECT_TRUE(waiting.DueAt(0));
  EXPECT_THAT(TakeIds(&waiting), ElementsAre("b", "a"));
  EXPECT_FALSE(waiting.DueAt(1'000'000));
  waiting.Add(Request("a"));
  EXPECT_THAT(TakeIds(&waiting), IsEmpty());
}

TEST(WaitingRequests, OneThatIsAnsweredElsewhereIsNotTakenIn) {
  WaitingRequests waiting;
  waiting.Know("scripted");
  waiting.Add(Request("scripted"));
  EXPECT_FALSE(waiting.DueAt(0));
  EXPECT_THAT(TakeIds(&waiting), IsEmpty());
}

TEST(WaitingRequests, ThosePutBackAreDueAtTheEarliestOfTheirIterations) {
  WaitingRequests waiting;
  // A new request is due at once, though it is for later: its iteration may be past already.
  waiting.Add(Request("late", 70));
  waiting.Add(Request("soon", 20));
  EXPECT_TRUE(waiting.DueAt(0));
  for (WaitingRequests::Request& request : waiting.Take()) waiting.PutBack(std::move(request));
  EXPECT_FALSE(waiting.DueAt(19));
  EXPECT_TRUE(waiting.DueAt(20));
  EXPECT_THAT(TakeIds(&waiting), ElementsAre("late", "soon"));
}

TEST(WaitingRequests, TheLastThousandsOfAnsweredOnesAreKnown) {
  WaitingRequests waiting;
  waiting.Add(Request("first"));
  TakeIds(&waiting);
  waiting.Answered("first");
  for (int i = 0; i < 4095; ++i) {
    waiting.Know(absl::StrCat(i));
    waiting.Answered(absl::StrCat(i));
  }
  waiting.Add(Request("first"));
  EXPECT_THAT(TakeIds(&waiting), IsEmpty());
  waiting.Know("one more");
  waiting.Answered("one more");
  waiting.Add(Request("first"));
  EXPECT_THAT(TakeIds(&waiting), ElementsAre("first"));
}

}  // namespace
}  // namespace descent::worker
