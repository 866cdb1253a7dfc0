#include "client/cpp/identity.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/rules/names.h"

namespace descent::client {
namespace {

// Keeps what gRPC metadata and a chart's legend can hold.
std::string Printable(std::string_view text) {
  std::string out;
  for (const unsigned char c : text.substr(0, 64)) {
    out += absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_' || c == '+'
               ? static_cast<char>(c)
               : '_';
  }
  return out;
}

}  // namespace

std::string LocalPrincipal() {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  std::string user = absl::StrCat("uid-", geteuid());
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr) {
    user = found->pw_name;
  }
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return absl::StrCat(Printable(user), "@", host[0] != '\0' ? Printable(host.data()) : "unknown");
}

rules::TraceContext LocalTrace() {
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody here changes the environment.
  const char* parent = std::getenv(rules::kTraceParentVariable);
  const char* state = std::getenv(rules::kTraceStateVariable);
  // NOLINTEND(concurrency-mt-unsafe)
  return rules::ReadTraceContext(parent == nullptr ? "" : parent, state == nullptr ? "" : state);
}

std::string DrawRequestId() {
  std::array<uint8_t, 16> bytes{};
  if (getentropy(bytes.data(), bytes.size()) != 0) {
    std::random_device device;
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(device());
  }
  bytes[6] = (bytes[6] & 0x0F) | 0x40;
  bytes[8] = (bytes[8] & 0x3F) | 0x80;
  std::string id;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    absl::StrAppendFormat(&id, "%02x", bytes[i]);
  }
  return id;
}

std::string JobName(std::string_view job) {
  return job.starts_with(rules::kJobCollection) ? std::string(job) : rules::JobName(job);
}

std::string JobId(std::string_view name) {
  if (name.starts_with(rules::kJobCollection)) name.remove_prefix(rules::kJobCollection.size());
  return std::string(name);
}

}  // namespace descent::client
