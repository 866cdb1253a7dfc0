#include "client/cpp/spec_text.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cpp/field_names.h"
#include "client/cpp/message_reader.h"
#include "client/cpp/spec_override.h"
#include "client/cpp/text_error.h"
#include "client/cpp/textproto_path.h"
#include "client/cpp/yaml_tree.h"
#include "descent/v1/options.pb.h"
#include "proto/rpc_status.h"

namespace descent::client {
namespace {

// Adds to protobuf's `Message type "descent.v1.Adam" has no field named "step_sise".` the name that
// was meant.
std::string WithSuggestion(const std::string& message) {
  const std::vector<std::string> parts = absl::StrSplit(message, '"');
  if (parts.size() != 5 || parts[2] != " has no field named ") return message;
  const google::protobuf::Descriptor* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(parts[1]);
  return descriptor == nullptr ? message : UnknownField(parts[3], descriptor);
}

class TextFormatErrors : public google::protobuf::io::ErrorCollector {
 public:
  TextFormatErrors(std::string_view text, std::vector<TextError>* errors)
      : text_(text), errors_(errors) {}

  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    const TextMark mark{line + 1, column + 1};
    errors_->push_back({mark, TextprotoPath(text_, mark), WithSuggestion(message)});
  }

 private:
  std::string_view text_;
  std::vector<TextError>* errors_;
};

void ParseTextproto(std::string_view text, google::protobuf::Message* spec,
                    std::vector<TextError>* errors) {
  if (text.size() > kMaxYamlBytes) {
    errors->push_back({{}, "", absl::StrCat("larger than ", kMaxYamlBytes >> 20, " MiB")});
  } else if (const TextMark mark = FindInvalidUtf8(text); mark.line > 0) {
    errors->push_back({mark, "", "not UTF-8 text; save the file as UTF-8"});
  } else {
    TextFormatErrors collector(text, errors);
    google::protobuf::TextFormat::Parser parser;
    parser.RecordErrorsTo(&collector);
    parser.SetRecursionLimit(kMaxYamlDepth);
    parser.ParseFromString(std::string(text), spec);
  }
}

bool IsTextproto(const std::string& file) {
  for (const char* suffix : {".textproto", ".txtpb", ".pbtxt", ".prototxt"}) {
    if (absl::EndsWith(file, suffix)) return true;
  }
  return false;
}

std::string Absolute(const std::string& path, const std::filesystem::path& folder) {
  const char* home = std::getenv("HOME");
  if (absl::StartsWith(path, "~/") && home != nullptr) return absl::StrCat(home, path.substr(1));
  if (path.empty() || path.front() == '/') return path;
  return (folder / path).lexically_normal().string();
}

// Makes absolute the fields that are paths by their declaration (descent/v1/options.proto), at any
// depth; those of a dataset stay as they are, relative in it.
void MakePathsAbsolute(const std::filesystem::path& folder, google::protobuf::Message* message) {
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> given;
  reflection.ListFields(*message, &given);
  const google::protobuf::FieldDescriptor* dataset =
      message->GetDescriptor()->FindFieldByName("dataset");
  if (dataset != nullptr && reflection.HasField(*message, dataset)) return;
  for (const google::protobuf::FieldDescriptor* field : given) {
    if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
      const int count = field->is_repeated() ? reflection.FieldSize(*message, field) : 1;
      for (int i = 0; i < count; ++i) {
        MakePathsAbsolute(folder, field->is_repeated()
                                      ? reflection.MutableRepeatedMessage(message, field, i)
                                      : reflection.MutableMessage(message, field));
      }
    } else if (field->options().GetExtension(v1::file_path)) {
      reflection.SetString(message, field, Absolute(reflection.GetString(*message, field), folder));
    }
  }
}

std::string WorkingFolder() {
  std::error_code error;
  return std::filesystem::current_path(error).string();
}

absl::StatusOr<std::string> ReadAll(const std::string& file) {
  const bool is_stdin = file == "-";
  std::error_code error;
  if (!is_stdin && std::filesystem::is_directory(file, error)) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": is a folder, not a spec"));
  }
  std::FILE* stream = is_stdin ? stdin : std::fopen(file.c_str(), "rb");
  if (stream == nullptr) {
    const std::string message = absl::StrCat(file, ": ", std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(message) : absl::InvalidArgumentError(message);
  }
  std::string text;
  char buffer[1 << 16];
  // One byte over the limit is enough for ParseSpec to refuse it.
  while (text.size() <= kMaxYamlBytes) {
    const size_t n = std::fread(buffer, 1, sizeof(buffer), stream);
    if (n == 0) break;
    text.append(buffer, n);
  }
  const bool failed = std::ferror(stream) != 0;
  const int code = errno;
  if (!is_stdin) std::fclose(stream);
  if (failed) return absl::InvalidArgumentError(absl::StrCat(file, ": ", std::strerror(code)));
  return text;
}

// `shape` says what its fields look like, for who wrote none.
absl::Status Parse(std::string_view text, const std::string& file, SpecFormat format,
                   const char* shape, FieldMarks* marks, google::protobuf::Message* message) {
  if (format == SpecFormat::kAuto) {
    format = IsTextproto(file) ? SpecFormat::kTextproto : SpecFormat::kYaml;
  }
  std::vector<TextError> errors;
  if (format == SpecFormat::kTextproto) {
    ParseTextproto(text, message, &errors);
  } else if (const auto root = ParseYaml(text, &errors)) {
    if (root->kind == YamlNode::Kind::kMap) {
      MessageReader reader(&errors, marks);
      if (absl::EndsWith(file, ".json")) reader.TakeDecimalsOnly();
      reader.ReadMessage(*root, root->mark, "", message);
    } else {
      errors.push_back({root->mark, "", shape});
    }
  }
  return errors.empty() ? absl::OkStatus() : TextErrorsToStatus(errors, file);
}

std::string NameOf(const std::string& file) { return file == "-" ? "standard input" : file; }

std::string FolderOf(const std::string& file) {
  return file == "-" ? "" : std::filesystem::path(file).parent_path().string();
}

bool EndsWithAny(const std::string& text, std::initializer_list<const char*> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](const char* ending) { return absl::EndsWith(text, ending); });
}

// Sets the path of the kind that the name tells; false if it tells none.
bool SetPath(const std::string& path, v1::DataSource* source) {
  std::error_code error;
  const std::string name = absl::AsciiStrToLower(path);
  // A picture is read as a folder of one.
  if (std::filesystem::is_directory(Absolute(path, WorkingFolder()), error) ||
      EndsWithAny(name, {".png", ".jpg", ".jpeg"})) {
    source->mutable_image_folder()->set_path(path);
  } else if (EndsWithAny(name, {".csv", ".tsv"})) {
    source->mutable_csv()->set_path(path);
    if (absl::EndsWith(name, ".tsv")) source->mutable_csv()->set_delimiter("\t");
  } else if (EndsWithAny(name, {".npy"})) {
    source->mutable_npy()->set_inputs(path);
  } else if (EndsWithAny(name, {".npz"})) {
    source->mutable_npz()->set_path(path);
  } else if (EndsWithAny(name, {".safetensors"})) {
    source->mutable_safetensors()->set_path(path);
  } else if (EndsWithAny(name, {".txt"})) {
    source->mutable_text()->set_path(path);
  } else if (EndsWithAny(name, {".idx", ".idx.gz", "-ubyte", "-ubyte.gz"})) {
    source->mutable_idx()->set_inputs(path);
  } else {
    return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<v1::Spec> ParseSpec(std::string_view text, const std::string& file,
                                   SpecFormat format, FieldMarks* marks) {
  v1::Spec spec;
  absl::Status status = Parse(text, file, format,
                              "a spec is a mapping: `model: ...`, `optimizer: ...`", marks, &spec);
  if (!status.ok()) return status;
  return spec;
}

void ResolvePaths(const std::string& folder, google::protobuf::Message* spec) {
  const std::filesystem::path from = folder.empty() || folder.front() != '/'
                                         ? WorkingFolder() / std::filesystem::path(folder)
                                         : std::filesystem::path(folder);
  MakePathsAbsolute(from, spec);
}

absl::StatusOr<v1::Spec> ReadSpecFile(const std::string& file,
                                      const std::vector<std::string>& overrides, SpecFormat format,
                                      FieldMarks* marks) {
  const absl::StatusOr<std::string> text = ReadAll(file);
  if (!text.ok()) return text.status();
  absl::StatusOr<v1::Spec> spec = ParseSpec(*text, NameOf(file), format, marks);
  if (!spec.ok()) return spec;
  ResolvePaths(FolderOf(file), &*spec);
  for (const std::string& assignment : overrides) {
    std::string path;
    if (absl::Status status = ApplyOverride(assignment, &*spec, &path); !status.ok()) return status;
    if (marks == nullptr) continue;
    // What stands in the file there is no longer meant.
    std::erase_if(*marks, [&](const auto& mark) { return absl::StartsWith(mark.first, path); });
    (*marks)[path] = {};
  }
  ResolvePaths("", &*spec);
  return spec;
}

absl::StatusOr<v1::DataSource> ReadDataSource(const std::string& given,
                                              const std::vector<std::string>& overrides) {
  v1::DataSource source;
  if (given == "-" || EndsWithAny(given, {".yaml", ".yml", ".json"}) || IsTextproto(given)) {
    const absl::StatusOr<std::string> text = ReadAll(given);
    if (!text.ok()) return text.status();
    absl::Status status = Parse(*text, NameOf(given), SpecFormat::kAuto,
                                "data are a mapping: `csv: {path: ...}`", nullptr, &source);
    if (!status.ok()) return status;
    ResolvePaths(FolderOf(given), &source);
  } else if (!SetPath(given, &source)) {
    const char* first = "";
    if (EndsWithAny(given, {".gz", ".zip", ".bz2", ".xz", ".zst"})) first = "; unpack it first";
    if (EndsWithAny(given, {".xlsx", ".xls", ".ods", ".parquet", ".feather"})) {
      first = "; write its table as CSV first";
    }
    return absl::InvalidArgumentError(absl::StrCat(
        given,
        ": its name does not tell what it is: .csv, .tsv, .npy, .npz, .safetensors, .txt, .idx, "
        "-ubyte, .png, .jpg, a folder of pictures, or a .yaml file that says it (csv: {path: ...})",
        first));
  }
  for (const std::string& assignment : overrides) {
    if (absl::Status set = ApplyPartOverride(assignment, &source); !set.ok()) return set;
  }
  ResolvePaths("", &source);
  return source;
}

absl::Status WithPlaces(const absl::Status& status, const std::string& file,
                        const FieldMarks& marks) {
  std::vector<TextError> errors;
  for (const FieldViolation& violation : GetErrorDetail(status).violations) {
    // The place is that of the field itself, or of the nearest around it that is written: one may
    // be missing.
    std::string path = violation.field;
    if (absl::StartsWith(path, "job.")) path.erase(0, 4);
    if (absl::StartsWith(path, "spec.")) path.erase(0, 5);
    // Other fields, such as a job_id, are not the file's.
    const std::string root = path.substr(0, path.find_first_of(".["));
    if (v1::Spec::descriptor()->FindFieldByName(root) == nullptr) return status;
    TextMark mark;
    for (std::string around = path; !around.empty();) {
      if (const auto found = marks.find(around); found != marks.end()) {
        mark = found->second;
        break;
      }
      const size_t end = around.find_last_of(".[");
      around.resize(end == std::string::npos ? 0 : end);
    }
    errors.push_back({mark, path, violation.description});
  }
  if (errors.empty()) return status;
  return TextErrorsToStatus(std::move(errors), NameOf(file));
}

std::string PrintSpec(const v1::Spec& spec) { return PrintYaml(ToYaml(spec)); }

std::string PrintPart(const google::protobuf::Message& part) {
  const YamlNode node = ToYaml(part);
  std::string text = PrintYamlLine(node);
  const bool braces = node.kind == YamlNode::Kind::kMap && !node.entries.empty();
  return braces ? text.substr(1, text.size() - 2) : text;
}

}  // namespace descent::client
