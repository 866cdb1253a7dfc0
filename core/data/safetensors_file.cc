#include "core/data/safetensors_file.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/checkpoint/safetensors.h"
#include "core/data/file.h"
#include "core/data/pair.h"

namespace descent {

absl::StatusOr<Examples> SafetensorsFile::Read(const ReadOptions& options) const {
  absl::StatusOr<MappedFile> file = MapDataFile(path, options.roots);
  if (!file.ok()) return file.status();
  const absl::StatusOr<Safetensors> contents = ParseSafetensors(file->bytes, path, file->owner);
  if (!contents.ok()) return contents.status();
  const std::vector<std::string> wanted =
      options.inputs_only ? std::vector<std::string>{inputs} : std::vector{inputs, targets};
  for (const std::string& name : wanted) {
    if (contents->tensors.count(name) > 0) continue;
    if (const auto found = contents->unreadable.find(name); found != contents->unreadable.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ", ", name, ": numbers of the type ", found->second,
                       " cannot be read; use one of BOOL, U8, I8 to I64, F16, BF16, F32 and F64."));
    }
    std::vector<std::string> names;
    for (const auto& [known, tensor] : contents->tensors) {
      if (names.size() < 20) names.push_back(known);
    }
    return absl::InvalidArgumentError(absl::StrCat(
        path, " has no tensor \"", name, "\"; its tensors are ", absl::StrJoin(names, ", "), "."));
  }
  absl::StatusOr<Examples> examples =
      MakePair(contents->tensors.at(inputs), absl::StrCat(path, ", ", inputs),
               options.inputs_only ? at::Tensor() : contents->tensors.at(targets),
               absl::StrCat(path, ", ", targets));
  if (examples.ok()) examples->files.push_back(file->digest);
  return examples;
}

}  // namespace descent
