#include "server/daemon/security/sessions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/security/secret_text.h"

namespace descent::daemon {

using server::MutexLock;

absl::StatusOr<std::string> Sessions::Add(const Caller& caller, Shelf* shelf) {
  absl::StatusOr<std::string> secret = DrawSecret();
  absl::StatusOr<std::string> id = DrawCredentialId();
  if (!secret.ok()) return secret.status();
  if (!id.ok()) return id.status();
  std::list<Entry>& entries = shelf->entries;
  const int64_t now = clock_->MonotonicNanos();
  std::erase_if(entries, [now](const Entry& entry) { return now >= entry.end; });
  // An id is drawn by chance; of two, the earlier one goes.
  std::erase_if(entries, [&id](const Entry& entry) { return entry.id == *id; });
  const auto is_his = [&caller](const Entry& entry) {
    return entry.caller.credential == caller.credential;
  };
  if (static_cast<size_t>(std::ranges::count_if(entries, is_his)) >= kMostOfOne) {
    entries.erase(std::ranges::find_if(entries, is_his));
  }
  if (entries.size() >= kMost) {
    return MakeError(absl::StatusCode::kResourceExhausted,
                     absl::StrCat("there are ", entries.size(),
                                  " of them, as many as there may be; try again later"),
                     reason::kTooManyTokens);
  }
  entries.push_back({.id = *std::move(id),
                     .hash = HashOfSecret(*secret),
                     .caller = caller,
                     .end = now + shelf->nanos});
  return secret;
}

absl::StatusOr<std::string> Sessions::DrawCode(const Caller& caller) {
  MutexLock lock(mutex_);
  return Add(caller, &codes_);
}

std::optional<Caller> Sessions::Redeem(std::string_view code) {
  if (!IsSecretText(code)) return std::nullopt;
  const std::string hash = HashOfSecret(code);
  MutexLock lock(mutex_);
  auto found = codes_.entries.end();
  for (auto entry = codes_.entries.begin(); entry != codes_.entries.end(); ++entry) {
    if (SameHash(entry->hash, hash)) found = entry;
  }
  if (found == codes_.entries.end()) return std::nullopt;
  const Entry entry = std::move(*found);
  codes_.entries.erase(found);
  if (clock_->MonotonicNanos() >= entry.end) return std::nullopt;
  return entry.caller;
}

absl::StatusOr<std::string> Sessions::Open(const Caller& caller) {
  MutexLock lock(mutex_);
  return Add(caller, &sessions_);
}

Sessions::Session Sessions::ToSession(const Entry& entry) {
  Session session{.caller = entry.caller, .opened_by = entry.caller.credential};
  session.caller.credential = absl::StrCat("session:", entry.id);
  return session;
}

std::optional<Sessions::Session> Sessions::Find(std::string_view secret) const {
  if (!IsSecretText(secret)) return std::nullopt;
  const std::string hash = HashOfSecret(secret);
  MutexLock lock(mutex_);
  const Entry* found = nullptr;
  for (const Entry& entry : sessions_.entries) {
    if (SameHash(entry.hash, hash)) found = &entry;
  }
  if (found == nullptr || clock_->MonotonicNanos() >= found->end) return std::nullopt;
  return ToSession(*found);
}

std::optional<Sessions::Session> Sessions::Get(std::string_view id) const {
  MutexLock lock(mutex_);
  const auto found = std::ranges::find(sessions_.entries, id, &Entry::id);
  if (found == sessions_.entries.end() || clock_->MonotonicNanos() >= found->end) {
    return std::nullopt;
  }
  return ToSession(*found);
}

void Sessions::Close(std::string_view id) {
  MutexLock lock(mutex_);
  std::erase_if(sessions_.entries, [id](const Entry& entry) { return entry.id == id; });
}

}  // namespace descent::daemon
