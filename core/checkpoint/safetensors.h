// Safetensors files (https://github.com/huggingface/safetensors): eight bytes of header size, a
// JSON header, then the tensors' bytes without gaps.
//
// A file is written so that under its final name it is always complete and durable; it is read with
// suspicion, since a checkpoint may come from anywhere. Free functions; any thread. Two writers of
// one path don't disturb each other: the last one wins.
#ifndef DESCENT_CORE_CHECKPOINT_SAFETENSORS_H_
#define DESCENT_CORE_CHECKPOINT_SAFETENSORS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent {

struct Safetensors {
  // The tensors by name: on the CPU and contiguous once read, anywhere when written.
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata;
  // The types, by tensor name, of tensors of types that are not read (F8_E4M3, …). Whoever wants
  // one of them has to refuse.
  std::map<std::string, std::string> unreadable = {};
};

struct SavedFile {
  std::string sha256;  // hexadecimal
  int64_t bytes = 0;
};

// Writes to a temporary file beside `path`, fsyncs it, renames it, and fsyncs the folder. On error
// `path` is untouched and the temporary file is gone. A failed fsync is an error that is not
// retried: the kernel may have dropped the bytes.
absl::StatusOr<SavedFile> WriteSafetensors(const std::string& path, const Safetensors& contents);

// Reads a file. Refuses, with a sentence that names it: another SHA-256 than `expected_sha256`
// (unless that is empty), a header over 100 MB or longer than the file, what is not JSON of the
// right form, duplicate names, negative or overflowing shapes, ranges that overlap, leave gaps or
// end outside the file, truncation at any byte.
absl::StatusOr<Safetensors> ReadSafetensors(const std::string& path,
                                            const std::string& expected_sha256);

// Does the same on bytes; `path` is for messages. With an owner that keeps the bytes alive, tensors
// that are aligned in them share them; nobody may write into those.
absl::StatusOr<Safetensors> ParseSafetensors(std::string_view bytes, const std::string& path,
                                             const std::shared_ptr<const void>& owner = nullptr);

}  // namespace descent

#endif  // DESCENT_CORE_CHECKPOINT_SAFETENSORS_H_
