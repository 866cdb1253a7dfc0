#include "core/data/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace descent {

struct ByteSource::Inflater {
  z_stream stream{};
  std::string_view rest;  // not yet given to zlib
  bool ended = false;     // a member is complete; another may follow
  ~Inflater() { inflateEnd(&stream); }
};

ByteSource::ByteSource(std::string_view bytes, std::string path) : path_(std::move(path)) {
  const bool gzip = bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
  if (!gzip) {
    rest_ = bytes;
    return;
  }
  inflater_ = std::make_unique<Inflater>();
  inflater_->rest = bytes;
  inflateInit2(&inflater_->stream, 15 + 16);  // 16: gzip, with its checksum
}

ByteSource::~ByteSource() = default;

absl::StatusOr<size_t> ByteSource::Read(char* out, size_t size) {
  if (!inflater_) {
    const size_t n = std::min(size, rest_.size());
    std::memcpy(out, rest_.data(), n);
    rest_.remove_prefix(n);
    return n;
  }
  constexpr size_t kPiece = std::numeric_limits<uInt>::max() / 2;  // zlib counts in 32 bits
  z_stream& z = inflater_->stream;
  size_t done = 0;
  while (done < size) {
    if (inflater_->ended) {
      if (z.avail_in == 0 && inflater_->rest.empty()) break;
      inflateReset(&z);
      inflater_->ended = false;
    }
    if (z.avail_in == 0) {
      const size_t n = std::min(inflater_->rest.size(), kPiece);
      z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(inflater_->rest.data()));
      z.avail_in = static_cast<uInt>(n);
      inflater_->rest.remove_prefix(n);
    }
    const size_t piece = std::min(size - done, kPiece);
    z.next_out = reinterpret_cast<Bytef*>(out + done);
    z.avail_out = static_cast<uInt>(piece);
    const int result = inflate(&z, Z_NO_FLUSH);
    done += piece - z.avail_out;
    if (result == Z_STREAM_END) {
      inflater_->ended = true;
    } else if (result == Z_BUF_ERROR && z.avail_in == 0 && inflater_->rest.empty()) {
      return absl::DataLossError(
          absl::StrCat(path_, " is truncated: its gzip data ends too early."));
    } else if (result != Z_OK) {
      return absl::DataLossError(absl::StrCat(path_, " is damaged: its gzip data is not valid (",
                                              z.msg ? z.msg : "no detail", ")."));
    }
  }
  return done;
}

size_t ByteSource::AtMost() const {
  if (!inflater_) return rest_.size();
  const size_t left = inflater_->rest.size() + inflater_->stream.avail_in;
  return left > std::numeric_limits<size_t>::max() / 2048 ? std::numeric_limits<size_t>::max()
                                                          : left * 1040 + 65536;
}

}  // namespace descent
