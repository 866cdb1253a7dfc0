// Tests what people are told of a run that can be made and that nobody can have meant.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/worker/bridge/prepare.h"

namespace descent::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> NotesOn(const std::string& text) {
  api::Spec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &spec)) << text;
  DataCache cache;
  const std::variant<Prepared, Violations> result = Prepare(spec, &cache);
  if (const auto* violations = std::get_if<Violations>(&result)) {
    ADD_FAILURE() << violations->list().front().field << violations->list().front().description;
    return {};
  }
  const auto& notes = std::get<Prepared>(result).summary.notes();
  return {notes.begin(), notes.end()};
}

std::string Regression(const std::string& optimizer, const std::string& more = "") {
  return absl::StrCat("model { linear { out_features: 1 } } objective { mean_squared_error {} } ",
                      "data { train { linear {} } } iterations: 10 seed: 1 optimizer { ", optimizer,
                      " } ", more);
}

std::string Game(const std::string& first, const std::string& second) {
  const auto player = [](const std::string& name, const std::string& optimizer) {
    return absl::StrCat(" players { name: '", name, "' model { linear { out_features: 1 } } ",
                        "objective { noise { shape: 2 } loss { mean_squared_error {} } ",
                        "constant: 1 } optimizer { ", optimizer, " } }");
  };
  return absl::StrCat("system {", player("a", first), player("b", second),
                      "} data { batch_size: 8 } iterations: 10 seed: 1");
}

TEST(Notes, ARunOfFrozenParametersAlone) {
  const auto frozen = ElementsAre("All parameters are frozen: no step moves anything.");
  EXPECT_THAT(NotesOn(Regression("adam {}")), IsEmpty());
  EXPECT_THAT(NotesOn(Regression("adam {} groups { pattern: '*' frozen: true }")), frozen);
  EXPECT_THAT(NotesOn(Regression("sgd {} wrappers { freeze {} }")), frozen);
  // A group and a wrapper freeze them together.
  const std::string bias = "adam {} groups { pattern: '*bias' frozen: true } ";
  EXPECT_THAT(NotesOn(Regression(bias)), IsEmpty());
  EXPECT_THAT(NotesOn(Regression(bias + "wrappers { freeze { pattern: '*weight' } }")), frozen);
}

TEST(Notes, ASystemOfFrozenPlayersAlone) {
  const std::string frozen = "adam {} wrappers { freeze {} }";
  EXPECT_THAT(NotesOn(Game("adam {}", frozen)), IsEmpty());
  EXPECT_THAT(NotesOn(Game(frozen, frozen)),
              ElementsAre("All parameters of all players are frozen: no step moves anything."));
}

TEST(Notes, MoreThreadsThanProcessors) {
  EXPECT_THAT(NotesOn(Regression("adam {}", "execution { threads: 1024 }")),
              ElementsAre(HasSubstr("execution.threads is 1024, but this machine has ")));
  EXPECT_THAT(NotesOn(Regression("adam {}", "execution { threads: 1 }")), IsEmpty());
}

}  // namespace
}  // namespace descent::worker
