#include "server/daemon/datasets/upload.h"

#include <fcntl.h>
#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/digest/sha256.h"
#include "core/files/private_file.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/common/errno_text.h"
#include "server/common/regular_file.h"

namespace descent::daemon {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;
constexpr size_t kMaxNoteBytes = size_t{64} << 10;

// A file of ours that is open as long as this lives.
class OpenFile {
 public:
  OpenFile(const std::string& path, int flags)
      : fd_(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR)) {}
  ~OpenFile() {
    if (fd_ >= 0) close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status CannotWrite(const std::string& path, int error) {
  const bool is_full = error == ENOSPC || error == EDQUOT;
  return MakeError(
      is_full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable,
      absl::StrCat("the dataset can't be written: ", path, ": ", server::ErrnoText(error),
                   is_full ? "; go on with the upload when there is room" : ""),
      is_full ? reason::kDiskFull : reason::kStoreFailed);
}

// Writes into a file from a place on, which is its end. Adds to `written` what was.
absl::Status WriteAt(const std::string& path, int64_t place, std::string_view bytes,
                     int64_t* written) {
  const OpenFile file(path, O_WRONLY | O_CREAT);
  if (file.fd() < 0) return CannotWrite(path, errno);
  while (!bytes.empty()) {
    const ssize_t count = pwrite(file.fd(), bytes.data(), bytes.size(), place);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return CannotWrite(path, count < 0 ? errno : EIO);
    place += count;
    *written += count;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status Sync(const std::string& path) {
  const OpenFile file(path, O_RDONLY);
  return file.fd() >= 0 && fsync(file.fd()) == 0 ? absl::OkStatus() : CannotWrite(path, errno);
}

absl::Status InvalidManifest(const std::string& why) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("the upload is given up: ", why), reason::kInvalidManifest);
}

absl::Status NotAsDeclared(const std::string& path) {
  return MakeError(absl::StatusCode::kDataLoss,
                   absl::StrCat("the upload is given up: ", path,
                                " is not what the manifest says; perhaps it was changed "
                                "meanwhile. Upload the dataset again"),
                   reason::kChecksumMismatch);
}

// Reads a file back, and leaves it for reading alone.
absl::Status VerifyFile(const DatasetFile& expected, const std::string& path) {
  const OpenFile file(path, O_RDONLY);
  struct stat status{};
  if (file.fd() < 0 || fstat(file.fd(), &status) != 0) return NotAsDeclared(expected.path);
  if (!S_ISREG(status.st_mode) || status.st_size != expected.bytes) {
    return NotAsDeclared(expected.path);
  }
  Sha256 sha256;
  std::string buffer(kReadBytes, '\0');
  while (true) {
    const ssize_t count = read(file.fd(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return CannotWrite(path, errno);
    if (count == 0) break;
    sha256.Update(buffer.data(), static_cast<size_t>(count));
  }
  if (sha256.FinishHex() != expected.sha256) return NotAsDeclared(expected.path);
  return fchmod(file.fd(), S_IRUSR) == 0 ? absl::OkStatus() : CannotWrite(path, errno);
}

absl::Status WriteNote(const std::string& folder, const v1::Dataset& dataset) {
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  if (!google::protobuf::util::MessageToJsonString(dataset, &json, options).ok()) {
    return MakeError(absl::StatusCode::kInternal, "the dataset's note can't be made",
                     reason::kInternal);
  }
  const absl::Status status = WritePrivateFile(folder + "/dataset.json", json);
  if (status.ok()) return status;
  return MakeError(status.code(), std::string(status.message()),
                   absl::IsResourceExhausted(status) ? reason::kDiskFull : reason::kStoreFailed);
}

int64_t ModifiedNanos(const struct stat& status) {
  return int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

}  // namespace

absl::StatusOr<v1::Dataset> ReadDatasetNote(const std::string& folder) {
  const absl::StatusOr<std::string> json =
      server::ReadRegularFile(folder + "/dataset.json", kMaxNoteBytes);
  if (!json.ok()) return absl::DataLossError(std::string(json.status().message()));
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  v1::Dataset dataset;
  if (!google::protobuf::util::JsonStringToMessage(*json, &dataset, options).ok() ||
      dataset.manifest_bytes() <= 0 || dataset.manifest_bytes() > kMaxManifestBytes ||
      dataset.bytes() < 0 || dataset.bytes() > kMaxDatasetBytes) {
    return absl::DataLossError(absl::StrCat(folder, "/dataset.json is not what was written"));
  }
  return dataset;
}

absl::StatusOr<std::unique_ptr<Upload>> Upload::Begin(const std::string& folder,
                                                      const v1::Dataset& declared) {
  for (const std::string& path : {folder, folder + "/files"}) {
    if (mkdir(path.c_str(), S_IRWXU) != 0) return CannotWrite(path, errno);
  }
  if (absl::Status status = WriteNote(folder, declared); !status.ok()) return status;
  return std::unique_ptr<Upload>(new Upload(folder, declared));
}

absl::StatusOr<std::unique_ptr<Upload>> Upload::Resume(const std::string& folder) {
  absl::StatusOr<v1::Dataset> declared = ReadDatasetNote(folder);
  if (!declared.ok()) return declared.status();
  std::unique_ptr<Upload> upload(new Upload(folder, *std::move(declared)));
  if (absl::Status status = upload->FindPlace(); !status.ok()) {
    return absl::DataLossError(std::string(status.message()));
  }
  return upload;
}

absl::Status Upload::FindPlace() {
  struct stat status{};
  if (lstat((folder_ + "/dataset.json").c_str(), &status) == 0) {
    resumed_nanos_ = ModifiedNanos(status);
  }
  if (lstat(ManifestPath().c_str(), &status) != 0) return absl::OkStatus();
  if (!S_ISREG(status.st_mode) || status.st_size > declared_.manifest_bytes()) {
    return absl::DataLossError(absl::StrCat(ManifestPath(), " is not what was written"));
  }
  resumed_nanos_ = std::max(resumed_nanos_, ModifiedNanos(status));
  offset_ = status.st_size;
  if (offset_ < declared_.manifest_bytes()) return absl::OkStatus();
  if (absl::Status taken = TakeManifest(); !taken.ok()) return taken;
  for (; next_ < files_.size(); ++next_, written_ = 0) {
    const DatasetFile& file = files_[next_];
    if (lstat(PathOf(file).c_str(), &status) != 0) break;
    if (!S_ISREG(status.st_mode) || status.st_size > file.bytes) {
      return absl::DataLossError(absl::StrCat(PathOf(file), " is not what was written"));
    }
    resumed_nanos_ = std::max(resumed_nanos_, ModifiedNanos(status));
    written_ = status.st_size;
    offset_ += written_;
    if (written_ < file.bytes) break;
  }
  return StepOver();
}

absl::Status Upload::TakeManifest() {
  const absl::StatusOr<std::string> text =
      server::ReadRegularFile(ManifestPath(), kMaxManifestBytes);
  if (!text.ok()) return CannotWrite(ManifestPath(), EIO);
  if (Sha256Hex(*text) != declared_.digest()) {
    return InvalidManifest("the manifest is not that of the digest");
  }
  absl::StatusOr<std::vector<DatasetFile>> files = ParseManifest(*text);
  if (!files.ok()) return InvalidManifest(std::string(files.status().message()));
  int64_t bytes = 0;
  for (const DatasetFile& file : *files) bytes += file.bytes;
  if (bytes != declared_.bytes()) {
    return InvalidManifest(absl::StrCat("the manifest's files have ", bytes, " bytes, but ",
                                        declared_.bytes(), " were declared"));
  }
  files_ = *std::move(files);
  return absl::OkStatus();
}

absl::Status Upload::StepOver() {
  for (; next_ < files_.size(); ++next_, written_ = 0) {
    const DatasetFile& file = files_[next_];
    if (written_ == 0) {
      const std::string path = PathOf(file);
      std::error_code error;
      std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
      if (error) return CannotWrite(path, error.value());
      if (absl::Status status = WriteAt(path, 0, "", &written_); !status.ok()) return status;
    }
    if (written_ < file.bytes) break;
  }
  return absl::OkStatus();
}

absl::Status Upload::Append(std::string_view content) {
  while (!content.empty()) {
    int64_t count = 0;
    absl::Status status;
    if (offset_ < declared_.manifest_bytes()) {
      const int64_t room = declared_.manifest_bytes() - offset_;
      status =
          WriteAt(ManifestPath(), offset_, content.substr(0, static_cast<size_t>(room)), &count);
      offset_ += count;
      if (status.ok() && offset_ == declared_.manifest_bytes()) status = TakeManifest();
    } else {
      // A step that failed last time is made once more.
      status = files_.empty() ? TakeManifest() : absl::OkStatus();
      if (status.ok()) status = StepOver();
      if (!status.ok()) return status;
      if (next_ == files_.size()) break;
      const DatasetFile& file = files_[next_];
      const int64_t room = file.bytes - written_;
      status =
          WriteAt(PathOf(file), written_, content.substr(0, static_cast<size_t>(room)), &count);
      offset_ += count;
      written_ += count;
    }
    if (!status.ok()) return status;
    content.remove_prefix(static_cast<size_t>(count));
  }
  return offset_ < declared_.manifest_bytes() ? absl::OkStatus() : StepOver();
}

absl::Status Upload::Verify() {
  for (const DatasetFile& file : files_) {
    if (absl::Status status = VerifyFile(file, PathOf(file)); !status.ok()) return status;
  }
  // One call for all, where an fsync of each of 60,000 pictures would take minutes.
  const OpenFile folder(folder_, O_RDONLY | O_DIRECTORY);
  if (folder.fd() < 0 || syncfs(folder.fd()) != 0) return CannotWrite(folder_, errno);
  return absl::OkStatus();
}

absl::StatusOr<v1::Dataset> Upload::Finish(const std::string& name) {
  if (absl::Status status = Verify(); !status.ok()) return status;
  v1::Dataset dataset = declared_;
  dataset.set_files(files());
  absl::Status status = WriteNote(folder_, dataset);
  if (!status.ok()) return status;
  if (rename(folder_.c_str(), name.c_str()) != 0) return CannotWrite(name, errno);
  status = Sync(std::filesystem::path(name).parent_path().string());
  if (!status.ok()) return status;
  return dataset;
}

}  // namespace descent::daemon
