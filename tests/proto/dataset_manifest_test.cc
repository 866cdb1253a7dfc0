#include "proto/dataset_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace descent {
namespace {

using ::testing::HasSubstr;

const char kHash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

std::string Refusal(const std::string& text) {
  const auto files = ParseManifest(text);
  EXPECT_TRUE(absl::IsInvalidArgument(files.status())) << text;
  return std::string(files.status().message());
}

std::string Line(const std::string& path, const std::string& bytes = "1") {
  return std::string(kHash) + " " + bytes + " " + path + "\n";
}

TEST(DatasetManifest, IsReadAsItIsWritten) {
  const std::vector<DatasetFile> files = {
      {.path = "a b.csv", .bytes = 0, .sha256 = kHash},
      {.path = "katzen/grün.png", .bytes = 12, .sha256 = kHash}};
  const std::string text = ManifestText({files[1], files[0]});
  EXPECT_EQ(text, Line("a b.csv", "0") + Line("katzen/grün.png", "12"));
  EXPECT_EQ(*ParseManifest(text), files);
}

TEST(DatasetManifest, ASetOfFilesHasOneSpelling) {
  EXPECT_THAT(Refusal(Line("b") + Line("a")),
              HasSubstr("line 2 of the manifest is not in the order"));
  EXPECT_THAT(Refusal(Line("a") + Line("a")), HasSubstr("line 2"));
  EXPECT_THAT(Refusal(Line("a", "01")), HasSubstr("number of bytes"));
  EXPECT_THAT(Refusal(Line("a", "+1")), HasSubstr("number of bytes"));
  EXPECT_THAT(Refusal(Line("a", "-1")), HasSubstr("number of bytes"));
  EXPECT_THAT(Refusal(Line("a", "99999999999999999999")), HasSubstr("number of bytes"));
  EXPECT_THAT(Refusal("ABC" + Line("a").substr(3)), HasSubstr("SHA-256"));
  EXPECT_THAT(Refusal(Line("a").substr(0, 68)), HasSubstr("has no end"));
  EXPECT_THAT(Refusal(""), HasSubstr("names no file"));
}

TEST(DatasetManifest, NoPathLeadsOut) {
  for (const char* path : {"/etc/passwd", "../x", "a/../../x", "a/./b", ".", "..", "a//b", "a/", "",
                           "a\\b", "a\tb", "\xff"}) {
    EXPECT_NE(WhyNoDatasetPath(path), "") << path;
    EXPECT_THAT(Refusal(Line(path)), HasSubstr("has a path that")) << path;
  }
  EXPECT_NE(WhyNoDatasetPath(std::string("a\0b", 3)), "");
  EXPECT_NE(WhyNoDatasetPath(std::string(256, 'x')), "");
  EXPECT_EQ(WhyNoDatasetPath(std::string(255, 'x')), "");
  std::string deep = "x";
  for (int i = 1; i < 16; ++i) deep += "/x";
  EXPECT_EQ(WhyNoDatasetPath(deep), "");
  EXPECT_NE(WhyNoDatasetPath(deep + "/x"), "");
  EXPECT_EQ(WhyNoDatasetPath("...a/.b"), "");
}

TEST(DatasetManifest, AFileIsNoFolder) {
  EXPECT_THAT(Refusal(Line("a") + Line("a!b") + Line("a/b")), HasSubstr("is a file itself"));
  EXPECT_TRUE(ParseManifest(Line("a!b") + Line("a/b") + Line("ab")).ok());
}

}  // namespace
}  // namespace descent
