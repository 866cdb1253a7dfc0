// A `PredictionFile` is predictions on their way into a file: NumPy's format (the values alone) or
// a table (a row's place in what was read, from 0, or its picture's file; its values; the classes
// that they predict). It is written beside it under another name, so that the file is there whole
// or not at all; what was not finished is gone with this. Not thread-safe.
#ifndef DESCENT_CLIENT_CLI_PREDICTION_FILE_H_
#define DESCENT_CLIENT_CLI_PREDICTION_FILE_H_

#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "descent/v1/training_service.pb.h"

namespace descent::cli {

class PredictionFile {
 public:
  enum class Format { kNpy, kCsv };
  struct Options {
    std::string path;  // ends in .npy or .csv
    bool overwrite = false;
    // The name of a value in the table's header: `prediction`.
    std::string value_name = "prediction";
  };

  // Gives the format by the path's ending; INVALID_ARGUMENT if it is neither.
  static absl::StatusOr<Format> FormatOf(const std::string& path);

  // Begins the file. ALREADY_EXISTS, or the system's error with the path.
  static absl::StatusOr<std::unique_ptr<PredictionFile>> Create(Options options);
  ~PredictionFile();
  PredictionFile(const PredictionFile&) = delete;
  PredictionFile& operator=(const PredictionFile&) = delete;

  // Takes the header first, then the rows. INTERNAL if that is not their order.
  absl::Status Take(const v1::PredictJobResponse& response);
  // Makes what came the file: nothing more will come. DATA_LOSS if not all did.
  absl::Status Finish();

  Format format() const { return format_; }
  const v1::PredictionHeader& header() const { return header_; }
  int64_t rows() const { return rows_; }  // that were taken whole

 private:
  PredictionFile(Options options, Format format, std::string temporary, std::FILE* file);

  absl::Status WriteHeader();
  // Gives how many rows are there whole.
  size_t Whole() const;
  // Gives row i of those that are there.
  std::string TableRow(size_t i) const;
  absl::Status Write(const std::string& text);
  absl::Status Failed(const std::string& what) const;

  const Options options_;
  const Format format_;
  const std::string temporary_;
  std::FILE* file_;  // null once closed
  bool finished_ = false;
  v1::PredictionHeader header_;
  bool has_header_ = false;
  bool header_written_ = false;
  size_t row_bytes_ = 0;
  size_t class_bytes_ = 0;  // of a row
  std::string values_;      // of rows that are not whole yet
  std::string classes_;
  std::deque<int64_t> places_;
  std::deque<std::string> files_;
  int64_t rows_ = 0;
};

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_PREDICTION_FILE_H_
