// SHA-256 by libcrypto, fed in pieces. One thread at a time.
#ifndef DESCENT_CORE_DIGEST_SHA256_H_
#define DESCENT_CORE_DIGEST_SHA256_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace descent {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(const void* data, size_t bytes);
  // Gives the digest of everything so far, 64 hexadecimal digits. No call may follow.
  std::string FinishHex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string Sha256Hex(std::string_view bytes);

}  // namespace descent

#endif  // DESCENT_CORE_DIGEST_SHA256_H_
