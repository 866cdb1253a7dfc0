#include "server/daemon/security/secret_text.h"

#include <openssl/crypto.h>
#include <sys/random.h>

#include <array>
#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/digest/sha256.h"
#include "proto/rules/identity.h"

namespace descent::daemon {
namespace {

constexpr size_t kSecretBytes = 32;
constexpr size_t kSecretDigits = 43;
constexpr size_t kIdBytes = 4;
constexpr std::string_view kScheme = rules::kBearerScheme;

template <size_t kSize>
absl::StatusOr<std::string> Draw() {
  std::array<char, kSize> bytes{};
  // So few come all at once, or not at all: getrandom(2).
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(kSize)) {
    return absl::UnavailableError("The machine gives no random numbers");
  }
  return std::string(bytes.data(), bytes.size());
}

}  // namespace

absl::StatusOr<std::string> DrawSecret() {
  const absl::StatusOr<std::string> bytes = Draw<kSecretBytes>();
  if (!bytes.ok()) return bytes.status();
  return absl::StrCat(std::string(kSecretPrefix), absl::WebSafeBase64Escape(*bytes));
}

absl::StatusOr<std::string> DrawCredentialId() {
  const absl::StatusOr<std::string> bytes = Draw<kIdBytes>();
  if (!bytes.ok()) return bytes.status();
  return absl::BytesToHexString(*bytes);
}

std::optional<std::string_view> BearerOf(std::string_view authorization) {
  const std::string_view scheme = authorization.substr(0, kScheme.size());
  if (!absl::EqualsIgnoreCase(absl::string_view(scheme.data(), scheme.size()),
                              absl::string_view(kScheme.data(), kScheme.size()))) {
    return std::nullopt;
  }
  std::string_view token = authorization.substr(kScheme.size());
  while (!token.empty() && token.front() == ' ') token.remove_prefix(1);
  while (!token.empty() && token.back() == ' ') token.remove_suffix(1);
  if (token.empty()) return std::nullopt;
  return token;
}

bool IsSecretText(std::string_view text) {
  return text.size() == kSecretPrefix.size() + kSecretDigits && text.starts_with(kSecretPrefix);
}

std::string HashOfSecret(std::string_view secret) { return Sha256Hex(secret); }

bool SameHash(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace descent::daemon
