#include "core/text/size_text.h"

#include <gtest/gtest.h>

namespace descent {
namespace {

TEST(SizeText, TakesTheUnitThatFits) {
  EXPECT_EQ(SizeText(0), "0 bytes");
  EXPECT_EQ(SizeText(999), "999 bytes");
  EXPECT_EQ(SizeText(1000), "1.0 kB");
  EXPECT_EQ(SizeText(1'560'000), "1.6 MB");
  EXPECT_EQ(SizeText(4e10), "40.0 GB");
  EXPECT_EQ(SizeText(2.5e21), "2500.0 EB");
}

}  // namespace
}  // namespace descent
