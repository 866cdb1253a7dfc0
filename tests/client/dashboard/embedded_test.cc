#include "client/dashboard/embedded.h"

#include <google/protobuf/descriptor.h>

#include <set>
#include <string>
#include <string_view>

#include "descent/v1/event.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace descent::dashboard {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const Asset* Find(std::string_view path) {
  for (const Asset& asset : Assets()) {
    if (asset.path == path) return &asset;
  }
  return nullptr;
}

TEST(Embedded, HasThePageAndItsChartLibrary) {
  for (std::string_view path : {"/", "/app.js", "/app.css", "/uplot.js", "/uplot.css"}) {
    const Asset* asset = Find(path);
    ASSERT_NE(asset, nullptr) << path;
    EXPECT_FALSE(asset->body.empty()) << path;
  }
  EXPECT_EQ(Find("/")->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(Find("/app.js")->content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(Find("/app.css")->content_type, "text/css; charset=utf-8");
}

TEST(Embedded, BodiesAreWhole) {
  EXPECT_THAT(std::string(Find("/")->body), StartsWith("<!doctype html>"));
  EXPECT_THAT(std::string(Find("/")->body), HasSubstr("</html>\n"));
  EXPECT_THAT(std::string(Find("/uplot.js")->body), HasSubstr("uPlot"));
}

TEST(Embedded, PathsAreSortedAndUnique) {
  std::string_view last;
  for (const Asset& asset : Assets()) {
    EXPECT_LT(last, asset.path);
    last = asset.path;
  }
}

// The page runs under `default-src 'self'`: no inline script or style, nothing from outside.
TEST(Embedded, LoadsNothingFromOutsideAndNothingInline) {
  const std::string page(Find("/")->body);
  EXPECT_THAT(page, Not(HasSubstr("://")));
  EXPECT_THAT(page, Not(HasSubstr("<style")));
  EXPECT_THAT(page, Not(HasSubstr(" style=")));
  EXPECT_THAT(page, Not(HasSubstr("<script>")));
  EXPECT_THAT(page, Not(HasSubstr(" onclick=")));
  for (const Asset& asset : Assets()) {
    if (asset.path == "/uplot.js" || !asset.path.ends_with(".js")) continue;
    EXPECT_THAT(std::string(asset.body), Not(HasSubstr("innerHTML"))) << asset.path;
    EXPECT_THAT(std::string(asset.body), Not(HasSubstr("https://"))) << asset.path;
  }
}

// A page that follows a journal asks for every kind by name, and folds each.
TEST(Embedded, KnowsEveryKindOfEvent) {
  const std::string watch(Find("/watch.js")->body);
  const std::string history(Find("/history.js")->body);
  const google::protobuf::OneofDescriptor* kinds = v1::Event::descriptor()->FindOneofByName("kind");
  ASSERT_GT(kinds->field_count(), 0);
  for (int i = 0; i < kinds->field_count(); ++i) {
    const std::string& name = kinds->field(i)->name();
    if (name != "iteration") {
      EXPECT_THAT(watch, HasSubstr("'" + name + "'"));
    }
    // The page has nothing to show of a checkpoint.
    if (name != "checkpoint_saved") {
      EXPECT_THAT(history, HasSubstr("event." + name));
    }
  }
}

}  // namespace
}  // namespace descent::dashboard
