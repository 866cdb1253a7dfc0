#include "server/worker/spec/source_spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "descent/v1/options.pb.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Of one dimension, or number of examples.
constexpr int64_t kMaxCount = int64_t{1} << 40;

// The member of `oneof kind` that is set; null if none is.
const FieldDescriptor* KindField(const api::DataSource& source) {
  return api::DataSource::descriptor()->FindFieldByNumber(source.kind_case());
}

const Message& Kind(const api::DataSource& source) {
  return source.GetReflection()->GetMessage(source, KindField(source));
}

Message* MutableKind(api::DataSource* source) {
  return source->GetReflection()->MutableMessage(source, KindField(*source));
}

bool IsPath(const FieldDescriptor* field) { return field->options().GetExtension(api::file_path); }

// Reads what was given into the source and fills in the rest; reports what is wrong, if somebody
// listens.
class Resolver final : public SourceVisitor {
 public:
  Resolver(std::string field, uint64_t seed, bool inputs_only, Message* message,
           Violations* violations)
      : field_(std::move(field)),
        seed_(seed),
        inputs_only_(inputs_only),
        message_(message),
        reflection_(*message->GetReflection()),
        violations_(violations) {}

  void Path(const char* name, std::string& path) override {
    if (Unwanted(name)) return;
    if (Has(name)) path = GetString(name);
    if (path.empty()) {
      Refuse(name, "Give the path of the file.", "MISSING_FIELD");
    } else {
      CheckPath(name, path);
    }
  }
  void Path(const char* name, std::optional<std::string>& path) override {
    if (!Has(name)) return;
    path = GetString(name);
    CheckPath(name, *path);
  }
  void Text(const char* name, std::string& text) override {
    if (Unwanted(name)) return;
    if (Has(name)) text = GetString(name);
    if (text.empty()) return Refuse(name, "It must not be empty.", "MISSING_FIELD");
    reflection_.SetString(message_, Field(name), text);
  }
  void Text(const char* name, std::optional<std::string>& text) override {
    if (!Has(name)) return;
    text = GetString(name);
    if (text->empty()) Refuse(name, "It must not be empty.", "MISSING_FIELD");
  }
  void Names(const char* name, std::vector<std::string>& names, bool required) override {
    for (int i = 0; i < reflection_.FieldSize(*message_, Field(name)); ++i) {
      names.push_back(reflection_.GetRepeatedString(*message_, Field(name), i));
    }
    if (required && names.empty() && !Unwanted(name)) {
      Refuse(name, absl::StrCat("Name the ", name, "."), "MISSING_FIELD");
    }
  }
  void Count(const char* name, int64_t& count, int64_t least) override {
    if (!Has(name) && count < least) return Refuse(name, "Give a number.", "MISSING_FIELD");
    if (Has(name)) count = reflection_.GetInt64(*message_, Field(name));
    reflection_.SetInt64(message_, Field(name), count);
    CheckCount(name, count, least);
  }
  void Count(const char* name, std::optional<int64_t>& count, int64_t least) override {
    if (!Has(name)) return;
    count = reflection_.GetInt64(*message_, Field(name));
    CheckCount(name, *count, least);
  }
  void Number(const char* name, double& number, double least) override {
    if (Has(name)) number = reflection_.GetDouble(*message_, Field(name));
    reflection_.SetDouble(message_, Field(name), number);
    if (!(number >= least) || !std::isfinite(number)) {
      Refuse(name, absl::StrCat("It is ", number, ", but must be a finite number ≥ ", least, "."),
             "OUT_OF_RANGE");
    }
  }
  void Numbers(const char* name, std::vector<double>& numbers, double least) override {
    for (int i = 0; i < reflection_.FieldSize(*message_, Field(name)); ++i) {
      numbers.push_back(reflection_.GetRepeatedDouble(*message_, Field(name), i));
      if (numbers.back() >= least && std::isfinite(numbers.back())) continue;
      Refuse(name,
             absl::StrCat("One is ", numbers.back(), ", but each must be a finite number ≥ ", least,
                          "."),
             "OUT_OF_RANGE");
    }
  }
  void Flag(const char* name, bool& flag) override {
    if (Has(name)) flag = reflection_.GetBool(*message_, Field(name));
    reflection_.SetBool(message_, Field(name), flag);
  }
  void Seed(const char* name, std::optional<uint64_t>& seed) override {
    seed = Has(name) ? reflection_.GetUInt64(*message_, Field(name)) : seed_;
    reflection_.SetUInt64(message_, Field(name), *seed);
  }
  void Missing(const char* name, MissingValues& missing) override {
    if (!Has(name)) return;
    auto& given =
        static_cast<api::MissingValues&>(*reflection_.MutableMessage(message_, Field(name)));
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
      Refuse(name, "Give one of mean, value and drop.", "MISSING_FIELD");
    }
    missing.tokens.assign(given.tokens().begin(), given.tokens().end());
  }

  bool right() const { return right_; }

 protected:
  void Place(const char* name, const std::vector<const char*>& names, size_t& place) override {
    const google::protobuf::EnumDescriptor& values = *Field(name)->enum_type();
    if (Has(name)) {
      const google::protobuf::EnumValueDescriptor* given =
          values.FindValueByNumber(reflection_.GetEnumValue(*message_, Field(name)));
      const auto found =
          given == nullptr ? names.end() : std::find(names.begin(), names.end(), given->name());
      if (found == names.end()) {
        return Refuse(name, absl::StrCat("Give one of ", absl::StrJoin(names, ", "), "."),
                      "OUT_OF_RANGE");
      }
      place = static_cast<size_t>(found - names.begin());
    }
    reflection_.SetEnum(message_, Field(name), values.FindValueByName(names[place]));
  }

 private:
  bool Unwanted(std::string_view name) const { return inputs_only_ && name == "targets"; }
  const FieldDescriptor* Field(const char* name) const {
    return message_->GetDescriptor()->FindFieldByName(name);
  }
  bool Has(const char* name) const { return reflection_.HasField(*message_, Field(name)); }
  std::string GetString(const char* name) const {
    return reflection_.GetString(*message_, Field(name));
  }
  void Refuse(const char* name, const std::string& problem, const char* reason) {
    right_ = false;
    if (violations_) violations_->Add(absl::StrCat(field_, ".", name), problem, reason);
  }
  void CheckPath(const char* name, const std::string& path) {
    if (path.find('\0') != std::string::npos) {
      Refuse(name, "The path contains a NUL character.", "INVALID_PATH");
    } else if (path.empty() || path[0] != '/') {
      Refuse(name,
             absl::StrCat(path,
                          " is no absolute path; the server cannot know from "
                          "which folder it counts."),
             "INVALID_PATH");
    }
  }
  void CheckCount(const char* name, int64_t count, int64_t least) {
    if (count >= least && count <= kMaxCount) return;
    Refuse(name,
           absl::StrCat("It is ", count, ", but must be at least ", least,
                        count < least ? "" : " and at most 2^40", "."),
           "OUT_OF_RANGE");
  }

  const std::string field_;
  const uint64_t seed_;
  const bool inputs_only_;
  Message* const message_;
  const google::protobuf::Reflection& reflection_;
  Violations* const violations_;
  bool right_ = true;
};

// `x` of `/a.npz has no array "x"; its arrays are …`; empty if it says nothing of the kind.
std::string MissingName(const std::string& message) {
  const size_t no = message.find(" has no ");
  const size_t begin = no == std::string::npos ? no : message.find('"', no);
  const size_t end = begin == std::string::npos ? begin : message.find('"', begin + 1);
  return end == std::string::npos ? "" : message.substr(begin + 1, end - begin - 1);
}

// Whether a field holds the text; a path: whether the text speaks of it.
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

// The field below the kind that the message is about; null: no single one.
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
  const FieldDescriptor* kind = KindField(*source);
  const std::unique_ptr<AnySource> made = kind ? MakeSource(kind->name()) : nullptr;
  if (!made) {
    const std::vector<std::string_view> kinds = SourceKinds();
    const std::vector<std::string> names(kinds.begin(), kinds.end());
    violations->Add(field, absl::StrCat("Give one of ", absl::StrJoin(names, ", "), "."),
                    "MISSING_FIELD");
    return;
  }
  const std::string inner = absl::StrCat(field, ".", kind->name());
  Resolver resolver(inner, seed, inputs_only, MutableKind(source), violations);
  made->Declare(resolver);
  if (!resolver.right()) return;
  if (absl::Status status = made->Check(); !status.ok()) {
    const std::string message(status.message());
    const size_t colon = message.find(": ");
    violations->Add(absl::StrCat(inner, ".", message.substr(0, colon)),
                    absl::StrCat(message.substr(colon + 2), "."), "OUT_OF_RANGE");
  }
}

std::unique_ptr<AnySource> ToSource(const api::DataSource& source) {
  api::DataSource copy = source;
  std::unique_ptr<AnySource> made = MakeSource(KindField(copy)->name());
  Resolver resolver("", 0, false, MutableKind(&copy), nullptr);
  made->Declare(resolver);
  return made;
}

std::vector<std::string> FilesOf(const api::DataSource& source) {
  std::vector<std::string> files;
  const Message& kind = Kind(source);
  std::vector<const FieldDescriptor*> given;
  kind.GetReflection()->ListFields(kind, &given);
  for (const FieldDescriptor* field : given) {
    if (IsPath(field)) files.push_back(kind.GetReflection()->GetString(kind, field));
  }
  return files;
}

void InheritFields(const api::DataSource& train, api::DataSource* test) {
  if (train.kind_case() != test->kind_case() || !KindField(train)) return;
  const std::string name = KindField(train)->name();
  const Message& from = Kind(train);
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
      return "FILE_NOT_FOUND";
    case absl::StatusCode::kPermissionDenied:
      return "FILE_UNREADABLE";
    case absl::StatusCode::kDataLoss:
      return "FILE_DAMAGED";
    case absl::StatusCode::kOutOfRange:
      return "LABEL_OUT_OF_RANGE";
    case absl::StatusCode::kResourceExhausted:
      return "TOO_LARGE";
    default:
      return "INVALID_DATA";
  }
}

void AddSourceViolation(const std::string& field, const api::DataSource& source,
                        const absl::Status& status, Violations* violations) {
  std::string message(status.message());
  if (!message.empty() && message.back() != '.' && message.back() != '?') message.push_back('.');
  std::string path = absl::StrCat(field, ".", KindField(source)->name());
  if (const FieldDescriptor* about = FieldOf(Kind(source), message)) {
    absl::StrAppend(&path, ".", about->name());
  }
  violations->Add(path, message, FileReason(status));
}

}  // namespace descent::worker
