#include "core/data/picture_listing.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/data/file.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

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

// Lists the pictures of the folder with this number.
void ListClass(const ImageFolder& folder, const ReadOptions& options, size_t number,
               PictureListing* listing, FolderFaults* faults) {
  const std::string& name = listing->folders[number];
  const std::string path = absl::StrCat(folder.path, "/", name);
  absl::StatusOr<std::vector<std::string>> pictures = ListEntries(path, options);
  if (!pictures.ok()) return faults->Add(pictures.status());
  if (pictures->empty()) return faults->Add(path + " holds no pictures");
  int64_t target = static_cast<int64_t>(number);
  if (options.known) {
    const std::vector<std::string>& known = options.known->at(kFolderClass);
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
absl::StatusOr<PictureListing> ListInputs(const ImageFolder& folder, const ReadOptions& options) {
  const absl::StatusOr<std::vector<std::string>> entries = ListEntries(folder.path, options);
  if (!entries.ok()) return entries.status();
  ReadOptions any = options;
  any.known.reset();
  PictureListing listing;
  FolderFaults faults;
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

}  // namespace

absl::Status FolderFaults::status() const {
  constexpr size_t kShown = 5;
  const size_t shown = std::min(texts_.size(), kShown);
  std::string message =
      absl::StrJoin(texts_.begin(), texts_.begin() + static_cast<ptrdiff_t>(shown), "; ");
  if (texts_.size() > shown) absl::StrAppend(&message, "; and ", texts_.size() - shown, " more");
  return absl::Status(code_, message + ".");
}

bool IsPictureName(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return absl::EndsWith(lower, ".png") || absl::EndsWith(lower, ".jpg") ||
         absl::EndsWith(lower, ".jpeg");
}

absl::StatusOr<PictureListing> ListPictures(const ImageFolder& folder, const ReadOptions& options) {
  if (options.inputs_only) return ListInputs(folder, options);
  absl::StatusOr<std::vector<std::string>> classes = ListEntries(folder.path, options);
  if (!classes.ok()) return classes.status();
  FolderFaults faults;
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
  PictureListing listing;
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

}  // namespace descent
