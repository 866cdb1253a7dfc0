#ifndef DESCENT_CORE_DATA_SOURCE_H_
#define DESCENT_CORE_DATA_SOURCE_H_

// What all sources of data have in common: an aggregate that declares its fields once and reads
// examples.
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

// Of a field that is a path and must be given.
inline constexpr char kMissingPath[] = "Give the path of the file.";

}  // namespace descent

#endif  // DESCENT_CORE_DATA_SOURCE_H_
