#include "server/worker/bridge/data_digests.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/data/file.h"
#include "core/data/image_folder.h"

namespace descent::worker {
namespace {

absl::Status Changed(const api::DataDigest& was, const std::string& sha256) {
  return absl::DataLossError(absl::StrCat(was.path(),
                                          " has changed since the job was submitted: its SHA-256 "
                                          "is ",
                                          sha256, ", not ", was.sha256(), "."));
}

}  // namespace

absl::Status CheckDigests(const api::SpecSummary& prepared, const api::SpecSummary& expected) {
  for (const api::DataDigest& was : expected.digests()) {
    for (const api::DataDigest& is : prepared.digests()) {
      if (is.path() == was.path() && is.sha256() != was.sha256()) return Changed(was, is.sha256());
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFiles(const api::SpecSummary& expected, const DataRoots& roots) {
  for (const api::DataDigest& was : expected.digests()) {
    absl::StatusOr<FileDigest> is;
    if (IsDataFolder(was.path(), roots)) {
      is = DigestImageFolder(was.path(), roots);
    } else {
      const absl::StatusOr<MappedFile> file = MapDataFile(was.path(), roots);
      is = file.ok() ? absl::StatusOr<FileDigest>(file->digest) : file.status();
    }
    const absl::Status& status = is.status();
    // A file that can't be opened need not be another one than before.
    if (absl::IsNotFound(status) || absl::IsPermissionDenied(status) ||
        absl::IsResourceExhausted(status)) {
      continue;
    }
    if (!is.ok()) {
      return absl::DataLossError(
          absl::StrCat(was.path(), " has changed since the job was submitted: ", status.message()));
    }
    if (is->sha256 != was.sha256()) return Changed(was, is->sha256);
  }
  return absl::OkStatus();
}

}  // namespace descent::worker
