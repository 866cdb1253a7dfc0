#include "core/data/text.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <exception>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/data/file.h"
#include "core/text/exception_text.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

constexpr char kVocabulary[] = "vocabulary";

// The bytes of UTF-8 are ordered as the code points are.
absl::StatusOr<std::vector<std::string_view>> Characters(std::string_view text,
                                                         const std::string& path) {
  std::vector<std::string_view> characters;
  for (size_t at = 0; at < text.size();) {
    const size_t n = CharacterLength(text.substr(at));
    if (n == 0) {
      return absl::InvalidArgumentError(absl::StrCat(path, " is not UTF-8 text: byte ", at,
                                                     " (counted from 0) begins no character."));
    }
    characters.push_back(text.substr(at, n));
    at += n;
  }
  return characters;
}

absl::Status UnknownCharacter(const std::vector<std::string_view>& text, size_t at,
                              const std::string& path) {
  int64_t line = 1;
  int64_t column = 1;
  for (size_t i = 0; i < at; ++i) {
    ++column;
    if (text[i] == "\n") {
      ++line;
      column = 1;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(path, ", line ", line, ", column ", column,
                                                 ": the character \"", std::string(text[at]),
                                                 "\" is not in the vocabulary."));
}

absl::StatusOr<Examples> ParseOrThrow(std::string_view text, const TextFile& options,
                                      const std::optional<std::string>& vocabulary,
                                      const ReadOptions& read) {
  const std::string& path = options.path;
  const absl::StatusOr<std::vector<std::string_view>> characters = Characters(text, path);
  if (!characters.ok()) return characters.status();
  const auto length = static_cast<int64_t>(characters->size());
  // The last character may be nobody's input; if there are no targets it need not be there.
  const int64_t inputs = read.inputs_only ? length : length - 1;
  if (options.context > inputs) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " holds ", length, " characters, but an example takes ", options.context,
                     read.inputs_only ? "." : " and the one after them."));
  }
  std::vector<std::string> names;
  if (read.known && read.known->count(kVocabulary) > 0) {
    names = read.known->at(kVocabulary);
  } else if (read.known && !vocabulary) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     " is text, but the training data are not: which number stands for which "
                     "character is not known. Give `vocabulary`."));
  } else {
    const std::string file = options.vocabulary.value_or(path);
    const absl::StatusOr<std::vector<std::string_view>> all =
        vocabulary ? Characters(*vocabulary, file) : characters;
    if (!all.ok()) return all.status();
    const std::set<std::string_view> distinct(all->begin(), all->end());
    names.assign(distinct.begin(), distinct.end());
  }
  std::map<std::string_view, int64_t> numbers;
  for (size_t i = 0; i < names.size(); ++i) numbers[names[i]] = static_cast<int64_t>(i);

  const at::Tensor tokens = at::empty({length}, at::kLong);
  auto* token = tokens.mutable_data_ptr<int64_t>();
  for (size_t i = 0; i < characters->size(); ++i) {
    const auto found = numbers.find((*characters)[i]);
    if (found == numbers.end()) return UnknownCharacter(*characters, i, path);
    token[i] = found->second;
  }
  const int64_t stride = options.stride.value_or(options.context);
  Examples examples;
  examples.indices = true;
  // Row i of the targets ends one character after row i of the inputs.
  examples.inputs = tokens.narrow(0, 0, inputs).unfold(0, options.context, stride);
  if (!read.inputs_only) {
    examples.targets = tokens.narrow(0, 1, inputs).unfold(0, options.context, stride);
  }
  examples.inputs_origin = Origin(path);
  examples.targets_origin = Origin(path);
  examples.categories[kVocabulary] = std::move(names);
  return examples;
}

}  // namespace

absl::StatusOr<Examples> TextFile::Read(const ReadOptions& options) const {
  absl::StatusOr<FileContents> text = ReadDataFile(path, options.roots);
  if (!text.ok()) return text.status();
  std::optional<std::string> characters;
  std::vector<FileDigest> files = {text->digest};
  if (vocabulary) {
    absl::StatusOr<FileContents> file = ReadDataFile(*vocabulary, options.roots);
    if (!file.ok()) return file.status();
    files.push_back(file->digest);
    characters = std::move(file->bytes);
  }
  absl::StatusOr<Examples> examples = ParseText(text->bytes, *this, characters, options);
  if (examples.ok()) examples->files = std::move(files);
  return examples;
}

absl::StatusOr<Examples> ParseText(std::string_view text, const TextFile& options,
                                   const std::optional<std::string>& vocabulary,
                                   const ReadOptions& read) {
  try {
    return ParseOrThrow(text, options, vocabulary, read);
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("Cannot load ", options.path, ": ", ExceptionText(error), "."));
  }
}

}  // namespace descent
