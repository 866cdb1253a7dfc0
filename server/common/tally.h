// A `Tally` counts how often something happened, apart by a few words: the labels of a Prometheus
// counter. Thread-safe.
//
// Whoever adds takes the words from short lists of his own, never from a caller's text. Should that
// fail, there are no more than kMost rows all the same: what comes after is counted as `other`.
#ifndef DESCENT_SERVER_COMMON_TALLY_H_
#define DESCENT_SERVER_COMMON_TALLY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "server/common/mutex.h"

namespace descent::server {

template <size_t kWords>
class Tally {
 public:
  using Words = std::array<std::string, kWords>;
  using Counts = std::map<Words, int64_t>;
  static constexpr size_t kMost = 1000;

  Tally() = default;
  // `known` are there from the beginning, as 0: what appears with its first count looks to
  // Prometheus as if nothing had happened.
  Tally(std::initializer_list<Words> known) {
    for (const Words& words : known) counts_[words] = 0;
  }

  void Add(const Words& words) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    auto row = counts_.find(words);
    if (row == counts_.end()) {
      Words named = words;
      if (counts_.size() + 1 >= kMost) named.fill("other");
      row = counts_.try_emplace(named, 0).first;
    }
    ++row->second;
  }

  Counts counts() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    return counts_;
  }

 private:
  mutable Mutex mutex_;
  Counts counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_TALLY_H_
