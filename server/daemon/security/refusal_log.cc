#include "server/daemon/security/refusal_log.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "proto/rules/reasons.h"
#include "server/common/log.h"

namespace descent::daemon {

namespace {

// In the order of Refused.
constexpr const char* kNames[] = {"no_token", "malformed", "unknown",
                                  "expired",  "revoked",   "bad_code"};

}  // namespace

RefusalLog::RefusalLog(const server::Clock* clock, AuditLog* audit)
    : clock_(clock),
      audit_(audit),
      counts_({{kNames[0]}, {kNames[1]}, {kNames[2]}, {kNames[3]}, {kNames[4]}, {kNames[5]}}) {}

std::map<std::string, int64_t> RefusalLog::counts() const {
  std::map<std::string, int64_t> named;
  for (const auto& [words, count] : counts_.counts()) named[words[0]] = count;
  return named;
}

void RefusalLog::Add(Refused why_word, std::string_view why, std::string_view from) {
  counts_.Add({kNames[static_cast<size_t>(why_word)]});
  if (audit_ != nullptr) {
    v1::AuditEntry entry;
    entry.set_reason(reason::kUnauthenticated);
    entry.set_message(std::string(why));
    entry.set_from(ShortUtf8(from, 128));
    audit_->AddRefusal(std::move(entry));
  }
  const std::optional<std::string> others = pace_.Take(clock_->MonotonicNanos());
  if (!others) return;
  server::LogWarning("access",
                     absl::StrCat("turned away: ", std::string(why), from.empty() ? "" : ", from ",
                                  ShortUtf8(from, 128), *others));
}

}  // namespace descent::daemon
