#include "server/daemon/datasets/spec_datasets.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "descent/v1/options.pb.h"
#include "proto/dataset_manifest.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "proto/rules/nearest.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// How a path says that it is all of a dataset.
constexpr char kWhole[] = ".";
constexpr size_t kNamedFiles = 5;

struct NamedSource {
  std::string field;
  v1::DataSource* source;
};

// Gives the sources of the spec that name a dataset.
std::vector<NamedSource> SourcesOf(v1::Spec* spec) {
  std::vector<NamedSource> sources;
  const auto add = [&](const std::string& field, v1::Data* data) {
    if (data->has_train()) sources.push_back({field + ".train", data->mutable_train()});
    if (data->has_test()) sources.push_back({field + ".test", data->mutable_test()});
  };
  if (spec->has_data()) add("data", spec->mutable_data());
  for (int p = 0; p < spec->system().players_size(); ++p) {
    if (!spec->system().players(p).has_data()) continue;
    add(absl::StrCat("system.players[", p, "].data"),
        spec->mutable_system()->mutable_players(p)->mutable_data());
  }
  std::erase_if(sources, [](const NamedSource& named) {
    return !named.source->has_dataset() && !named.source->has_dataset_digest();
  });
  return sources;
}

// The message of a source's kind, and its fields that are paths.
struct Kind {
  std::string name;
  Message* message = nullptr;  // null: no kind is given
  std::vector<const FieldDescriptor*> paths = {};

  std::string Get(const FieldDescriptor* path) const {
    return message->GetReflection()->GetString(*message, path);
  }
  bool Has(const FieldDescriptor* path) const {
    return message->GetReflection()->HasField(*message, path);
  }
  void Set(const FieldDescriptor* path, std::string value) const {
    message->GetReflection()->SetString(message, path, std::move(value));
  }
};

Kind KindOf(v1::DataSource* source) {
  const Reflection& reflection = *source->GetReflection();
  const FieldDescriptor* field =
      reflection.GetOneofFieldDescriptor(*source, source->GetDescriptor()->FindOneofByName("kind"));
  if (field == nullptr) return {};
  Kind kind{.name = field->name(), .message = reflection.MutableMessage(source, field)};
  const google::protobuf::Descriptor& descriptor = *field->message_type();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    if (descriptor.field(i)->options().GetExtension(v1::file_path)) {
      kind.paths.push_back(descriptor.field(i));
    }
  }
  return kind;
}

// A dataset that is held, and how its files are named.
struct Place {
  DatasetStore& store;
  const v1::Dataset& dataset;
  std::string id;
  bool is_folder = false;  // of the kind whose path is that of a folder
};

std::vector<std::string> PathsOf(const Place& place) {
  std::vector<std::string> paths;
  const absl::StatusOr<std::vector<DatasetFile>> files = place.store.FilesOf(place.id);
  if (!files.ok()) return paths;
  for (const DatasetFile& file : *files) paths.push_back(file.path);
  return paths;
}

std::string Named(const std::vector<std::string>& paths) {
  std::string text;
  for (size_t i = 0; i < std::min(paths.size(), kNamedFiles); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", paths[i]);
  }
  if (paths.size() > kNamedFiles) {
    absl::StrAppend(&text, " and ", paths.size() - kNamedFiles, " more");
  }
  return text;
}

absl::Status CheckPath(const Place& place, const std::string& field, const std::string& path) {
  if (path == kWhole && place.is_folder) return absl::OkStatus();
  if (const std::string why = WhyNoDatasetPath(path); !why.empty()) {
    return InvalidField(field,
                        absl::StrCat("must be the path of a file in ", place.dataset.name(),
                                     ", relative to it; this one ", why),
                        reason::kInvalidPath);
  }
  struct stat status{};
  const std::string file = absl::StrCat(place.store.folder(), "/", place.id, "/files/", path);
  // Of a folder of pictures, the path may be that of a single picture.
  if (lstat(file.c_str(), &status) == 0 && (S_ISREG(status.st_mode) || place.is_folder)) {
    return absl::OkStatus();
  }
  const std::vector<std::string> paths = PathsOf(place);
  return InvalidField(field,
                      absl::StrCat(place.dataset.name(), " has no file ", path,
                                   rules::DidYouMean(path, paths), "; it has ", Named(paths)),
                      reason::kFileNotFound);
}

// Gives the path that was left out, if it is clear which.
absl::StatusOr<std::string> OnlyPath(const Place& place, const std::string& field) {
  if (place.is_folder) return std::string(kWhole);
  const std::vector<std::string> paths = PathsOf(place);
  if (paths.size() == 1) return paths[0];
  return InvalidField(
      field,
      absl::StrCat("is missing: which file of ", place.dataset.name(), "? It has ", Named(paths)),
      reason::kMissingField);
}

absl::Status ResolvePaths(const Place& place, const std::string& field, const Kind& kind) {
  for (const FieldDescriptor* path : kind.paths) {
    const std::string at = absl::StrCat(field, ".", kind.name, ".", path->name());
    if (kind.Has(path)) {
      absl::Status status = CheckPath(place, at, kind.Get(path));
      if (!status.ok()) return status;
    } else if (path->options().GetExtension(v1::bare_value)) {
      absl::StatusOr<std::string> only = OnlyPath(place, at);
      if (!only.ok()) return only.status();
      kind.Set(path, *std::move(only));
    }
  }
  return absl::OkStatus();
}

// Gives `FOLDER/NAME/files`.
std::string FilesFolder(const std::string& folder, std::string_view id) {
  return absl::StrCat(folder, "/", std::string(id), "/files");
}

void UnlocateSource(const std::string& folder, v1::DataSource* source) {
  const Kind kind = KindOf(source);
  const std::string files = FilesFolder(folder, source->dataset());
  for (const FieldDescriptor* path : kind.paths) {
    if (!kind.Has(path)) continue;
    const std::string value = kind.Get(path);
    if (value == files) kind.Set(path, kWhole);
    if (value.starts_with(files + "/")) kind.Set(path, value.substr(files.size() + 1));
  }
}

}  // namespace

absl::Status ResolveDatasets(DatasetStore* store, const std::string& user, const std::string& field,
                             v1::DataSource* source, std::vector<DatasetUse>* held) {
  if (!source->has_dataset() && !source->has_dataset_digest()) return absl::OkStatus();
  const std::string at = field + ".dataset";
  const std::string& id = source->dataset();
  if (!rules::IsDatasetId(id)) {
    return InvalidField(at,
                        absl::StrCat("must be a dataset's name, such as titanic; is \"", id, "\""),
                        reason::kInvalidName);
  }
  if (store == nullptr) {
    return InvalidField(at, "this daemon keeps no datasets", reason::kDatasetNotFound);
  }
  absl::StatusOr<DatasetStore::Held> use = store->Use(id, source->dataset_digest(), user);
  if (!use.ok()) {
    return InvalidField(at, std::string(use.status().message()),
                        GetErrorDetail(use.status()).reason);
  }
  const Kind kind = KindOf(source);
  if (kind.message == nullptr) {
    return InvalidField(field,
                        absl::StrCat("says not how ", use->dataset.name(),
                                     " is read: {dataset: ", id, ", csv: {targets: […]}}, say"),
                        reason::kMissingField);
  }
  if (kind.paths.empty()) {
    return InvalidField(at, absl::StrCat("is for data in files; ", kind.name, " is made up"),
                        reason::kConflict);
  }
  const Place place{
      .store = *store, .dataset = use->dataset, .id = id, .is_folder = source->has_image_folder()};
  if (absl::Status status = ResolvePaths(place, field, kind); !status.ok()) return status;
  source->set_dataset_digest(use->dataset.digest());
  held->push_back(std::move(use->held));
  return absl::OkStatus();
}

absl::Status ResolveDatasets(DatasetStore* store, const std::string& user, v1::Spec* spec,
                             std::vector<DatasetUse>* held) {
  for (const NamedSource& named : SourcesOf(spec)) {
    absl::Status status = ResolveDatasets(store, user, named.field, named.source, held);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status HoldDatasets(DatasetStore* store, const std::string& user, const v1::Spec& spec,
                          std::vector<DatasetUse>* held) {
  absl::Status first;
  v1::Spec copy = spec;
  for (const NamedSource& named : SourcesOf(&copy)) {
    absl::StatusOr<DatasetStore::Held> use =
        store == nullptr
            ? absl::NotFoundError("this daemon keeps no datasets")
            : store->Use(named.source->dataset(), named.source->dataset_digest(), user);
    if (use.ok()) {
      held->push_back(std::move(use->held));
    } else if (first.ok()) {
      first = MakeError(
          absl::StatusCode::kFailedPrecondition,
          absl::StrCat(named.field, " of ", user, ": ", std::string(use.status().message())),
          reason::kDatasetNotFound);
    }
  }
  return first;
}

void LocateDatasets(const std::string& folder, v1::DataSource* source) {
  if (!source->has_dataset()) return;
  const Kind kind = KindOf(source);
  for (const FieldDescriptor* path : kind.paths) {
    const std::string value = kind.Has(path) ? kind.Get(path) : "/";
    if (value.starts_with('/')) continue;
    const std::string files = FilesFolder(folder, source->dataset());
    kind.Set(path, value == kWhole ? files : absl::StrCat(files, "/", value));
  }
}

void LocateDatasets(const std::string& folder, v1::Spec* spec) {
  for (const NamedSource& named : SourcesOf(spec)) LocateDatasets(folder, named.source);
}

void LocateDatasets(const std::string& folder, v1::SpecSummary* summary) {
  for (v1::DataDigest& digest : *summary->mutable_digests()) {
    const std::string_view path = digest.path();
    if (!path.starts_with(rules::kDatasetCollection)) continue;
    const std::string_view named = path.substr(rules::kDatasetCollection.size());
    const size_t slash = std::min(named.find('/'), named.size());
    digest.set_path(absl::StrCat(FilesFolder(folder, named.substr(0, slash)),
                                 std::string(named.substr(slash))));
  }
}

void UnlocateDatasets(const std::string& folder, v1::Spec* spec) {
  for (const NamedSource& named : SourcesOf(spec)) UnlocateSource(folder, named.source);
}

void UnlocateDatasets(const std::string& folder, v1::SpecSummary* summary) {
  for (v1::DataDigest& digest : *summary->mutable_digests()) {
    const std::string path = digest.path();
    if (!path.starts_with(folder + "/")) continue;
    const std::string named = path.substr(folder.size() + 1);
    const std::string id = named.substr(0, named.find('/'));
    const std::string files = id + "/files";
    if (!rules::IsDatasetId(id) || !named.starts_with(files)) continue;
    digest.set_path(absl::StrCat(rules::DatasetName(id), named.substr(files.size())));
  }
}

}  // namespace descent::daemon
