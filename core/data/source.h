#ifndef DESCENT_CORE_DATA_SOURCE_H_
#define DESCENT_CORE_DATA_SOURCE_H_

// What all sources of data have in common: an aggregate that declares its fields once and reads
// examples.
//
// Checking, the bridge from a spec, and the list of all kinds (sources.h) go by the declaration, so
// a new format is one struct, a line in sources.cc, and a message of the spec:
//
//   struct NpzFile {
//     static constexpr const char* kind = "npz";
//     std::string path;
//     std::string inputs = "inputs";
//
//     void Declare(SourceVisitor& visit) {
//       visit.Path("path", path);
//       visit.Text("inputs", inputs);
//     }
//     absl::Status Check() const;  // optional: what no field can say alone
//     absl::StatusOr<Examples> Read(const ReadOptions& options) const;
//   };

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/data/data_roots.h"
#include "core/data/examples.h"

namespace descent {

struct ReadOptions {
  DataRoots roots = {};
  // Of synthetic data that has none of its own.
  uint64_t seed = 0;
  // The CSV column with each example's weight, which is no input; empty: none.
  std::string weight_column = {};
  // Those of the training data, when these are others (test data, or to be predicted): all must
  // mean the same by a number.
  std::optional<Categories> known = {};
  // Of the training data, with `known`: the names of a table's inputs and targets. Others' columns
  // are found by them, in whatever order they stand. Empty: those were no table.
  std::vector<std::string> columns = {};
  std::vector<std::string> target_columns = {};
  // To be predicted: targets are not looked for, and the examples have none.
  bool inputs_only = false;
};

// What a field of a CSV file is that holds nothing.
struct MissingValues {
  enum class Kind {
    kRefused,
    kMean,   // that of the column's other numbers in the training part; of a category: none
    kValue,  // this number; of a category: none
    kDrop,   // the row is left out
  };
  Kind kind = Kind::kRefused;
  double value = 0;
  // Which fields hold nothing. Empty: UsualMissingTokens(). With kRefused only empty ones.
  std::vector<std::string> tokens = {};
};

// pandas' (read_csv, na_values), and "?".
const std::vector<std::string>& UsualMissingTokens();

// Goes through a source's fields in order; names are those of the spec. What a member holds is its
// default.
class SourceVisitor {
 public:
  virtual ~SourceVisitor() = default;
  // Of a file or folder; required.
  virtual void Path(const char* name, std::string& path) = 0;
  virtual void Path(const char* name, std::optional<std::string>& path) = 0;
  // Required unless it has a default.
  virtual void Text(const char* name, std::string& text) = 0;
  virtual void Text(const char* name, std::optional<std::string>& text) = 0;
  virtual void Names(const char* name, std::vector<std::string>& names, bool required) = 0;
  // Required if its default is less than `least`.
  virtual void Count(const char* name, int64_t& count, int64_t least) = 0;
  virtual void Count(const char* name, std::optional<int64_t>& count, int64_t least) = 0;
  virtual void Number(const char* name, double& number, double least) = 0;
  // None: the default. Otherwise each is at least `least`.
  virtual void Numbers(const char* name, std::vector<double>& numbers, double least) = 0;
  virtual void Flag(const char* name, bool& flag) = 0;
  virtual void Seed(const char* name, std::optional<uint64_t>& seed) = 0;
  virtual void Missing(const char* name, MissingValues& missing) = 0;
  // Of an enumeration whose values are 0, 1, …; `names` are those that the spec has, in order.
  template <class E>
  void Choice(const char* name, const std::vector<const char*>& names, E& chosen) {
    auto place = static_cast<size_t>(chosen);
    Place(name, names, place);
    chosen = static_cast<E>(place);
  }

 protected:
  virtual void Place(const char* name, const std::vector<const char*>& names, size_t& place) = 0;
};

}  // namespace descent

#endif  // DESCENT_CORE_DATA_SOURCE_H_
