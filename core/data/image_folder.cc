#include "core/data/image_folder.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/data/file.h"
#include "core/data/pair.h"
#include "core/data/picture.h"
#include "core/data/picture_listing.h"
#include "core/digest/sha256.h"
#include "core/text/exception_text.h"

namespace descent {
namespace {

// Makes one digest for all files of a folder: of their names and digests, in order.
class FolderDigest {
 public:
  void Add(const std::string& name, const FileDigest& file) {
    const std::string line = absl::StrCat(name, "\n", file.sha256, "\n");
    sha_.Update(line.data(), line.size());
    bytes_ += file.bytes;
  }
  FileDigest Finish(const std::string& path) { return {path, sha_.FinishHex(), bytes_}; }

 private:
  Sha256 sha_;
  int64_t bytes_ = 0;
};

PictureOptions Decoding(const ImageFolder& folder) {
  PictureOptions options{.channels = folder.channels,
                         .alpha = folder.alpha,
                         .exif_orientation = folder.exif_orientation};
  for (size_t i = 0; i < 3 && !folder.background.empty(); ++i) {
    options.background[i] = folder.background[folder.background.size() == 1 ? 0 : i];
  }
  return options;
}

// Where one picture of a folder has 16 bits, all get them: x/255 = 257·x/65535.
at::Tensor ToSixteenBits(const at::Tensor& bytes) {
  return bytes.to(at::kInt).mul_(257).to(at::kUInt16);
}

// Decodes the pictures one by one into the tensor, which is made at the first.
absl::StatusOr<Examples> Decode(const ImageFolder& folder, const ReadOptions& options,
                                PictureListing listing) {
  Examples examples;
  FolderDigest digest;
  FolderFaults faults;
  const PictureOptions decoding = Decoding(folder);
  size_t first = 0;  // that could be decoded
  for (size_t i = 0; i < listing.files.size(); ++i) {
    const std::string path = absl::StrCat(folder.path, "/", listing.files[i]);
    absl::StatusOr<FileContents> file = ReadDataFile(path, options.roots);
    if (!file.ok()) return file.status();
    digest.Add(listing.files[i], file->digest);
    absl::StatusOr<at::Tensor> picture = DecodePicture(file->bytes, path, decoding);
    if (absl::IsResourceExhausted(picture.status())) return picture.status();
    if (!picture.ok()) {
      faults.Add(picture.status());
      continue;
    }
    const int64_t height = folder.height.value_or(picture->size(1));
    const int64_t width = folder.width.value_or(picture->size(2));
    if (height != picture->size(1) || width != picture->size(2)) {
      *picture = ResizePicture(*picture, height, width);
    }
    if (!examples.inputs.defined()) {
      first = i;
      examples.inputs =
          at::empty({static_cast<int64_t>(listing.files.size()), folder.channels, height, width},
                    picture->scalar_type());
    }
    if (!picture->sizes().equals(examples.inputs.sizes().slice(1))) {
      faults.Add(absl::StrCat(path, " is ", width, " pixels wide and ", height, " high, but ",
                              listing.files[first], " ", examples.inputs.size(3), " and ",
                              examples.inputs.size(2),
                              "; give height and width to scale all pictures to"));
      continue;
    }
    if (picture->scalar_type() != examples.inputs.scalar_type()) {
      at::Tensor& bytes = picture->scalar_type() == at::kByte ? *picture : examples.inputs;
      bytes = ToSixteenBits(bytes);
    }
    examples.inputs.select(0, static_cast<int64_t>(i)).copy_(*picture);
  }
  if (absl::Status status = faults.status(); !status.ok()) return status;
  if (!options.inputs_only) examples.targets = at::tensor(listing.targets, at::kLong);
  examples.files.push_back(digest.Finish(folder.path));
  if (!options.inputs_only) {
    examples.categories[kFolderClass] =
        options.known ? options.known->at(kFolderClass) : listing.classes;
  }
  examples.inputs_origin = Origin::Files(folder.path, std::move(listing.files));
  examples.targets_origin = examples.inputs_origin;
  return examples;
}

absl::StatusOr<Examples> Load(const ImageFolder& folder, const ReadOptions& options,
                              PictureListing listing) {
  try {
    return Decode(folder, options, std::move(listing));
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("Cannot load ", folder.path, ": ", ExceptionText(error), "."));
  }
}

// Reads the picture that the path is of.
absl::StatusOr<Examples> ReadOne(const ImageFolder& picture, const ReadOptions& options) {
  ImageFolder folder = picture;
  const size_t slash = picture.path.rfind('/');
  folder.path = picture.path.substr(0, slash);
  PictureListing listing;
  listing.files.push_back(picture.path.substr(slash + 1));
  return Load(folder, options, std::move(listing));
}

}  // namespace

absl::Status ImageFolder::Check() const {
  if (channels != 1 && channels != 3) {
    return absl::InvalidArgumentError("channels: it must be 1 (grey) or 3 (colors)");
  }
  if (height.has_value() != width.has_value()) {
    return absl::InvalidArgumentError("height: give height and width, or neither");
  }
  if (background.size() == 2 || background.size() > 3) {
    return absl::InvalidArgumentError("background: give one number (a grey) or three (a color)");
  }
  return absl::OkStatus();
}

absl::StatusOr<FileDigest> DigestImageFolder(const std::string& path, const DataRoots& roots) {
  ImageFolder folder;
  folder.path = path;
  const absl::StatusOr<PictureListing> listing = ListPictures(folder, {.roots = roots});
  if (!listing.ok()) return listing.status();
  FolderDigest digest;
  for (const std::string& name : listing->files) {
    const auto file = ReadDataFile(absl::StrCat(path, "/", name), roots);
    if (!file.ok()) return file.status();
    digest.Add(name, file->digest);
  }
  return digest.Finish(path);
}

absl::StatusOr<Examples> ImageFolder::Read(const ReadOptions& options) const {
  if (!options.inputs_only && options.known && options.known->count(kFolderClass) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the training data are no folders of classes."));
  }
  if (options.inputs_only && IsPictureName(path) && !IsDataFolder(path, options.roots)) {
    return ReadOne(*this, options);
  }
  absl::StatusOr<PictureListing> listing = ListPictures(*this, options);
  if (!listing.ok()) return listing.status();
  return Load(*this, options, *std::move(listing));
}

}  // namespace descent
