#include "core/text/exception_text.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>

namespace descent {
namespace {

using testing::HasSubstr;
using testing::Not;

template <class Work>
std::string TextOf(Work work) {
  try {
    work();
  } catch (const std::exception& error) {
    return ExceptionText(error);
  }
  return "nothing was thrown";
}

TEST(ExceptionText, OfLibTorchHasNoStackNorPlace) {
  const std::string text = TextOf([] { at::matmul(at::empty({2, 3}), at::empty({4, 5})); });
  EXPECT_THAT(text, HasSubstr("2x3 and 4x5"));
  EXPECT_THAT(text, Not(HasSubstr("frame #")));
  EXPECT_THAT(text, Not(HasSubstr("Exception raised from")));
  EXPECT_THAT(text, Not(HasSubstr("\n")));
}

TEST(ExceptionText, SaysMemoryInOneWay) {
  EXPECT_THAT(TextOf([] { at::empty({int64_t{1} << 50}); }),
              testing::MatchesRegex("there is not enough memory: 4\\.5 PB were asked for at once"));
  EXPECT_EQ(TextOf([] { throw std::bad_alloc(); }), "there is not enough memory");
  EXPECT_EQ(ExceptionText(std::runtime_error(
                "[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: not enough memory: "
                "you tried to allocate 40000000000 bytes. Error code 12 (Cannot allocate memory)")),
            "there is not enough memory: 40.0 GB were asked for at once");
}

TEST(ExceptionText, IsOneLineOfValidText) {
  EXPECT_EQ(ExceptionText(std::runtime_error("caf\xE9\n  is closed.\n")), "caf\uFFFD is closed");
  EXPECT_EQ(ExceptionText(std::runtime_error("bad\nException raised from f at a.cpp:1 (most recent "
                                             "call first):\nframe #0: f\n")),
            "bad");
  EXPECT_LE(ExceptionText(std::runtime_error(std::string(5000, 'x'))).size(), 1000u);
}

}  // namespace
}  // namespace descent
