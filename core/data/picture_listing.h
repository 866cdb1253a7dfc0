// Which pictures lie in a folder of folders, one for each class. Free functions; any thread.
#ifndef DESCENT_CORE_DATA_PICTURE_LISTING_H_
#define DESCENT_CORE_DATA_PICTURE_LISTING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/strip.h"
#include "core/data/image_folder.h"
#include "core/data/source.h"

namespace descent {

// The name of the categories that are folders (Examples::categories).
inline constexpr char kFolderClass[] = "class";

struct PictureListing {
  std::vector<std::string> folders;  // as they are called, in whatever bytes
  std::vector<std::string> classes;  // the same as text
  std::vector<std::string> files;    // `cat/1.png`
  std::vector<int64_t> targets;
};

// All that is wrong with what lies in a folder at once, or at least its beginning: one try for it,
// not one for each file.
class FolderFaults {
 public:
  void Add(const absl::Status& status) {
    if (code_ == absl::StatusCode::kOk) code_ = status.code();
    texts_.emplace_back(absl::StripSuffix(status.message(), "."));
  }
  void Add(const std::string& text) { Add(absl::InvalidArgumentError(text)); }

  // Gives OK if there are none, else an error with the first one's code.
  absl::Status status() const;

 private:
  absl::StatusCode code_ = absl::StatusCode::kOk;
  std::vector<std::string> texts_;
};

bool IsPictureName(const std::string& name);

// Lists the pictures of all classes; with inputs_only, those in the folder itself and in folders in
// it, whatever these stand for. INVALID_ARGUMENT says all that is wrong with what lies there.
absl::StatusOr<PictureListing> ListPictures(const ImageFolder& folder, const ReadOptions& options);

}  // namespace descent

#endif  // DESCENT_CORE_DATA_PICTURE_LISTING_H_
