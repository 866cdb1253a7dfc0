#include "server/daemon/main/freed_memory.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace descent::daemon {
namespace {

int64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

TEST(FreedMemoryTest, IsGivenBackThoughSomethingIsKeptBehindIt) {
  constexpr int64_t kBytes = 96 << 20;
  std::vector<std::string> texts;
  for (int64_t bytes = 0; bytes < kBytes; bytes += 1000) texts.emplace_back(1000, 'x');
  const auto kept = std::make_unique<std::string>(1000, 'x');
  texts = {};
  if (mallinfo2().fordblks < kBytes / 2) GTEST_SKIP() << "another allocator, a sanitizer's";
  const int64_t before = ResidentBytes();
  GiveBackFreedMemory();
  EXPECT_LT(ResidentBytes(), before - kBytes / 2);
}

}  // namespace
}  // namespace descent::daemon
