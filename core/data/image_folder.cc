#include "core/data/image_folder.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <exception>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/data/file.h"
#include "core/data/pair.h"
#include "core/data/picture.h"
#include "core/digest/sha256.h"
#include "core/text/exception_text.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

constexpr char kClass[] = "class";

bool IsPictureName(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return absl::EndsWith(lower, ".png") || absl::EndsWith(lower, ".jpg") ||
         absl::EndsWith(lower, ".jpeg");
}

// What Windows and macOS leave in folders and archives; names with a dot in front are passed over
// by ListDataFolder.
bool IsLeftover(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return lower == "thumbs.db" || lower == "desktop.ini" || lower == "__macosx";
}

// The names in a folder, without such.
absl::StatusOr<std::vector<std::string>> ListEntries(const std::string& path,
                                                     const ReadOptions& options) {
  absl::StatusOr<std::vector<std::string>> names = ListDataFolder(path, options.roots);
  if (names.ok())
    names->erase(std::remove_if(names->begin(), names->end(), IsLeftover), names->end());
  return names;
}

// All that is wrong with what lies in a folder at once, or at least its beginning.
absl::Status Refuse(const std::vector<std::string>& faults) {
  constexpr size_t kShown = 5;
  const size_t shown = std::min(faults.size(), kShown);
  std::string message =
      absl::StrJoin(faults.begin(), faults.begin() + static_cast<ptrdiff_t>(shown), "; ");
  if (faults.size() > shown) absl::StrAppend(&message, "; and ", faults.size() - shown, " more");
  return absl::InvalidArgumentError(message + ".");
}

struct Listing {
  std::vector<std::string> folders;  // as they are called, in whatever bytes
  std::vector<std::string> classes;  // the same as text
  std::vector<std::string> files;    // `cat/1.png`
  std::vector<int64_t> targets;
};

absl::Status ListClass(const ImageFolder& folder, const ReadOptions& options, size_t number,
                       Listing* listing) {
  const std::string& name = listing->folders[number];
  const std::string path = absl::StrCat(folder.path, "/", name);
  absl::StatusOr<std::vector<std::string>> pictures = ListEntries(path, options);
  if (!pictures.ok()) return pictures.status();
  if (pictures->empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, " holds no pictures."));
  }
  int64_t target = static_cast<int64_t>(number);
  if (options.known) {
    const std::vector<std::string>& known = options.known->at(kClass);
    const auto found = std::find(known.begin(), known.end(), listing->classes[number]);
    if (found == known.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": the training data has no class \"", name, "\"."));
    }
    target = found - known.begin();
  }
  std::vector<std::string> faults;
  for (const std::string& picture : *pictures) {
    if (!IsPictureName(picture)) {
      const std::string inner = absl::StrCat(path, "/", picture);
      const bool folders = IsDataFolder(inner, options.roots);
      faults.push_back(absl::StrCat(
          inner,
          folders ? absl::StrCat(
                        ": it is a folder where pictures of the class \"",
                        listing->classes.empty() ? name : listing->classes[number],
                        "\" are expected; if those in it are the classes, give `path: ", path, "`")
                  : ": its name does not end in .png, .jpg or .jpeg"));
      continue;
    }
    listing->files.push_back(absl::StrCat(name, "/", picture));
    listing->targets.push_back(target);
  }
  return faults.empty() ? absl::OkStatus() : Refuse(faults);
}

// Pictures in the folder itself and in folders in it, whatever those stand for.
absl::StatusOr<Listing> ListInputs(const ImageFolder& folder, const ReadOptions& options) {
  const absl::StatusOr<std::vector<std::string>> entries = ListEntries(folder.path, options);
  if (!entries.ok()) return entries.status();
  Listing listing;
  for (const std::string& entry : *entries) {
    if (IsPictureName(entry)) {
      listing.files.push_back(entry);
      continue;
    }
    ReadOptions any = options;
    any.known.reset();
    listing.folders.push_back(entry);
    const absl::Status status = ListClass(folder, any, listing.folders.size() - 1, &listing);
    if (!status.ok()) return status;
  }
  if (!listing.files.empty()) return listing;
  return absl::InvalidArgumentError(absl::StrCat(folder.path, " holds no pictures."));
}

absl::StatusOr<Listing> List(const ImageFolder& folder, const ReadOptions& options) {
  if (options.inputs_only) return ListInputs(folder, options);
  absl::StatusOr<std::vector<std::string>> classes = ListEntries(folder.path, options);
  if (!classes.ok()) return classes.status();
  std::vector<std::string> faults;
  bool pictures = !classes->empty();  // right in the folder, and nothing else
  for (const std::string& name : *classes) {
    const std::string path = absl::StrCat(folder.path, "/", name);
    pictures = pictures && IsPictureName(name);
    if (IsDataFolder(path, options.roots)) continue;
    const absl::Status problem = ListDataFolder(path, options.roots).status();
    faults.emplace_back(absl::StripSuffix(problem.message(), "."));
  }
  if (pictures) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder.path,
        " holds pictures, where a folder for each class is expected: is the path that of "
        "a class, and not of the folder around it?"));
  }
  if (!faults.empty()) return Refuse(faults);
  Listing listing;
  listing.folders = *std::move(classes);
  for (const std::string& name : listing.folders) listing.classes.push_back(ValidUtf8(name));
  const std::set<std::string> distinct(listing.classes.begin(), listing.classes.end());
  if (distinct.size() < listing.classes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder.path,
                     " has folders whose names are not UTF-8 and can't be told apart as "
                     "text; rename them."));
  }
  if (listing.classes.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder.path, " is empty, where a folder for each class is expected."));
  }
  for (size_t i = 0; i < listing.classes.size(); ++i) {
    if (absl::Status status = ListClass(folder, options, i, &listing); !status.ok()) return status;
  }
  return listing;
}

PictureOptions Decoding(const ImageFolder& folder) {
  PictureOptions options{.channels = folder.channels,
                         .alpha = folder.alpha,
                         .exif_orientation = folder.exif_orientation};
  for (size_t i = 0; i < 3 && !folder.background.empty(); ++i) {
    options.background[i] = folder.background[folder.background.size() == 1 ? 0 : i];
  }
  return options;
}

// Where one picture of a folder has 16 bits, all have: x/255 = 257·x/65535.
at::Tensor ToSixteenBits(const at::Tensor& bytes) {
  return bytes.to(at::kInt).mul_(257).to(at::kUInt16);
}

// Decodes the pictures one by one into the tensor, which is made at the first.
absl::StatusOr<Examples> Decode(const ImageFolder& folder, const ReadOptions& options,
                                Listing listing) {
  Examples examples;
  Sha256 sha;
  int64_t bytes = 0;
  const PictureOptions decoding = Decoding(folder);
  for (size_t i = 0; i < listing.files.size(); ++i) {
    const std::string path = absl::StrCat(folder.path, "/", listing.files[i]);
    absl::StatusOr<FileContents> file = ReadDataFile(path, options.roots);
    if (!file.ok()) return file.status();
    const std::string line = absl::StrCat(listing.files[i], "\n", file->digest.sha256, "\n");
    sha.Update(line.data(), line.size());
    bytes += file->digest.bytes;
    absl::StatusOr<at::Tensor> picture = DecodePicture(file->bytes, path, decoding);
    if (!picture.ok()) return picture.status();
    const int64_t height = folder.height.value_or(picture->size(1));
    const int64_t width = folder.width.value_or(picture->size(2));
    if (height != picture->size(1) || width != picture->size(2)) {
      *picture = ResizePicture(*picture, height, width);
    }
    if (i == 0) {
      examples.inputs =
          at::empty({static_cast<int64_t>(listing.files.size()), folder.channels, height, width},
                    picture->scalar_type());
    }
    if (!picture->sizes().equals(examples.inputs.sizes().slice(1))) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, " is ", width, " pixels wide and ", height, " high, but ", listing.files[0], " ",
          examples.inputs.size(3), " and ", examples.inputs.size(2),
          "; give height and width to scale all pictures to."));
    }
    if (picture->scalar_type() != examples.inputs.scalar_type()) {
      at::Tensor& bytes = picture->scalar_type() == at::kByte ? *picture : examples.inputs;
      bytes = ToSixteenBits(bytes);
    }
    examples.inputs.select(0, static_cast<int64_t>(i)).copy_(*picture);
  }
  if (!options.inputs_only) examples.targets = at::tensor(listing.targets, at::kLong);
  examples.files.push_back({folder.path, sha.FinishHex(), bytes});
  if (!options.inputs_only) {
    examples.categories[kClass] = options.known ? options.known->at(kClass) : listing.classes;
  }
  examples.inputs_origin = Origin::Files(folder.path, std::move(listing.files));
  examples.targets_origin = examples.inputs_origin;
  return examples;
}

}  // namespace

absl::Status ImageFolder::Check() const {
  if (channels != 1 && channels != 3) {
    return absl::InvalidArgumentError("channels: it must be 1 (grey) or 3 (colors)");
  }
  if (height.has_value() != width.has_value()) {
    return absl::InvalidArgumentError("height: give height and width, or neither");
  }
  if (height && (*height > 65536 || *width > 65536)) {
    return absl::InvalidArgumentError("height: pictures are at most 65536 high and wide");
  }
  if (background.size() == 2 || background.size() > 3) {
    return absl::InvalidArgumentError("background: give one number (a grey) or three (a color)");
  }
  for (const double number : background) {
    if (number > 1) return absl::InvalidArgumentError("background: its numbers are in [0, 1]");
  }
  return absl::OkStatus();
}

absl::StatusOr<Examples> ImageFolder::Read(const ReadOptions& options) const {
  if (!options.inputs_only && options.known && options.known->count(kClass) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the training data are no folders of classes."));
  }
  absl::StatusOr<Listing> listing = List(*this, options);
  if (!listing.ok()) return listing.status();
  try {
    return Decode(*this, options, *std::move(listing));
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("Cannot load ", path, ": ", ExceptionText(error), "."));
  }
}

}  // namespace descent
