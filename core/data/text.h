// Text for models that say what comes next. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_TEXT_H_
#define DESCENT_CORE_DATA_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/data/examples.h"
#include "core/data/source.h"
#include "core/fields/fields.h"

namespace descent {

// Example i is `context` characters (Unicode code points) from i·stride on, its targets the same
// one character later, both as numbers in the vocabulary.
struct TextFile {
  static constexpr const char* kind = "text";
  std::string path;  // UTF-8
  int64_t context = 0;
  std::optional<int64_t> stride;          // `context` by default
  std::optional<std::string> vocabulary;  // a file; by default the characters of the text

  void Describe(FieldList& fields) {
    fields(Named("path"), path).Required(kMissingPath);
    fields(Count("context", 1), context);
    fields(Count("stride", 1), stride);
    fields(Named("vocabulary"), vocabulary);
  }
  // Reads inputs and targets [n, context], int64, which share their memory. The category
  // `vocabulary` holds the characters in the order of their code points, or as the training data
  // has them.
  absl::StatusOr<Examples> Read(const ReadOptions& options) const;
};

// Makes the examples of a text's bytes, without the vocabulary's file: `vocabulary` is its
// contents, if there is one. Errors, all INVALID_ARGUMENT, name byte, or line and column: not
// UTF-8, a character that the vocabulary does not have, fewer than context + 1 characters.
absl::StatusOr<Examples> ParseText(std::string_view text, const TextFile& options,
                                   const std::optional<std::string>& vocabulary,
                                   const ReadOptions& read = {});

}  // namespace descent

#endif  // DESCENT_CORE_DATA_TEXT_H_
