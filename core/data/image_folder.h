// An image folder is a folder with a folder for each class, in which there are pictures. Values;
// any thread.
#ifndef DESCENT_CORE_DATA_IMAGE_FOLDER_H_
#define DESCENT_CORE_DATA_IMAGE_FOLDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/data/data_roots.h"
#include "core/data/examples.h"
#include "core/data/file.h"
#include "core/data/picture.h"
#include "core/data/source.h"
#include "core/fields/fields.h"
#include "core/sequence/range.h"

namespace descent {

// Classes and pictures are in the order of their names' bytes; names that begin with a dot are left
// out.
struct ImageFolder {
  static constexpr const char* kind = "image_folder";
  static constexpr int64_t kMaxSide = 65536;
  std::string path;
  std::optional<int64_t> height;  // if given, pictures are scaled; else all are of one size
  std::optional<int64_t> width;
  int64_t channels = 3;  // 1 or 3
  Alpha alpha = Alpha::kRefuse;
  // What is behind transparent pixels, in [0, 1]: a grey, or red, green and blue. Empty means
  // white.
  std::vector<double> background;
  bool exif_orientation = false;

  void Describe(FieldList& fields) {
    fields(Named("path"), path).Required(kMissingPath);
    fields(CountUpTo("height", 1, kMaxSide), height);
    fields(CountUpTo("width", 1, kMaxSide), width);
    fields(Named("channels"), channels);  // Check says which
    fields(Named("alpha"), alpha);
    fields(UpToOne("background"), background);
    fields(Flag("exif_orientation"), exif_orientation);
    fields.Together([this] { return Check(); });
  }
  absl::Status Check() const;
  // Reads inputs [n, channels, height, width], uint8, or uint16 if a picture has 16 bits:
  // DecodePicture's samples, of which 255 or 65535 means 1. Targets are [n], int64: the classes'
  // places, whose names are the category `class`. One digest stands for all files.
  // INVALID_ARGUMENT, naming the first of the files and folders that are at fault, and how many
  // more: no class, a class without pictures, one that the training data does not have, a name that
  // does not end as a picture's, no picture (or what DecodePicture says), pictures of different
  // sizes.
  //
  // With inputs_only pictures may lie in the folder itself too, classes may be any, and the path
  // may be that of a picture, which is read as a folder of it alone.
  absl::StatusOr<Examples> Read(const ReadOptions& options) const;
};

// Gives the digest that reading the folder of classes would give, without decoding, and the errors
// of Read about files and folders.
absl::StatusOr<FileDigest> DigestImageFolder(const std::string& path, const DataRoots& roots = {});

}  // namespace descent

#endif  // DESCENT_CORE_DATA_IMAGE_FOLDER_H_
