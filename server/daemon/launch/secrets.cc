#include "server/daemon/launch/secrets.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "core/files/private_file.h"
#include "server/common/regular_file.h"

namespace descent::daemon {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kMostFileBytes = 4096;

std::string ToHex(const unsigned char* bytes, size_t size) {
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes), size));
}

// Gives the key's digits, or nothing if the file isn't there, can't be read or holds no key.
absl::StatusOr<std::string> ReadKey(const std::string& path) {
  const absl::StatusOr<std::string> text = server::ReadRegularFile(path, kMostFileBytes);
  if (absl::IsFailedPrecondition(text.status())) return text.status();
  const std::string key(absl::StripAsciiWhitespace(text.value_or("")));
  return key.size() == 2 * kKeyBytes ? key : "";
}

}  // namespace

absl::StatusOr<Secrets> Secrets::Open(const std::string& key_file) {
  absl::StatusOr<std::string> known = ReadKey(key_file);
  if (!known.ok()) return known.status();
  if (!known->empty()) return Secrets(*std::move(known));
  std::array<unsigned char, kKeyBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return absl::UnavailableError("The machine gives no random numbers");
  }
  std::string key = ToHex(bytes.data(), bytes.size());
  if (absl::Status status = WritePrivateFile(key_file, key + "\n"); !status.ok()) return status;
  return Secrets(std::move(key));
}

std::string Secrets::Of(const std::string& name) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest.data(), &size);
  return ToHex(digest.data(), size);
}

bool Secrets::IsSecretOf(const std::string& name, const std::string& secret) const {
  const std::string known = Of(name);
  return known.size() == secret.size() &&
         CRYPTO_memcmp(known.data(), secret.data(), known.size()) == 0;
}

}  // namespace descent::daemon
