#include "core/data/image_folder.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <exception>
#include <set>
#include <string_view>
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

// True for what Windows and macOS leave in folders and archives; names with a dot in front are
// passed over by ListDataFolder.
bool IsLeftover(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return lower == "thumbs.db" || lower == "desktop.ini" || lower == "__macosx";
}

// Gives the names in a folder, without such leftovers.
absl::StatusOr<std::vector<std::string>> ListEntries(const std::string& path,
                                                     const ReadOptions& options) {
  absl::StatusOr<std::vector<std::string>> names = ListDataFolder(path, options.roots);
  if (names.ok())
    names->erase(std::remove_if(names->begin(), names->end(), IsLeftover), names->end());
  return names;
}

// All that is wrong with what lies in a folder at once, or at least its beginning: one try for it,
// not one for each file.
class Faults {
 public:
  void Add(const absl::Status& status) {
    if (code_ == absl::StatusCode::kOk) code_ = status.code();
    texts_.emplace_back(absl::StripSuffix(status.message(), "."));
  }
  void Add(const std::string& text) { Add(absl::InvalidArgumentError(text)); }

  // Gives OK if there are none, else an error with the first one's code.
  absl::Status status() const {
    constexpr size_t kShown = 5;
    const size_t shown = std::min(texts_.size(), kShown);
    std::string message =
        absl::StrJoin(texts_.begin(), texts_.begin() + static_cast<ptrdiff_t>(shown), "; ");
    if (texts_.size() > shown) absl::StrAppend(&message, "; and ", texts_.size() - shown, " more");
    return absl::Status(code_, message + ".");
  }

 private:
  absl::StatusCode code_ = absl::StatusCode::kOk;
  std::vector<std::string> texts_;
};

struct Listing {
  std::vector<std::string> folders;  // as they are called, in whatever bytes
  std::vector<std::string> classes;  // the same as text
  std::vector<std::string> files;    // `cat/1.png`
  std::vector<int64_t> targets;
};

// Lists the pictures of the folder with this number.
void ListClass(const ImageFolder& folder, const ReadOptions& options, size_t number,
               Listing* listing, Faults* faults) {
  const std::string& name = listing->folders[number];
  const std::string path = absl::StrCat(folder.path, "/", name);
  absl::StatusOr<std::vector<std::string>> pictures = ListEntries(path, options);
  if (!pictures.ok()) return faults->Add(pictures.status());
  if (pictures->empty()) return faults->Add(path + " holds no pictures");
  int64_t target = static_cast<int64_t>(number);
  if (options.known) {
    const std::vector<std::string>& known = options.known->at(kClass);
    const auto found = std::find(known.begin(), known.end(), listing->classes[number]);
    if (found == known.end()) {
      return faults->Add(absl::StrCat(path, ": the training data has no class \"", name, "\""));
    }
    target = found - known.begin();
  }
  for (const std::string& picture : *pictures) {
    if (!IsPictureName(picture)) {
      const std::string inner = absl::StrCat(path, "/", picture);
      faults->Add(absl::StrCat(inner, IsDataFolder(inner, options.roots)
                                          ? ": it is a folder, where pictures are expected"
                                          : ": its name does not end in .png, .jpg or .jpeg"));
      continue;
    }
    listing->files.push_back(absl::StrCat(name, "/", picture));
    listing->targets.push_back(target);
  }
}

// Lists pictures in the folder itself and in folders in it, whatever those stand for.
absl::StatusOr<Listing> ListInputs(const ImageFolder& folder, const ReadOptions& options) {
  const absl::StatusOr<std::vector<std::string>> entries = ListEntries(folder.path, options);
  if (!entries.ok()) return entries.status();
  ReadOptions any = options;
  any.known.reset();
  Listing listing;
  Faults faults;
  for (const std::string& entry : *entries) {
    if (IsPictureName(entry)) {
      listing.files.push_back(entry);
      continue;
    }
    listing.folders.push_back(entry);
    ListClass(folder, any, listing.folders.size() - 1, &listing, &faults);
  }
  if (absl::Status status = faults.status(); !status.ok()) return status;
  if (!listing.files.empty()) return listing;
  return absl::InvalidArgumentError(absl::StrCat(folder.path, " holds no pictures."));
}

// Refuses a folder whose classes lie one folder deeper, in `train` and `test`.
absl::Status CheckDepth(const ImageFolder& folder, const ReadOptions& options,
                        const std::vector<std::string>& folders) {
  for (const std::string& name : folders) {
    const std::string path = absl::StrCat(folder.path, "/", name);
    const absl::StatusOr<std::vector<std::string>> entries = ListEntries(path, options);
    if (!entries.ok() || entries->empty()) return absl::OkStatus();
    for (const std::string& entry : *entries) {
      if (!IsDataFolder(absl::StrCat(path, "/", entry), options.roots)) return absl::OkStatus();
    }
  }
  const auto begins = [&](std::string_view with) {
    return std::find_if(folders.begin(), folders.end(), [&](const std::string& name) {
      return absl::AsciiStrToLower(name).starts_with(with);
    });
  };
  const auto train = begins("train");
  auto test = begins("test");
  if (test == folders.end()) test = begins("val");
  std::string advice = absl::StrCat("give `path: ", folder.path, "/",
                                    train == folders.end() ? folders[0] : *train, "`");
  if (train != folders.end() && test != folders.end()) {
    absl::StrAppend(&advice, " as data.train and `path: ", folder.path, "/", *test,
                    "` as data.test");
  }
  return absl::InvalidArgumentError(absl::StrCat(
      folder.path, " holds ", folders.size(), folders.size() == 1 ? " folder" : " folders",
      " with folders in turn, where a folder of pictures for each class is expected; if the "
      "classes are those inner ones, ",
      advice, "."));
}

absl::StatusOr<Listing> List(const ImageFolder& folder, const ReadOptions& options) {
  if (options.inputs_only) return ListInputs(folder, options);
  absl::StatusOr<std::vector<std::string>> classes = ListEntries(folder.path, options);
  if (!classes.ok()) return classes.status();
  Faults faults;
  bool pictures = !classes->empty();  // right in the folder, and nothing else
  for (const std::string& name : *classes) {
    const std::string path = absl::StrCat(folder.path, "/", name);
    pictures = pictures && IsPictureName(name);
    if (IsDataFolder(path, options.roots)) continue;
    faults.Add(ListDataFolder(path, options.roots).status());
  }
  if (pictures) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder.path,
        " holds pictures, where a folder for each class is expected: is the path that of "
        "a class, and not of the folder around it?"));
  }
  if (absl::Status status = faults.status(); !status.ok()) return status;
  if (classes->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder.path, " is empty, where a folder for each class is expected."));
  }
  if (absl::Status status = CheckDepth(folder, options, *classes); !status.ok()) return status;
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
  for (size_t i = 0; i < listing.classes.size(); ++i) {
    ListClass(folder, options, i, &listing, &faults);
  }
  if (absl::Status status = faults.status(); !status.ok()) return status;
  return listing;
}

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
                                Listing listing) {
  Examples examples;
  FolderDigest digest;
  Faults faults;
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
    examples.categories[kClass] = options.known ? options.known->at(kClass) : listing.classes;
  }
  examples.inputs_origin = Origin::Files(folder.path, std::move(listing.files));
  examples.targets_origin = examples.inputs_origin;
  return examples;
}

absl::StatusOr<Examples> Load(const ImageFolder& folder, const ReadOptions& options,
                              Listing listing) {
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
  Listing listing;
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
  const absl::StatusOr<Listing> listing = List(folder, {.roots = roots});
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
  if (!options.inputs_only && options.known && options.known->count(kClass) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the training data are no folders of classes."));
  }
  if (options.inputs_only && IsPictureName(path) && !IsDataFolder(path, options.roots)) {
    return ReadOne(*this, options);
  }
  absl::StatusOr<Listing> listing = List(*this, options);
  if (!listing.ok()) return listing.status();
  return Load(*this, options, *std::move(listing));
}

}  // namespace descent
