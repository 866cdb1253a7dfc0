#include "client/cli/prediction_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace descent::cli {
namespace {

// NumPy's name of a type, and its bytes; zero for a type of a newer server.
struct Type {
  const char* name;
  size_t bytes;
};

Type TypeOf(const std::string& dtype) {
  if (dtype == "float32") return {"<f4", 4};
  if (dtype == "float64") return {"<f8", 8};
  if (dtype == "int64") return {"<i8", 8};
  return {"", 0};
}

template <class Repeated>
int64_t Product(const Repeated& sizes) {
  int64_t product = 1;
  for (const int64_t size : sizes) product *= size;
  return product;
}

template <class T>
std::string Text(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) return "nan";  // to_chars would show its sign
  }
  char buffer[64];
  // Floats are written as the shortest decimal that reads back as the same number.
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return error == std::errc() ? std::string(buffer, end) : "";
}

std::string NumberText(const std::string& dtype, const char* bytes) {
  if (dtype == "float32") return Text<float>(bytes);
  if (dtype == "float64") return Text<double>(bytes);
  return Text<int64_t>(bytes);
}

// Gives `prediction`, or `prediction_0_1` for each number of a row.
template <class Repeated>
void AddNames(const std::string& name, const Repeated& shape, std::vector<std::string>* names) {
  const int64_t count = Product(shape);
  if (count == 1) {
    names->push_back(name);
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    std::string suffix;
    int64_t rest = i;
    for (int d = shape.size(); d-- > 0; rest /= shape.Get(d)) {
      suffix = absl::StrCat("_", rest % shape.Get(d), suffix);
    }
    names->push_back(absl::StrCat(name, suffix));
  }
}

// Names the columns of the values: `probability_cat` where the last dimension is that of the
// classes, which have names; otherwise as AddNames does.
void AddValueNames(const std::string& name, const v1::PredictionHeader& header,
                   std::vector<std::string>* names) {
  const auto& shape = header.shape();
  const int classes = header.class_names_size();
  // A single number is that of the second of two classes.
  const bool are_classes = header.dtype() == "int64";
  if (are_classes || !header.has_classes() || shape.empty() || classes < 2 ||
      shape.Get(shape.size() - 1) != classes) {
    return AddNames(name, shape, names);
  }
  std::vector<std::string> outer = {};
  google::protobuf::RepeatedField<int64_t> rest = shape;
  rest.RemoveLast();
  AddNames(name, rest, &outer);
  for (const std::string& prefix : outer) {
    for (const std::string& of : header.class_names())
      names->push_back(absl::StrCat(prefix, "_", of));
  }
}

template <class Queue>
void EraseFirst(size_t count, Queue* queue) {
  const auto end = queue->begin() + static_cast<ptrdiff_t>(std::min(count, queue->size()));
  queue->erase(queue->begin(), end);
}

// RFC 4180.
std::string Quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string quoted = "\"";
  for (const char c : field) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string NpyHeader(const v1::PredictionHeader& header) {
  const std::vector<int64_t> shape(header.shape().begin(), header.shape().end());
  std::string text = absl::StrCat("{'descr': '", TypeOf(header.dtype()).name,
                                  "', 'fortran_order': False, 'shape': (", header.rows(), ",",
                                  shape.empty() ? "" : " ", absl::StrJoin(shape, ", "), "), }");
  // Magic, version 1.0 and the length are ten bytes; the data begin at a multiple of 64.
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(text.size() & 0xFF);
  out += static_cast<char>(text.size() >> 8);
  return out + text;
}

absl::Status Exists(const std::string& path) {
  return absl::AlreadyExistsError(absl::StrCat(path, " is there already; --force replaces it"));
}

absl::Status Errno(const std::string& path, int error) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", std::strerror(error)));
}

}  // namespace

absl::StatusOr<PredictionFile::Format> PredictionFile::FormatOf(const std::string& path) {
  if (absl::EndsWith(path, ".npy")) return Format::kNpy;
  if (absl::EndsWith(path, ".csv")) return Format::kCsv;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": the name must end in .npy (NumPy's format) or .csv (a table)"));
}

absl::StatusOr<std::unique_ptr<PredictionFile>> PredictionFile::Create(Options options) {
  const absl::StatusOr<Format> format = FormatOf(options.path);
  if (!format.ok()) return format.status();
  std::error_code error;
  const std::filesystem::file_status found = std::filesystem::symlink_status(options.path, error);
  if (std::filesystem::is_directory(found)) return Errno(options.path, EISDIR);
  if (std::filesystem::exists(found) && !options.overwrite) return Exists(options.path);
  const std::string temporary = absl::StrCat(options.path, ".", getpid(), ".tmp");
  const int descriptor = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) return Errno(options.path, errno);
  return std::unique_ptr<PredictionFile>(
      new PredictionFile(std::move(options), *format, temporary, fdopen(descriptor, "wb")));
}

PredictionFile::PredictionFile(Options options, Format format, std::string temporary,
                               std::FILE* file)
    : options_(std::move(options)),
      format_(format),
      temporary_(std::move(temporary)),
      file_(file) {}

PredictionFile::~PredictionFile() {
  if (file_ != nullptr) std::fclose(file_);
  if (!finished_) unlink(temporary_.c_str());
}

absl::Status PredictionFile::Failed(const std::string& what) const {
  return absl::InternalError(absl::StrCat("the server's answer makes no sense: ", what));
}

absl::Status PredictionFile::Write(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), file_) == text.size()) return absl::OkStatus();
  return Errno(options_.path, errno);
}

absl::Status PredictionFile::WriteHeader() {
  const size_t width = TypeOf(header_.dtype()).bytes;
  if (width == 0) return Failed(absl::StrCat("numbers of the type ", header_.dtype()));
  if (header_.rows() < 1) return Failed("it has no rows");
  row_bytes_ = static_cast<size_t>(Product(header_.shape())) * width;
  if (header_.has_classes()) {
    class_bytes_ = static_cast<size_t>(Product(header_.class_shape())) * sizeof(int64_t);
  }
  if (row_bytes_ == 0) return Failed("rows of no numbers");
  if (format_ == Format::kNpy) return Write(NpyHeader(header_));
  std::vector<std::string> names = {"row"};
  if (header_.has_files()) names.emplace_back("file");
  AddValueNames(options_.value_name, header_, &names);
  if (header_.has_classes()) AddNames("class", header_.class_shape(), &names);
  for (std::string& name : names) name = Quoted(name);
  return Write(absl::StrCat(absl::StrJoin(names, ","), "\n"));
}

std::string PredictionFile::TableRow(size_t i) const {
  const auto class_text = [&](const char* bytes) {
    int64_t number = 0;
    std::memcpy(&number, bytes, sizeof(number));
    if (number < 0 || number >= header_.class_names_size()) return absl::StrCat(number);
    return Quoted(header_.class_names(static_cast<int>(number)));
  };
  std::string text =
      absl::StrCat(header_.has_places() ? places_[i] : rows_ + static_cast<int64_t>(i));
  if (header_.has_files()) absl::StrAppend(&text, ",", Quoted(files_[i]));
  const char* const values = values_.data() + i * row_bytes_;
  const char* const classes = classes_.data() + i * class_bytes_;
  // Values that are whole numbers are classes themselves.
  const bool are_classes = header_.dtype() == "int64";
  const size_t width = TypeOf(header_.dtype()).bytes;
  for (size_t at = 0; at < row_bytes_; at += width) {
    absl::StrAppend(
        &text, ",",
        are_classes ? class_text(values + at) : NumberText(header_.dtype(), values + at));
  }
  for (size_t at = 0; at < class_bytes_; at += sizeof(int64_t)) {
    absl::StrAppend(&text, ",", class_text(classes + at));
  }
  return text + "\n";
}

size_t PredictionFile::Whole() const {
  size_t whole = values_.size() / row_bytes_;
  if (class_bytes_ > 0) whole = std::min(whole, classes_.size() / class_bytes_);
  if (header_.has_places()) whole = std::min(whole, places_.size());
  if (header_.has_files()) whole = std::min(whole, files_.size());
  return whole;
}

absl::Status PredictionFile::Take(const v1::PredictJobResponse& response) {
  if (response.has_header() == has_header_) return Failed("a header where there should be none");
  if (response.has_class_names()) {
    if (header_written_) return Failed("names of classes after rows");
    header_.mutable_class_names()->MergeFrom(response.class_names().class_names());
    return absl::OkStatus();
  }
  if (response.has_header()) {
    header_ = response.header();
    has_header_ = true;
    return absl::OkStatus();
  }
  // The header is written now that all names of classes are there.
  if (!std::exchange(header_written_, true)) {
    if (absl::Status status = WriteHeader(); !status.ok()) return status;
  }
  const v1::PredictionRows& rows = response.rows();
  values_ += rows.values();
  classes_ += rows.classes();
  places_.insert(places_.end(), rows.places().begin(), rows.places().end());
  files_.insert(files_.end(), rows.files().begin(), rows.files().end());
  const size_t whole = Whole();
  std::string text;
  if (format_ == Format::kNpy) {
    text = values_.substr(0, whole * row_bytes_);
  } else {
    for (size_t i = 0; i < whole; ++i) text += TableRow(i);
  }
  rows_ += static_cast<int64_t>(whole);
  values_.erase(0, whole * row_bytes_);
  classes_.erase(0, whole * class_bytes_);
  EraseFirst(whole, &places_);
  EraseFirst(whole, &files_);
  return Write(text);
}

absl::Status PredictionFile::Finish() {
  if (!has_header_ || rows_ != header_.rows() || !values_.empty()) {
    return absl::DataLossError(
        absl::StrCat("the predictions ended after ", rows_, " of ", header_.rows(), " rows"));
  }
  const bool written = std::fflush(file_) == 0 && fsync(fileno(file_)) == 0;
  const int error = errno;
  const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
  if (!written || !closed) return Errno(options_.path, written ? errno : error);
  // It does not go over what somebody else has put there meanwhile, where the file system can tell.
  int renamed = -1;
  if (!options_.overwrite) {
    renamed =
        renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, options_.path.c_str(), RENAME_NOREPLACE);
    if (renamed != 0 && errno == EEXIST) return Exists(options_.path);
    if (renamed != 0 && errno != EINVAL && errno != ENOSYS) return Errno(options_.path, errno);
  }
  if (renamed != 0 && std::rename(temporary_.c_str(), options_.path.c_str()) != 0) {
    return Errno(options_.path, errno);
  }
  finished_ = true;
  return absl::OkStatus();
}

}  // namespace descent::cli
