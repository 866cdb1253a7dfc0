#include "core/digest/sha256.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace descent {
namespace {

// These are the examples of FIPS 180-4.
TEST(Sha256, IsTheStandardOne) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, PiecesAreTheirWhole) {
  const std::string text(1000, 'x');
  Sha256 sha;
  for (size_t size = 0, at = 0; at < text.size(); at += size++) {
    sha.Update(text.data() + at, std::min(size, text.size() - at));
  }
  EXPECT_EQ(sha.FinishHex(), Sha256Hex(text));
}

}  // namespace
}  // namespace descent
