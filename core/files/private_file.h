// Files for their owner alone: one that is replaced in one piece, and a new one.
#ifndef DESCENT_CORE_FILES_PRIVATE_FILE_H_
#define DESCENT_CORE_FILES_PRIVATE_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace descent {

// Writes a text as the file at `path`, whole or not at all, for its owner alone; once it returns,
// the file outlives a loss of power. One thread at a time, of one process, may write one path.
// RESOURCE_EXHAUSTED if there is no room, UNAVAILABLE if it can't for another reason. Any thread.
absl::Status WritePrivateFile(const std::string& path, std::string_view text);

// A file that is made before there is what goes into it: where it can't be made, no secret need be
// drawn. It is gone with this object unless it was written. Not thread-safe.
class NewPrivateFile {
 public:
  // Makes it, unless something has the name already, a link to nothing included.
  explicit NewPrivateFile(std::string path);
  ~NewPrivateFile();
  NewPrivateFile(const NewPrivateFile&) = delete;
  NewPrivateFile& operator=(const NewPrivateFile&) = delete;

  // OK, or the error of making it: its message is errno's text alone.
  const absl::Status& made() const { return made_; }

  // Writes all that it is to hold, once; it outlives a loss of power then, if its name does. Errors
  // as above, with errno's text alone.
  absl::Status Write(std::string_view text);

 private:
  const std::string path_;
  const int file_;
  const absl::Status made_;
  bool written_ = false;
};

}  // namespace descent

#endif  // DESCENT_CORE_FILES_PRIVATE_FILE_H_
