// The texts that let somebody in: tokens, sessions, codes. Free functions; any thread.
//
// A secret is `descent_` and 43 characters of base64url (RFC 4648): 256 random bits. What knows it
// keeps its SHA-256 alone: of 256 random bits a hash without salt tells nothing.
#ifndef DESCENT_SERVER_DAEMON_SECURITY_SECRET_TEXT_H_
#define DESCENT_SERVER_DAEMON_SECURITY_SECRET_TEXT_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace descent::daemon {

inline constexpr std::string_view kSecretPrefix = "descent_";

// Draws a secret. UNAVAILABLE if the machine gives no random numbers.
absl::StatusOr<std::string> DrawSecret();

// Draws what a secret is called, which is none: eight hexadecimal digits. UNAVAILABLE as above.
absl::StatusOr<std::string> DrawCredentialId();

// Gives TOKEN of `Bearer TOKEN` (RFC 6750; the scheme in either case), or nothing if it is not
// that.
std::optional<std::string_view> BearerOf(std::string_view authorization);

// True if it may be a secret at all, by its length and beginning.
bool IsSecretText(std::string_view text);

// Gives its SHA-256, 64 hexadecimal digits.
std::string HashOfSecret(std::string_view secret);

// Compares two hashes in a time that says nothing about where they differ.
bool SameHash(std::string_view a, std::string_view b);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SECURITY_SECRET_TEXT_H_
