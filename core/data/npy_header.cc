#include "core/data/npy_header.h"

#include <charconv>
#include <cstring>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace descent {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxHeaderBytes = 1 << 20;
constexpr size_t kMaxDimensions = 64;

// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, the subset of Python that
// NumPy writes.
class DictionaryReader {
 public:
  explicit DictionaryReader(std::string_view text) : text_(text) {}

  // Gives false if it is no such dictionary.
  bool Read(NpyHeader* header) {
    if (!Take('{')) return false;
    std::set<std::string> seen;
    while (!Take('}')) {
      std::string key;
      if (!String(&key) || !Take(':') || !seen.insert(key).second) return false;
      bool right = false;
      if (key == "descr") right = String(&header->type);
      if (key == "fortran_order") right = Boolean(&header->fortran_order);
      if (key == "shape") right = Tuple(&header->shape);
      if (!right) return false;
      if (!Take(',')) {
        if (!Take('}')) return false;
        break;
      }
    }
    Skip();
    return at_ == text_.size() && seen.size() == 3;
  }

 private:
  void Skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool Take(char c) {
    Skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool Word(std::string_view word) {
    Skip();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  bool String(std::string* value) {
    const char quote = Take('\'') ? '\'' : '"';
    if (quote == '"' && !Take('"')) return false;
    const size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) return false;
    *value = std::string(text_.substr(at_, end - at_));
    at_ = end + 1;
    return true;
  }
  bool Boolean(bool* value) {
    *value = Word("True");
    return *value || Word("False");
  }
  bool Tuple(std::vector<int64_t>* values) {
    if (!Take('(')) return false;
    while (!Take(')')) {
      Skip();
      int64_t value = 0;
      const auto [end, error] =
          std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
      if (error != std::errc() || value < 0 || values->size() == kMaxDimensions) return false;
      values->push_back(value);
      at_ = static_cast<size_t>(end - text_.data());
      if (!Take(',')) return Take(')');
    }
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<NpyHeader> ParseNpyHeader(std::string_view bytes, const std::string& name) {
  const auto truncated = [&] {
    return absl::DataLossError(absl::StrCat(name, " is truncated: it ends in its header."));
  };
  if (bytes.substr(0, kMagic.size()) != kMagic) {
    if (!bytes.empty() && kMagic.substr(0, bytes.size()) == bytes) return truncated();
    return absl::InvalidArgumentError(absl::StrCat(
        name, " is no NumPy array: it does not begin with \\x93NUMPY, as numpy.save writes it."));
  }
  if (bytes.size() < kMagic.size() + 2) return truncated();
  const int version = static_cast<unsigned char>(bytes[kMagic.size()]);
  if (version < 1 || version > 3) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is of version ", version, " of NumPy's format; 1 to 3 are known."));
  }
  const size_t width = version == 1 ? 2 : 4;
  const size_t begin = kMagic.size() + 2 + width;
  if (bytes.size() < begin) return truncated();
  uint32_t length = 0;
  std::memcpy(&length, bytes.data() + begin - width, width);  // little-endian, as x86-64 is
  if (length > kMaxHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": its header claims ", length, " bytes, more than a header takes."));
  }
  if (bytes.size() - begin < length) return truncated();
  NpyHeader header;
  header.data = begin + length;
  if (!DictionaryReader(bytes.substr(begin, length)).Read(&header)) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": its header, from byte ", begin,
        " on, is not {'descr': …, 'fortran_order': …, 'shape': …} with a single type."));
  }
  return header;
}

}  // namespace descent
