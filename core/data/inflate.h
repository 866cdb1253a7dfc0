// A `ByteSource` gives a file's bytes in order, decompressed if they are gzip (RFC 1952, also
// several members one after the other). The caller keeps the bytes alive. One thread at a time.
#ifndef DESCENT_CORE_DATA_INFLATE_H_
#define DESCENT_CORE_DATA_INFLATE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace descent {

class ByteSource {
 public:
  // `path` is for error messages.
  ByteSource(std::string_view bytes, std::string path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Reads `size` bytes, fewer only at the end. DATA_LOSS if the compressed data is damaged or cut
  // off.
  absl::StatusOr<size_t> Read(char* out, size_t size);

  // Gives how many bytes can still come at most; deflate cannot expand by more than 1032.
  size_t AtMost() const;

 private:
  struct Inflater;
  const std::string path_;
  std::string_view rest_;  // that of a plain file
  std::unique_ptr<Inflater> inflater_;
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_INFLATE_H_
