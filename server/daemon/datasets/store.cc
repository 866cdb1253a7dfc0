#include "server/daemon/datasets/store.h"

#include <libdeflate.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/text/size_text.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "proto/rules/nearest.h"
#include "proto/rules/reasons.h"
#include "server/common/log.h"
#include "server/common/regular_file.h"
#include "server/daemon/datasets/upload.h"
#include "server/daemon/security/rules.h"

namespace descent::daemon {

using server::LogError;
using server::LogInfo;
using server::LogWarning;
using server::MutexLock;

// An upload under way. What is not guarded may be read by any thread at any time.
struct DatasetStore::Slot {
  Slot(std::string the_id, std::string the_folder, v1::Dataset what)
      : id(std::move(the_id)), folder(std::move(the_folder)), declared(std::move(what)) {}

  const std::string id;
  const std::string folder;
  const v1::Dataset declared;
  std::atomic<int64_t> offset = 0;
  std::atomic<int64_t> files = 0;
  std::atomic<int64_t> active_nanos = 0;  // when something was added last
  std::atomic<bool> verifying = false;

  server::Mutex mutex;
  std::unique_ptr<Upload> content ABSL_GUARDED_BY(mutex);
  bool gone ABSL_GUARDED_BY(mutex) = false;  // it became a dataset, or nothing
};

namespace {

// Gives the {dataset} of a name that has been checked.
std::string IdOf(const std::string& name) { return rules::DatasetIdOf(name).value_or(""); }

int64_t SizeOf(const v1::Dataset& dataset) { return dataset.manifest_bytes() + dataset.bytes(); }

// Gives how many bytes may still be written where the folder is.
int64_t FreeBytes(const std::string& folder) {
  struct statvfs status{};
  if (statvfs(folder.c_str(), &status) != 0) return std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(status.f_bavail) * static_cast<int64_t>(status.f_frsize);
}

absl::Status OtherDigest(const v1::Dataset& dataset, const std::string& digest) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat(dataset.name(), " has the digest ", dataset.digest(), ", not ",
                                digest, ": it is another one of the same name"),
                   reason::kDatasetExists);
}

void Remove(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (error) LogWarning("datasets", absl::StrCat("can't remove ", folder, ": ", error.message()));
}

}  // namespace

DatasetStore::DatasetStore(const Options& options)
    : options_(options),
      folder_(options.data_dir + "/datasets"),
      uploads_folder_(options.data_dir + "/uploads") {}

DatasetStore::~DatasetStore() = default;

// ------------------------------------------------------------------------------------- The start

absl::StatusOr<std::unique_ptr<DatasetStore>> DatasetStore::Open(const Options& options) {
  std::unique_ptr<DatasetStore> store(new DatasetStore(options));
  if (absl::Status status = store->MakeFolders(); !status.ok()) return status;
  store->Load();
  store->SweepExpired();
  return store;
}

absl::Status DatasetStore::MakeFolders() const {
  for (const std::string& folder : {folder_, uploads_folder_}) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (!error) {
      std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    }
    if (!error) continue;
    return absl::Status(error == std::errc::no_space_on_device
                            ? absl::StatusCode::kResourceExhausted
                            : absl::StatusCode::kUnavailable,
                        absl::StrCat("Can't make the folder ", folder, ": ", error.message()));
  }
  return absl::OkStatus();
}

void DatasetStore::Load() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string id = entry.path().filename().string();
    if (!rules::IsDatasetId(id)) continue;
    absl::StatusOr<v1::Dataset> dataset = ReadDatasetNote(entry.path().string());
    if (!dataset.ok()) {
      LogError(rules::DatasetName(id),
               absl::StrCat(std::string(dataset.status().message()),
                            "; put it back from a copy, or remove ", entry.path().string()));
      continue;
    }
    dataset->set_name(rules::DatasetName(id));
    MutexLock lock(mutex_);
    ready_[id].dataset = *std::move(dataset);
  }
  std::vector<std::string> uploads;
  for (const auto& entry : std::filesystem::directory_iterator(uploads_folder_, error)) {
    uploads.push_back(entry.path().string());
  }
  for (const std::string& upload : uploads) LoadUpload(upload);
}

void DatasetStore::LoadUpload(const std::string& folder) {
  absl::StatusOr<std::unique_ptr<Upload>> content = Upload::Resume(folder);
  if (!content.ok()) {  // it is what a kill left of one that was begun or removed
    LogInfo("datasets",
            absl::StrCat("removes ", folder, ": ", std::string(content.status().message())));
    return Remove(folder);
  }
  const v1::Dataset& declared = (*content)->declared();
  const std::string id = IdOf(declared.name());
  auto slot = std::make_shared<Slot>(id, folder, declared);
  slot->offset = (*content)->offset();
  slot->files = (*content)->files();
  slot->active_nanos = (*content)->resumed_nanos();
  bool taken = false;
  {
    MutexLock content_lock(slot->mutex);
    slot->content = *std::move(content);
    MutexLock lock(mutex_);
    taken = !id.empty() && !ready_.contains(id) && uploads_.try_emplace(id, slot).second;
  }
  if (!taken) Remove(folder);
}

void DatasetStore::SweepExpired() {
  const int64_t now = options_.clock->WallNanos();
  std::vector<std::shared_ptr<Slot>> expired;
  {
    MutexLock lock(mutex_);
    std::erase_if(uploads_, [&](const auto& entry) {
      const Slot& slot = *entry.second;
      const bool is_old = !slot.verifying && now - slot.active_nanos > kExpiryNanos;
      if (is_old) expired.push_back(entry.second);
      return is_old;
    });
  }
  for (const std::shared_ptr<Slot>& slot : expired) {
    LogInfo(slot->declared.name(), "nothing was added to its upload for long: removed");
    MutexLock lock(slot->mutex);
    RemoveContent(*slot);
  }
}

void DatasetStore::RemoveContent(Slot& slot) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  slot.gone = true;
  slot.content.reset();
  Remove(slot.folder);
}

// ----------------------------------------------------------------------------------- The methods

absl::Status DatasetStore::NotFound(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& [id, ready] : ready_) names.push_back(rules::DatasetName(id));
  for (const auto& [id, slot] : uploads_) names.push_back(rules::DatasetName(id));
  return MakeError(
      absl::StatusCode::kNotFound,
      absl::StrCat("there is no dataset ", name, rules::DidYouMean(name, names),
                   names.empty() ? "; `descent dataset upload NAME PATH` makes one" : ""),
      reason::kDatasetNotFound);
}

int64_t DatasetStore::UsedBytes(const std::string& but_of) const {
  int64_t used = 0;
  for (const auto& [id, ready] : ready_) used += SizeOf(ready.dataset);
  for (const auto& [id, slot] : uploads_) {
    if (id != but_of) used += SizeOf(slot->declared);
  }
  return used;
}

absl::Status DatasetStore::CheckRoom(const v1::CreateDatasetRequest& request) const {
  const std::string id = IdOf(request.name());
  const bool is_new = !uploads_.contains(id);
  if (is_new &&
      (ready_.size() + uploads_.size() >= kMaxDatasets || uploads_.size() >= kMaxUploads)) {
    return MakeError(absl::StatusCode::kResourceExhausted,
                     absl::StrCat("there are ", ready_.size(), " datasets and ", uploads_.size(),
                                  " uploads under way, of which there may be ", kMaxDatasets,
                                  " together, and ", kMaxUploads, " uploads: delete some"),
                     reason::kTooManyDatasets);
  }
  const int64_t used = UsedBytes(id);
  const int64_t wanted = request.manifest_bytes() + request.bytes();
  if (options_.quota_bytes > 0 && wanted > options_.quota_bytes - used) {
    return MakeError(
        absl::StatusCode::kResourceExhausted,
        absl::StrCat(request.name(), " has ", SizeText(wanted), "; of the ",
                     SizeText(options_.quota_bytes), " for datasets ", SizeText(used),
                     " are used: delete some, or have descentd started with a larger "
                     "--dataset_quota"),
        ErrorDetail{.reason = reason::kQuotaExceeded,
                    .metadata = {{"used_bytes", absl::StrCat(used)},
                                 {"quota_bytes", absl::StrCat(options_.quota_bytes)}}});
  }
  return absl::OkStatus();
}

v1::Dataset DatasetStore::Shown(const Ready& ready) {
  v1::Dataset shown = ready.dataset;
  shown.set_state(v1::Dataset::READY);
  shown.set_offset(SizeOf(shown));
  for (const auto& [number, user] : ready.users) {
    if (std::ranges::find(shown.used_by(), user) == shown.used_by().end()) shown.add_used_by(user);
  }
  return shown;
}

v1::Dataset DatasetStore::Shown(const Slot& slot) {
  v1::Dataset shown = slot.declared;
  shown.set_state(slot.verifying ? v1::Dataset::VERIFYING : v1::Dataset::UPLOADING);
  shown.set_offset(slot.offset);
  shown.set_files(slot.files);
  return shown;
}

std::string DatasetStore::NewFolder(const std::string& prefix) {
  static std::atomic<int64_t> last = 0;
  std::error_code error;
  while (true) {
    std::string folder = absl::StrCat(uploads_folder_, "/", prefix, "-", ++last);
    if (!std::filesystem::exists(folder, error)) return folder;
  }
}

absl::StatusOr<v1::Dataset> DatasetStore::Create(const Caller& caller,
                                                 const v1::CreateDatasetRequest& request) {
  SweepExpired();
  const std::string id = IdOf(request.name());
  v1::Dataset declared;
  declared.set_name(request.name());
  declared.set_digest(request.digest());
  declared.set_bytes(request.bytes());
  declared.set_manifest_bytes(request.manifest_bytes());
  declared.set_owner(caller.principal);
  declared.set_group(request.group());
  declared.set_create_time_unix_nanos(static_cast<uint64_t>(options_.clock->WallNanos()));
  auto slot = std::make_shared<Slot>(id, NewFolder(id), declared);
  slot->active_nanos = options_.clock->WallNanos();
  const int64_t free = FreeBytes(uploads_folder_);
  std::error_code error;
  const bool is_occupied = std::filesystem::exists(absl::StrCat(folder_, "/", id), error);

  std::shared_ptr<Slot> replaced;
  MutexLock content_lock(slot->mutex);  // nobody adds before there is where to
  {
    MutexLock lock(mutex_);
    if (const auto ready = ready_.find(id); ready != ready_.end()) {
      if (ready->second.dataset.digest() == request.digest()) return Shown(ready->second);
      return MakeError(absl::StatusCode::kAlreadyExists,
                       absl::StrCat("there is a ", request.name(),
                                    " with other content, and no dataset ever changes: choose "
                                    "another name, or delete it first"),
                       reason::kDatasetExists);
    }
    if (is_occupied) {
      return MakeError(absl::StatusCode::kAlreadyExists,
                       absl::StrCat("the daemon can't read what it has of ", request.name(),
                                    " (its log says why): choose another name"),
                       reason::kDatasetExists);
    }
    if (const auto known = uploads_.find(id); known != uploads_.end()) {
      const v1::Dataset& other = known->second->declared;
      absl::Status owner = CheckOwner(caller, "WriteDataset", request.name(),
                                      {.owner = other.owner(), .group = other.group()});
      if (!owner.ok()) return owner;
      if (other.digest() == request.digest() && SizeOf(other) == SizeOf(declared) &&
          other.bytes() == declared.bytes()) {
        known->second->active_nanos = options_.clock->WallNanos();
        return Shown(*known->second);
      }
      replaced = known->second;
    }
    if (absl::Status status = CheckRoom(request); !status.ok()) return status;
    if (free - SizeOf(declared) < options_.reserve_bytes) {
      return MakeError(
          absl::StatusCode::kResourceExhausted,
          absl::StrCat(request.name(), " has ", SizeText(SizeOf(declared)),
                       "; the daemon's disk has room for ",
                       SizeText(std::max<int64_t>(0, free - options_.reserve_bytes)), " more"),
          reason::kDiskFull);
    }
    uploads_[id] = slot;
  }
  if (replaced != nullptr) Discard(replaced);
  absl::StatusOr<std::unique_ptr<Upload>> content = Upload::Begin(slot->folder, declared);
  if (!content.ok()) {
    {
      MutexLock lock(mutex_);
      std::erase_if(uploads_, [&](const auto& entry) { return entry.second == slot; });
    }
    RemoveContent(*slot);
    return content.status();
  }
  slot->content = *std::move(content);
  return Shown(*slot);
}

void DatasetStore::Discard(const std::shared_ptr<Slot>& slot) {
  {
    MutexLock lock(mutex_);
    std::erase_if(uploads_, [&](const auto& entry) { return entry.second == slot; });
  }
  MutexLock lock(slot->mutex);
  if (!slot->gone) RemoveContent(*slot);
}

absl::StatusOr<v1::Dataset> DatasetStore::Write(const v1::WriteDatasetRequest& request) {
  const std::string& data = request.data();
  if (libdeflate_crc32(0, data.data(), data.size()) != request.crc32()) {
    return MakeError(absl::StatusCode::kDataLoss,
                     absl::StrCat("the chunk at ", request.offset(), " of ", request.name(),
                                  " arrived damaged; send it again"),
                     reason::kChecksumMismatch);
  }
  const std::string id = IdOf(request.name());
  const int64_t end = request.offset() + static_cast<int64_t>(data.size());
  const auto is_there = [&](const v1::Dataset& dataset) {
    return dataset.digest() == request.digest() && end <= SizeOf(dataset);
  };
  std::shared_ptr<Slot> slot;
  {
    MutexLock lock(mutex_);
    const auto ready = ready_.find(id);
    if (ready != ready_.end() && is_there(ready->second.dataset)) return Shown(ready->second);
    if (const auto known = uploads_.find(id); known != uploads_.end()) slot = known->second;
  }
  if (slot == nullptr || slot->declared.digest() != request.digest()) {
    return MakeError(absl::StatusCode::kNotFound,
                     absl::StrCat("there is no upload of ", request.name(),
                                  " with this digest; CreateDataset begins one"),
                     reason::kDatasetNotFound);
  }
  if (slot->verifying) return Shown(*slot);
  MutexLock content_lock(slot->mutex);
  if (slot->gone) {
    MutexLock lock(mutex_);
    const auto ready = ready_.find(id);
    if (ready != ready_.end() && is_there(ready->second.dataset)) return Shown(ready->second);
    return NotFound(request.name());
  }
  Upload& content = *slot->content;
  const bool is_repeated = end <= content.offset();
  if ((!is_repeated && request.offset() != content.offset()) || end > content.size()) {
    return MakeError(absl::StatusCode::kOutOfRange,
                     absl::StrCat("the next chunk of ", request.name(), " begins at ",
                                  content.offset(), ", and the last ends at ", content.size(),
                                  "; this one is from ", request.offset(), " to ", end),
                     ErrorDetail{.reason = reason::kOffsetMismatch,
                                 .metadata = {{"offset", absl::StrCat(content.offset())}}});
  }
  const absl::Status added = content.Append(is_repeated ? std::string_view() : data);
  slot->offset = content.offset();
  slot->files = content.files();
  slot->active_nanos = options_.clock->WallNanos();
  if (added.ok() && content.offset() < content.size()) return Shown(*slot);
  absl::StatusOr<v1::Dataset> finished =
      added.ok() ? Finish(slot) : absl::StatusOr<v1::Dataset>(added);
  if (absl::IsInvalidArgument(finished.status()) || absl::IsDataLoss(finished.status())) {
    LogInfo(request.name(), std::string(finished.status().message()));
    {
      MutexLock lock(mutex_);
      std::erase_if(uploads_, [&](const auto& entry) { return entry.second == slot; });
    }
    RemoveContent(*slot);
  }
  return finished;
}

absl::StatusOr<v1::Dataset> DatasetStore::Finish(const std::shared_ptr<Slot>& slot)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  slot->verifying = true;
  const std::string folder = absl::StrCat(folder_, "/", slot->id);
  absl::StatusOr<v1::Dataset> dataset = slot->content->Finish(folder);
  slot->verifying = false;
  if (!dataset.ok()) return dataset.status();
  slot->gone = true;
  slot->content.reset();
  {
    MutexLock lock(mutex_);
    const auto known = uploads_.find(slot->id);
    if (known != uploads_.end() && known->second == slot) {
      uploads_.erase(known);
      Ready& ready = ready_[slot->id];
      ready.dataset = *dataset;
      LogInfo(dataset->name(),
              absl::StrCat("uploaded by ", dataset->owner(), ": ", dataset->files(), " files, ",
                           SizeText(dataset->bytes())));
      return Shown(ready);
    }
  }
  Remove(folder);  // it was deleted while it was verified
  MutexLock lock(mutex_);
  return NotFound(slot->declared.name());
}

absl::StatusOr<v1::Dataset> DatasetStore::Get(const std::string& name) const {
  MutexLock lock(mutex_);
  const std::string id = IdOf(name);
  if (const auto ready = ready_.find(id); ready != ready_.end()) return Shown(ready->second);
  if (const auto known = uploads_.find(id); known != uploads_.end()) return Shown(*known->second);
  return NotFound(name);
}

v1::ListDatasetsResponse DatasetStore::List() const {
  std::map<std::string, v1::Dataset> all;
  v1::ListDatasetsResponse response;
  MutexLock lock(mutex_);
  for (const auto& [id, ready] : ready_) all[id] = Shown(ready);
  for (const auto& [id, slot] : uploads_) all[id] = Shown(*slot);
  for (auto& [id, dataset] : all) *response.add_datasets() = std::move(dataset);
  response.set_used_bytes(UsedBytes(""));
  response.set_quota_bytes(options_.quota_bytes);
  return response;
}

absl::StatusOr<v1::DeleteDatasetResponse> DatasetStore::Delete(const std::string& name) {
  const std::string id = IdOf(name);
  // Once it has this name it is gone, whatever becomes of the removal.
  const std::string going = NewFolder("deleted");
  std::shared_ptr<Slot> upload;
  {
    MutexLock lock(mutex_);
    const auto ready = ready_.find(id);
    const auto known = uploads_.find(id);
    if (ready == ready_.end() && known == uploads_.end()) return NotFound(name);
    if (ready != ready_.end()) {
      const std::map<int64_t, std::string>& users = ready->second.users;
      if (!users.empty()) {
        return MakeError(absl::StatusCode::kFailedPrecondition,
                         absl::StrCat(name, " is used by ", users.begin()->second,
                                      users.size() > 1 ? ", among others, which are" : ", which is",
                                      " not over; stop that first"),
                         reason::kDatasetInUse);
      }
      const std::string folder = absl::StrCat(folder_, "/", id);
      std::error_code error;
      std::filesystem::rename(folder, going, error);
      if (error && error != std::errc::no_such_file_or_directory) {
        return MakeError(absl::StatusCode::kUnavailable,
                         absl::StrCat(name, " was not deleted: ", error.message()),
                         reason::kStoreFailed);
      }
      ready_.erase(ready);
    } else {
      upload = known->second;
    }
  }
  if (upload != nullptr) {
    Discard(upload);
  } else {
    Remove(going);
  }
  LogInfo(name, "deleted");
  return v1::DeleteDatasetResponse();
}

absl::StatusOr<Ownership> DatasetStore::OwnershipOf(const std::string& name) const {
  const absl::StatusOr<v1::Dataset> dataset = Get(name);
  if (!dataset.ok()) return dataset.status();
  return Ownership{.owner = dataset->owner(), .group = dataset->group()};
}

// ------------------------------------------------------------------------------------ Its users

absl::StatusOr<DatasetStore::Held> DatasetStore::Use(const std::string& id,
                                                     const std::string& digest,
                                                     const std::string& user) {
  MutexLock lock(mutex_);
  const auto ready = ready_.find(id);
  if (ready == ready_.end()) {
    const auto upload = uploads_.find(id);
    if (upload == uploads_.end()) return NotFound(rules::DatasetName(id));
    return MakeError(
        absl::StatusCode::kNotFound,
        absl::StrCat(rules::DatasetName(id), " is not complete: ", upload->second->offset.load(),
                     " of ", SizeOf(upload->second->declared),
                     " bytes are there; go on with its upload"),
        reason::kDatasetNotFound);
  }
  const v1::Dataset& dataset = ready->second.dataset;
  if (!digest.empty() && digest != dataset.digest()) return OtherDigest(dataset, digest);
  const int64_t number = ++last_use_;
  ready->second.users[number] = user;
  return Held{.dataset = dataset,
              .held = DatasetUse(static_cast<const void*>(this), [this, id, number](const void*) {
                MutexLock release(mutex_);
                const auto used = ready_.find(id);
                if (used != ready_.end()) used->second.users.erase(number);
              })};
}

absl::StatusOr<std::vector<DatasetFile>> DatasetStore::FilesOf(const std::string& id) const {
  const std::string path = absl::StrCat(folder_, "/", id, "/manifest");
  const absl::StatusOr<std::string> text = server::ReadRegularFile(path, kMaxManifestBytes);
  absl::StatusOr<std::vector<DatasetFile>> files =
      text.ok() ? ParseManifest(*text) : absl::StatusOr<std::vector<DatasetFile>>(text.status());
  if (files.ok()) return files;
  return MakeError(absl::StatusCode::kDataLoss,
                   absl::StrCat(path, " is damaged: ", std::string(files.status().message())),
                   reason::kFileDamaged);
}

}  // namespace descent::daemon
