#include "server/daemon/jobs/job_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace descent::daemon {
namespace {

v1::Job JobOf(const std::string& text) {
  v1::Job job;
  job.set_display_name(text);
  return job;
}

int64_t BytesOfOne(size_t text) {
  JobCache cache(1 << 20);
  cache.Put("a", JobOf(std::string(text, 'x')));
  return cache.bytes();
}

TEST(JobCache, WhoWasNotAskedForForTheLongestGoesFirst) {
  JobCache cache(3 * BytesOfOne(1000));
  for (const char* key : {"a", "b", "c"}) cache.Put(key, JobOf(std::string(1000, *key)));
  EXPECT_NE(cache.Find("a"), nullptr);
  cache.Put("d", JobOf(std::string(1000, 'd')));
  EXPECT_EQ(cache.Find("b"), nullptr);
  for (const char* key : {"a", "c", "d"}) {
    ASSERT_NE(cache.Find(key), nullptr) << key;
    EXPECT_EQ(cache.Find(key)->display_name(), std::string(1000, *key));
  }
  EXPECT_EQ(cache.bytes(), 3 * BytesOfOne(1000));
}

TEST(JobCache, AKeyHasOneJob) {
  JobCache cache(3 * BytesOfOne(1000));
  cache.Put("a", JobOf("old"));
  const auto old = cache.Find("a");
  cache.Put("a", JobOf("new"));
  EXPECT_EQ(cache.Find("a")->display_name(), "new");
  EXPECT_EQ(old->display_name(), "old");  // who has it keeps it
  // One that is larger than all is not kept, nor what was there before.
  cache.Put("a", JobOf(std::string(1 << 20, 'x')));
  EXPECT_EQ(cache.Find("a"), nullptr);
  EXPECT_EQ(cache.bytes(), 0);
  cache.Put("a", JobOf("a"));
  cache.Erase("a");
  cache.Erase("a");
  EXPECT_EQ(cache.Find("a"), nullptr);
  EXPECT_EQ(cache.bytes(), 0);
}

}  // namespace
}  // namespace descent::daemon
