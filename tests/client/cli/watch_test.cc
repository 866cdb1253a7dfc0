// Tests of the command watch, on a terminal and into a pipe.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/client/cli/cli_fixture.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kEscape = '\x1b';

class CliWatchTest : public CliTest {};

TEST_F(CliWatchTest, WatchPrintsEveryEventOnceWithoutEscapeCodes) {
  const std::string name = service_.AddJob("x");
  service_.AddIterations(name, 10'001);
  service_.Finish(name, v1::SUCCEEDED);
  EXPECT_EQ(Descent({"watch", "x"}).err,
            "descent: 10,000 iterations written so far; --every 1000 writes one in a thousand, "
            "--kinds evaluation,state_changed none\n");
  EXPECT_EQ(Descent({"watch", "x", "--every", "2"}).err, "");
}

}  // namespace
}  // namespace descent::cli
