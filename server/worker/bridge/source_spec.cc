#include "server/worker/bridge/source_spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/fields/fields.h"
#include "descent/v1/options.pb.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/field_reader.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool IsPath(const FieldDescriptor* field) { return field->options().GetExtension(api::file_path); }

class SourceReader final : public FieldReader {
 public:
  SourceReader(Message* source, std::string field, uint64_t seed, bool inputs_only,
               Violations* violations)
      : FieldReader(source, std::move(field), violations), seed_(seed), inputs_only_(inputs_only) {}

 private:
  bool Unwanted(const Field& field) const { return inputs_only_ && field.name() == "targets"; }
  bool Absent(const Field& field) override {
    auto* seed = field.As<std::optional<uint64_t>>();
    if (seed == nullptr) return Unwanted(field);
    *seed = seed_;
    message().Set(field.name(), seed_);
    return true;
  }
  void Check(const Field& field) override {
    if (Unwanted(field)) return;
    const FieldDescriptor* given = message().Field(field.name());
    const bool text = given->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
    if (text && !IsPath(given) && !field.given()) {
      return Refuse(field.name(), "It must not be empty.", reason::kMissingField);
    }
    FieldReader::Check(field);
  }
  // Reads the only field with fields of its own.
  void ReadInner(const Field& field) override {
    auto& missing = *field.As<MissingValues>();
    auto& given = static_cast<api::MissingValues&>(*message().Inner(field.name()));
    // Whoever says what holds nothing wants such rows taken.
    if (given.kind_case() == api::MissingValues::KIND_NOT_SET && given.tokens_size() > 0) {
      given.mutable_mean();
    }
    if (given.has_mean()) {
      missing.kind = MissingValues::Kind::kMean;
    } else if (given.has_value()) {
      missing = {MissingValues::Kind::kValue, given.value()};
    } else if (given.has_drop()) {
      missing.kind = MissingValues::Kind::kDrop;
    } else {
      Refuse(field.name(), "Give one of mean, value and drop.", reason::kMissingField);
    }
    missing.tokens.assign(given.tokens().begin(), given.tokens().end());
  }

  const uint64_t seed_;
  const bool inputs_only_;
};

// Gives `x` of `/a.npz has no array "x"; its arrays are …`; empty if the message says nothing of
// the kind.
std::string MissingName(const std::string& message) {
  const size_t no = message.find(" has no ");
  const size_t begin = no == std::string::npos ? no : message.find('"', no);
  const size_t end = begin == std::string::npos ? begin : message.find('"', begin + 1);
  return end == std::string::npos ? "" : message.substr(begin + 1, end - begin - 1);
}

// True if a field holds the text; for a path, if the text speaks of it.
bool Mentions(const Message& message, const FieldDescriptor* field, const std::string& name,
              const std::string& text) {
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return false;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (!field->is_repeated()) {
    const std::string value = reflection.GetString(message, field);
    return IsPath(field) ? name.empty() && text.find(value) != std::string::npos : value == name;
  }
  for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
    if (reflection.GetRepeatedString(message, field, i) == name) return true;
  }
  return false;
}

// Gives the field below the kind that the message is about; null if it is no single one.
const FieldDescriptor* FieldOf(const Message& message, const std::string& text) {
  const FieldDescriptor* found = nullptr;
  const FieldDescriptor* path = nullptr;
  int paths = 0;
  int mentions = 0;
  std::vector<const FieldDescriptor*> given;
  message.GetReflection()->ListFields(message, &given);
  const std::string name = MissingName(text);
  for (const FieldDescriptor* field : given) {
    if (IsPath(field)) {
      path = field;
      ++paths;
    }
    if (!Mentions(message, field, name, text)) continue;
    found = field;
    ++mentions;
  }
  if (mentions == 1) return found;
  return paths == 1 ? path : nullptr;
}

}  // namespace

void ResolveSource(const std::string& field, uint64_t seed, api::DataSource* source,
                   Violations* violations, bool inputs_only) {
  const std::unique_ptr<SourceForm> form = NewSource(KindOf(*source));
  if (!form) {
    const std::vector<std::string_view> kinds = SourceKinds();
    const std::vector<std::string> names(kinds.begin(), kinds.end());
    violations->Add(field, absl::StrCat("Give one of ", absl::StrJoin(names, ", "), "."),
                    reason::kMissingField);
    return;
  }
  const std::string inner = absl::StrCat(field, ".", std::string(form->kind()));
  SourceReader reader(MutableKind(source), inner, seed, inputs_only, violations);
  const FieldList fields = form->fields();
  if (!reader.Read(fields)) return;
  if (absl::Status status = fields.CheckTogether(); !status.ok()) {
    const std::string message(status.message());
    const size_t colon = message.find(": ");
    violations->Add(absl::StrCat(inner, ".", message.substr(0, colon)),
                    absl::StrCat(message.substr(colon + 2), "."), reason::kOutOfRange);
  }
}

std::unique_ptr<SourceForm> ToSource(const api::DataSource& source) {
  api::DataSource copy = source;
  std::unique_ptr<SourceForm> form = NewSource(KindOf(copy));
  SourceReader(MutableKind(&copy), "", 0, false, nullptr).Read(form->fields());
  return form;
}

std::vector<std::string> FilesOf(const api::DataSource& source) {
  std::vector<std::string> files;
  const Message& kind = KindMessage(source);
  std::vector<const FieldDescriptor*> given;
  kind.GetReflection()->ListFields(kind, &given);
  for (const FieldDescriptor* field : given) {
    if (IsPath(field)) files.push_back(kind.GetReflection()->GetString(kind, field));
  }
  return files;
}

void InheritFields(const api::DataSource& train, api::DataSource* test) {
  if (train.kind_case() != test->kind_case() || KindOf(train).empty()) return;
  const Message& from = KindMessage(train);
  Message* to = MutableKind(test);
  const std::unique_ptr<Message> inherited(from.New());
  inherited->CopyFrom(from);
  const google::protobuf::Reflection& reflection = *to->GetReflection();
  for (int i = 0; i < from.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = from.GetDescriptor()->field(i);
    const bool given = field->is_repeated() ? reflection.FieldSize(*to, field) > 0
                                            : reflection.HasField(*to, field);
    if (given || IsPath(field) || field->name() == "seed") {
      reflection.ClearField(inherited.get(), field);
    }
  }
  to->MergeFrom(*inherited);
}

const char* FileReason(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return reason::kFileNotFound;
    case absl::StatusCode::kPermissionDenied:
      return reason::kFileUnreadable;
    case absl::StatusCode::kDataLoss:
      return reason::kFileDamaged;
    case absl::StatusCode::kOutOfRange:
      return reason::kLabelOutOfRange;
    case absl::StatusCode::kResourceExhausted:
      return reason::kTooLarge;
    default:
      return reason::kInvalidData;
  }
}

void AddSourceViolation(const std::string& field, const api::DataSource& source,
                        const absl::Status& status, Violations* violations) {
  std::string message(status.message());
  if (!message.empty() && message.back() != '.' && message.back() != '?') message.push_back('.');
  std::string path = absl::StrCat(field, ".", KindOf(source));
  if (const FieldDescriptor* about = FieldOf(KindMessage(source), message)) {
    absl::StrAppend(&path, ".", about->name());
  }
  violations->Add(path, message, FileReason(status));
}

}  // namespace descent::worker
