// A source of data is an aggregate that declares its fields once and reads examples; this is what
// all have in common.
//
// Checking, the bridge from a spec, and the list of all kinds (sources.h) go by the declaration
// (core/fields), so a new format is one struct, a line in sources.cc, and a message of the spec:
//
//   struct NpzFile {
//     static constexpr const char* kind = "npz";
//     std::string path;
//     std::string inputs = "inputs";
//
//     void Describe(FieldList& fields) {
//       fields(Named("path"), path).Required(kMissingPath);
//       fields(Named("inputs"), inputs);
//     }
//     absl::StatusOr<Examples> Read(const ReadOptions& options) const;
//   };
#ifndef DESCENT_CORE_DATA_SOURCE_H_
#define DESCENT_CORE_DATA_SOURCE_H_

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
  // The seed for synthetic data that has none of its own.
  uint64_t seed = 0;
  // The CSV column with each example's weight, which is no input; empty if there is none.
  std::string weight_column = {};
  // The categories of the training data, when these data are others (test data, or to be
  // predicted): all must mean the same by a number.
  std::optional<Categories> known = {};
  // The names of the inputs and targets of the training data's table, given with `known`. Others'
  // columns are found by them, in whatever order they stand. Empty if those were no table.
  std::vector<std::string> columns = {};
  std::vector<std::string> target_columns = {};
  // True if the data are to be predicted: targets are not looked for, and the examples have none.
  bool inputs_only = false;
};

// What a field of a CSV file becomes that holds nothing.
struct MissingValues {
  enum class Kind {
    kRefused,
    kMean,   // the mean of the column's other numbers in the training part; of a category: none
    kValue,  // this number; of a category: none
    kDrop,   // the row is left out
  };
  Kind kind = Kind::kRefused;
  double value = 0;
  // The fields that hold nothing. If empty, they are UsualMissingTokens(); with kRefused only empty
  // fields.
  std::vector<std::string> tokens = {};
};

// Gives pandas' tokens (read_csv, na_values), and "?".
const std::vector<std::string>& UsualMissingTokens();

// What is said where a field that is a path, and must be given, is missing.
inline constexpr char kMissingPath[] = "Give the path of the file.";

}  // namespace descent

#endif  // DESCENT_CORE_DATA_SOURCE_H_
