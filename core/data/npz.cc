#include "core/data/npz.h"

#include <zip.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/data/file.h"
#include "core/data/npy.h"
#include "core/data/pair.h"

namespace descent {
namespace {

constexpr std::string_view kEnding = ".npy";

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discard>;
using Entry = std::unique_ptr<zip_file_t, Discard>;

absl::StatusOr<Archive> Open(std::string_view bytes, const std::string& path) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  zip_t* archive = source == nullptr
                       ? nullptr
                       : zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  std::string problem;
  if (archive == nullptr) {
    problem = zip_error_strerror(&error);
    if (source != nullptr) zip_source_free(source);
  }
  zip_error_fini(&error);
  if (archive == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is no intact ZIP archive, as numpy.savez writes it: ", problem, "."));
  }
  return Archive(archive);
}

absl::Status NoSuchArray(zip_t* archive, const std::string& path, const std::string& array) {
  std::vector<std::string> names;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0) && i < 20; ++i) {
    const char* name = zip_get_name(archive, static_cast<zip_uint64_t>(i), 0);
    if (name == nullptr) continue;
    names.emplace_back(name);
    if (absl::EndsWith(names.back(), ".npy")) {
      names.back().resize(names.back().size() - kEnding.size());
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      path, " has no array \"", array, "\"; its arrays are ", absl::StrJoin(names, ", "), "."));
}

}  // namespace

absl::StatusOr<Examples> NpzFile::Read(const ReadOptions& options) const {
  absl::StatusOr<MappedFile> file = MapDataFile(path, options.roots);
  if (!file.ok()) return file.status();
  std::string type;
  absl::StatusOr<at::Tensor> read_inputs = ParseNpz(file->bytes, path, inputs, &type);
  if (!read_inputs.ok()) return read_inputs.status();
  absl::StatusOr<at::Tensor> read_targets = at::Tensor();
  if (!options.inputs_only) read_targets = ParseNpz(file->bytes, path, targets);
  if (!read_targets.ok()) return read_targets.status();
  const auto name = [&](const std::string& array) { return absl::StrCat(path, ", ", array); };
  absl::StatusOr<Examples> examples =
      MakePair(*std::move(read_inputs), name(inputs), *std::move(read_targets), name(targets));
  if (!examples.ok()) return examples.status();
  examples->files.push_back(file->digest);
  examples->inputs_type = std::move(type);
  return examples;
}

absl::StatusOr<at::Tensor> ParseNpz(std::string_view bytes, const std::string& path,
                                    const std::string& array, std::string* type) {
  absl::StatusOr<Archive> archive = Open(bytes, path);
  if (!archive.ok()) return archive.status();
  const std::string entry_name = absl::StrCat(array, std::string(kEnding));
  const zip_int64_t index = zip_name_locate(archive->get(), entry_name.c_str(), 0);
  if (index < 0) return NoSuchArray(archive->get(), path, array);
  const std::string name = absl::StrCat(path, ", ", array);
  zip_stat_t info;
  zip_stat_init(&info);
  if (zip_stat_index(archive->get(), static_cast<zip_uint64_t>(index), 0, &info) != 0 ||
      (info.valid & ZIP_STAT_SIZE) == 0) {
    return absl::DataLossError(absl::StrCat(name, ": the archive does not say how large it is."));
  }
  // This is checked before anything is allocated: deflate cannot expand by more than 1032.
  if (info.size / 1040 > bytes.size()) {
    return absl::DataLossError(
        absl::StrCat(name, " claims to be of ", info.size, " bytes, more than the file can hold."));
  }
  const Entry entry(zip_fopen_index(archive->get(), static_cast<zip_uint64_t>(index), 0));
  std::string text(info.size, '\0');
  // The end is read too, because only then is the checksum compared.
  char more = 0;
  if (!entry ||
      zip_fread(entry.get(), text.data(), text.size()) != static_cast<zip_int64_t>(text.size()) ||
      zip_fread(entry.get(), &more, 1) != 0) {
    const std::string problem =
        entry ? zip_file_strerror(entry.get()) : zip_strerror(archive->get());
    return absl::DataLossError(absl::StrCat(name, " is damaged: ", problem, "."));
  }
  const auto owner = std::make_shared<const std::string>(std::move(text));
  return ParseNpy(*owner, name, owner, type);
}

}  // namespace descent
