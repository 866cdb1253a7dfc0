#include "client/cpp/dataset_upload.h"

#include <libdeflate.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/digest/sha256.h"
#include "core/text/size_text.h"
#include "core/text/utf8.h"
#include "proto/rpc_status.h"

namespace descent::client {
namespace {

// So many times it is begun again without a chunk that arrived in between.
constexpr int kTries = 3;
constexpr absl::Duration kPoll = absl::Milliseconds(200);

absl::Status CannotSend(const std::string& path, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat(ValidUtf8(path), ": ", why));
}

// Gives the files in a folder, by their relative paths.
absl::Status ListFiles(const std::filesystem::path& folder, const std::string& prefix,
                       std::map<std::string, std::string>* files) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) return CannotSend(folder.string(), error.message());
  for (const std::filesystem::directory_entry& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (name.empty() || name.front() == '.') continue;
    const std::string path = prefix.empty() ? name : absl::StrCat(prefix, "/", name);
    if (const std::string why = WhyNoDatasetPath(path); !why.empty()) {
      return CannotSend(entry.path().string(), absl::StrCat("its path in the dataset ", why));
    }
    if (entry.is_directory(error)) {
      if (entry.is_symlink(error)) {
        return CannotSend(entry.path().string(), "is a link to a folder; name that folder itself");
      }
      absl::Status listed = ListFiles(entry.path(), path, files);
      if (!listed.ok()) return listed;
    } else if (entry.is_regular_file(error)) {
      (*files)[path] = entry.path().string();
    } else {
      return CannotSend(entry.path().string(), "is neither a file nor a folder");
    }
    if (files->size() > kMaxDatasetFiles) {
      return CannotSend(folder.string(),
                        absl::StrCat("has more than ", kMaxDatasetFiles, " files"));
    }
  }
  return absl::OkStatus();
}

// Calls `take` with all pieces of a file. False if it can't be read.
bool ReadPieces(const std::string& path, const std::function<void(const char*, size_t)>& take) {
  std::ifstream file(path, std::ios::binary);
  std::string buffer(kMaxDatasetChunk, '\0');
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    if (file.gcount() > 0) take(buffer.data(), static_cast<size_t>(file.gcount()));
  }
  return file.eof();
}

// The content of a dataset from any place on: its manifest, then its files.
class Content {
 public:
  explicit Content(const LocalDataset& dataset) : dataset_(dataset) {
    int64_t begin = static_cast<int64_t>(dataset.manifest.size());
    for (const DatasetFile& file : dataset.files) {
      begins_.push_back(begin);
      begin += file.bytes;
    }
    size_ = begin;
  }

  int64_t size() const { return size_; }

  // Gives the chunk at `offset`, which is before the end. INVALID_ARGUMENT names a file that has
  // become shorter.
  absl::StatusOr<std::string> Read(int64_t offset) {
    const auto manifest = static_cast<int64_t>(dataset_.manifest.size());
    std::string chunk;
    if (offset < manifest) chunk = dataset_.manifest.substr(static_cast<size_t>(offset));
    if (chunk.size() > kMaxDatasetChunk) chunk.resize(kMaxDatasetChunk);
    while (chunk.size() < kMaxDatasetChunk) {
      const int64_t place = offset + static_cast<int64_t>(chunk.size());
      if (place >= size_) break;
      // The last file that begins there or before; those before it hold nothing, or are over.
      const size_t index =
          static_cast<size_t>(std::ranges::upper_bound(begins_, place) - begins_.begin() - 1);
      const int64_t within = place - begins_[index];
      const int64_t left = dataset_.files[index].bytes - within;
      const int64_t room = static_cast<int64_t>(kMaxDatasetChunk - chunk.size());
      absl::Status added = Append(index, within, std::min(left, room), &chunk);
      if (!added.ok()) return added;
    }
    return chunk;
  }

 private:
  absl::Status Append(size_t index, int64_t place, int64_t count, std::string* chunk) {
    if (open_ != index) {
      file_ = std::ifstream(dataset_.sources[index], std::ios::binary);
      open_ = index;
    }
    file_.clear();
    file_.seekg(place);
    const size_t before = chunk->size();
    chunk->resize(before + static_cast<size_t>(count));
    file_.read(chunk->data() + before, count);
    if (file_.gcount() == count) return absl::OkStatus();
    return CannotSend(dataset_.sources[index], "has become shorter, or can't be read any more");
  }

  const LocalDataset& dataset_;
  std::vector<int64_t> begins_;  // of the files' contents
  int64_t size_ = 0;
  size_t open_ = static_cast<size_t>(-1);
  std::ifstream file_;
};

// True if what was refused may go well when it is begun again from where it stands.
bool MayGoOn(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsOutOfRange(status) || absl::IsDataLoss(status);
}

absl::Status Standing(const absl::Status& status, int64_t done, int64_t all) {
  if (!absl::IsUnavailable(status) || done == 0) return status;
  return MakeError(
      status.code(),
      absl::StrCat(std::string(status.message()), "; ", SizeText(static_cast<double>(done)), " of ",
                   SizeText(static_cast<double>(all)),
                   " are there: the same command goes on from there"),
      GetErrorDetail(status));
}

}  // namespace

absl::StatusOr<LocalDataset> ReadLocalDataset(const std::string& path,
                                              const DatasetProgress& progress) {
  std::error_code error;
  std::map<std::string, std::string> files;  // in the order of their paths' bytes
  const std::filesystem::path given(path);
  if (std::filesystem::is_directory(given, error)) {
    if (absl::Status status = ListFiles(given, "", &files); !status.ok()) return status;
    if (files.empty()) return CannotSend(path, "has no files");
  } else if (std::filesystem::is_regular_file(given, error)) {
    const std::string name = given.filename().string();
    if (const std::string why = WhyNoDatasetPath(name); !why.empty()) {
      return CannotSend(path, absl::StrCat("its name ", why));
    }
    files[name] = path;
  } else if (std::filesystem::exists(given, error)) {
    return CannotSend(path, "is neither a file nor a folder");
  } else {
    return absl::NotFoundError(absl::StrCat(ValidUtf8(path), ": there is no such file or folder"));
  }
  int64_t all = 0;
  for (const auto& [name, source] : files) {
    all += static_cast<int64_t>(std::filesystem::file_size(source, error));
  }
  LocalDataset dataset;
  for (const auto& [name, source] : files) {
    Sha256 sha256;
    int64_t bytes = 0;
    const bool read = ReadPieces(source, [&](const char* data, size_t count) {
      sha256.Update(data, count);
      bytes += static_cast<int64_t>(count);
      if (progress) progress(dataset.bytes + bytes, std::max(all, dataset.bytes + bytes));
    });
    if (!read) return CannotSend(source, "can't be read");
    dataset.bytes += bytes;
    dataset.files.push_back({.path = name, .bytes = bytes, .sha256 = sha256.FinishHex()});
    dataset.sources.push_back(source);
  }
  dataset.manifest = ManifestText(dataset.files);
  if (static_cast<int64_t>(dataset.manifest.size()) > kMaxManifestBytes) {
    return CannotSend(path, "has too many files, or too long names");
  }
  dataset.digest = Sha256Hex(dataset.manifest);
  return dataset;
}

absl::StatusOr<v1::Dataset> UploadDataset(const Client& client, const std::string& name,
                                          const std::string& group, const LocalDataset& dataset,
                                          const DatasetProgress& progress, Clock* clock) {
  v1::CreateDatasetRequest create;
  create.set_name(name);
  create.set_digest(dataset.digest);
  create.set_bytes(dataset.bytes);
  create.set_manifest_bytes(static_cast<int64_t>(dataset.manifest.size()));
  create.set_group(group);
  Content content(dataset);
  absl::StatusOr<v1::Dataset> standing;
  int64_t reached = -1;  // the furthest place that there was
  for (int tries = 0; tries < kTries;) {
    const absl::Status before = standing.status();
    standing = client.CreateDataset(create);
    // The upload was given up for what the files are: they would be so again.
    if (tries > 0 && absl::IsDataLoss(before) && standing.ok() && standing->offset() < reached) {
      return before;
    }
    while (standing.ok() && standing->state() == v1::Dataset::UPLOADING) {
      const int64_t offset = standing->offset();
      if (progress) progress(offset, content.size());
      if (offset > reached) tries = 0;
      reached = std::max(reached, offset);
      v1::WriteDatasetRequest write;
      write.set_name(name);
      write.set_digest(dataset.digest);
      // Of one that is there but for what a full disk kept from being finished, the last byte once
      // more.
      write.set_offset(std::min(offset, content.size() - 1));
      absl::StatusOr<std::string> chunk = content.Read(write.offset());
      if (!chunk.ok()) return chunk.status();
      write.set_crc32(libdeflate_crc32(0, chunk->data(), chunk->size()));
      write.set_data(*std::move(chunk));
      standing = client.WriteDataset(write);
    }
    if (standing.ok() && standing->state() == v1::Dataset::READY) {
      if (progress) progress(content.size(), content.size());
      return standing;
    }
    if (standing.ok() && standing->state() != v1::Dataset::VERIFYING) {
      return absl::InternalError("the server says nothing of how far the upload is");
    }
    if (standing.ok()) {
      clock->Sleep(kPoll, nullptr);
      continue;
    }
    if (!MayGoOn(standing.status())) break;
    ++tries;
  }
  return Standing(standing.status(), reached, content.size());
}

}  // namespace descent::client
