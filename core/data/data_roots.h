// `DataRoots` are the folders that data may be read from. A value; any thread.
#ifndef DESCENT_CORE_DATA_DATA_ROOTS_H_
#define DESCENT_CORE_DATA_DATA_ROOTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent {

class DataRoots {
 public:
  // Makes roots that allow data from everywhere.
  DataRoots() = default;

  // Makes roots that allow only these folders and what is in them; without any folder, everywhere.
  // Nothing is allowed in the folders that are kept out, whatever else allows it: they hold what
  // their owner alone may know. Only those that are `shared` are allowed wherever they lie.
  // INVALID_ARGUMENT if one is no folder, or cannot be opened.
  static absl::StatusOr<DataRoots> Create(const std::vector<std::string>& folders,
                                          const std::vector<std::string>& kept_out = {},
                                          const std::vector<std::string>& shared = {});

  bool unrestricted() const { return roots_.empty() && kept_out_.empty(); }

  // Checks where the file that was opened as `path` is: at `real`, without symbolic links and `..`.
  // PERMISSION_DENIED if that is in none of the folders, or in one that is kept out. The sentence
  // does not tell where a link leads.
  absl::Status Check(const std::string& path, const std::string& real) const;

 private:
  std::vector<std::string> roots_;  // real paths, without a slash at the end
  std::vector<std::string> kept_out_;
  std::vector<std::string> shared_;
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_DATA_ROOTS_H_
