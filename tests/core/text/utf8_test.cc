#include "core/text/utf8.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace descent {
namespace {

TEST(Utf8, KnowsWhatRfc3629Allows) {
  for (const std::string text : {"", "a", "\x7F", "\u0080", "\u07FF", "\u0800", "\uD7FF", "\uE000",
                                 "\uFFFF", "\U00010000", "\U0010FFFF", "ä这😀"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
    EXPECT_EQ(ValidUtf8(text), text);
  }
  EXPECT_TRUE(IsUtf8(std::string(1, '\0')));
  for (const std::string text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF", "caf\xE9"}) {
    EXPECT_FALSE(IsUtf8(text));
    EXPECT_TRUE(IsUtf8(ValidUtf8(text)));
  }
}

TEST(Utf8, GivesACharactersLength) {
  EXPECT_EQ(CharacterLength("ab"), 1u);
  EXPECT_EQ(CharacterLength("äb"), 2u);
  EXPECT_EQ(CharacterLength("这b"), 3u);
  EXPECT_EQ(CharacterLength("😀b"), 4u);
  EXPECT_EQ(CharacterLength("\xE9 b"), 0u);
  EXPECT_EQ(CharacterLength(""), 0u);
}

// The replacement is that of Python's bytes.decode("utf-8", errors="replace").
TEST(Utf8, ReplacesWhatIsIllFormed) {
  EXPECT_EQ(ValidUtf8("caf\xE9,1"), "caf\uFFFD,1");
  EXPECT_EQ(ValidUtf8("\xE8\xBF"), "\uFFFD");          // a character cut in the middle: once
  EXPECT_EQ(ValidUtf8("\xE8\xBF\x61"), "\uFFFD\x61");  // what follows it stays
  EXPECT_EQ(ValidUtf8("\xF0\x9F\x98"), "\uFFFD");
  EXPECT_EQ(ValidUtf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(ValidUtf8("\xC0\xAF"), "\uFFFD\uFFFD");            // an overlong slash
  EXPECT_EQ(ValidUtf8("\xFF\xFE"), "\uFFFD\uFFFD");            // UTF-16's mark
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(ShortUtf8("short", 5), "short");
  EXPECT_EQ(ShortUtf8("longer", 5), "lo…");
  EXPECT_EQ(ShortUtf8("longer", 2), "");  // no room for an ellipsis
  std::string umlauts = "x";
  for (int i = 0; i < 60; ++i) umlauts += "ä";
  EXPECT_EQ(ShortUtf8(umlauts, 121), umlauts);
  EXPECT_EQ(ShortUtf8(umlauts, 100).size(), 100u);
  EXPECT_TRUE(IsUtf8(ShortUtf8(umlauts, 100)));
  EXPECT_EQ(ShortUtf8("\xFF\xFF\xFF", 6), "\uFFFD…");
}

TEST(Utf8, EveryCutOfAnyBytesIsValidAndFits) {
  std::mt19937 random(1);
  const std::string pieces[] = {"a",    "ä",        "这",       "😀",  "\xFF",
                                "\xC3", "\xE8\xBF", "\xF0\x9F", "\x80"};
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (unsigned n = random() % 30; n > 0; --n) text += pieces[random() % std::size(pieces)];
    EXPECT_TRUE(IsUtf8(ValidUtf8(text)));
    for (size_t limit = 0; limit < 40; ++limit) {
      const std::string cut = ShortUtf8(text, limit);
      EXPECT_TRUE(IsUtf8(cut));
      EXPECT_LE(cut.size(), limit);
    }
  }
}

TEST(Utf8, WhatActsOnATerminalIsNotPrintable) {
  EXPECT_EQ(Printable("ä这😀 plain"), "ä这😀 plain");
  EXPECT_EQ(Printable("a\x1B[31mb\x07\x7F"), "a?[31mb??");
  EXPECT_EQ(Printable("a\tb\nc\rd"), "a?b?c?d");
  EXPECT_EQ(Printable("\u0085\u009B"), "??");
  EXPECT_EQ(Printable("\u2028\u2029"), "??");
  EXPECT_EQ(Printable("\u061C\u200E\u200F"), "???");
  EXPECT_EQ(Printable("\u202A\u202B\u202C\u202D\u202E"), "?????");
  EXPECT_EQ(Printable("\u2066\u2067\u2068\u2069"), "????");
  EXPECT_EQ(Printable("שלום"), "שלום");  // letters that go from right to left are letters
  EXPECT_EQ(Printable("caf\xE9"), "caf\uFFFD");
}

}  // namespace
}  // namespace descent
