#include "server/worker/bridge/field_reader.h"

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/rules/reasons.h"

namespace descent::worker {
namespace {

using google::protobuf::EnumValueDescriptor;

template <class T>
constexpr bool kIsOptional = requires(T optional) { optional.has_value(); };
template <class T>
constexpr bool kIsList = requires(T list) { list.pop_back(); } && !std::is_same_v<T, std::string>;

std::string EnumNames(const EnumPlace& place) {
  return absl::StrJoin(std::vector<std::string>(place.names.begin(), place.names.end()), ", ");
}

// Reads an enum, whose values core calls by the same names. False if it is none of these; a number
// without a name may have been given, too.
bool ReadEnum(const std::string& given, const EnumPlace& place) {
  for (size_t i = 0; i < place.names.size(); ++i) {
    if (place.names[i] != given) continue;
    place.set(place.member, i);
    return true;
  }
  return false;
}

// Reads a member from a message.
struct Reading {
  const MessageFields& message;
  const std::string& name;

  template <class T>
  void operator()(T* member) const {
    if constexpr (kIsOptional<T>) {
      *member = message.Get<typename T::value_type>(name);
    } else if constexpr (kIsList<T>) {
      member->clear();
      for (int i = 0; i < message.Size(name); ++i) {
        member->push_back(message.Get<typename T::value_type>(name, i));
      }
    } else {
      *member = message.Get<T>(name);
    }
  }
};

struct Writing {
  MessageFields& message;
  const std::string& name;

  template <class T>
  void operator()(const T* member) const {
    if constexpr (kIsOptional<T>) {
      if (*member) message.Set(name, **member);
    } else if constexpr (kIsList<T>) {
      for (const auto& element : *member) message.Add(name, element);
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (!member->empty()) message.Set(name, *member);
    } else {
      message.Set(name, *member);
    }
  }
};

template <class P>
constexpr bool kIsInner = std::is_same_v<P, OtherPlace> || std::is_same_v<P, Sequence*> ||
                          std::is_same_v<P, std::vector<Sequence>*>;

bool IsInner(const Field& field) {
  return std::visit([]<class P>(const P&) { return kIsInner<P>; }, field.place());
}

}  // namespace

std::string FieldReader::Path(std::string_view name) const {
  return absl::StrCat(path_, ".", std::string(name));
}

void FieldReader::Refuse(const std::string& name, std::string problem, const char* reason) {
  right_ = false;
  if (violations_ != nullptr) violations_->Add(Path(name), std::move(problem), reason);
}

bool FieldReader::Read(const FieldList& fields) {
  for (const Field& field : fields) {
    if (message_.Field(field.name()) != nullptr) Read(field);
  }
  return right_;
}

void FieldReader::Read(const Field& field) {
  const std::string& name = field.name();
  const auto* named = std::get_if<EnumPlace>(&field.place());
  if (!message_.Given(name)) {
    if (Absent(field)) return;
    if (field.required()) return Refuse(name, field.missing(), reason::kMissingField);
    if (IsInner(field)) return WriteInner(field);
    if (named != nullptr) {
      return message_.SetEnum(name, std::string(named->names[named->get(named->member)]));
    }
    return std::visit(
        [&]<class P>(const P& place) {
          if constexpr (!kIsInner<P> && std::is_pointer_v<P>) Writing{message_, name}(place);
        },
        field.place());
  }
  if (IsInner(field)) return ReadInner(field);
  if (named != nullptr) {
    if (ReadEnum(message_.GetEnum(name), *named)) return;
    return Refuse(name, absl::StrCat("Give one of ", EnumNames(*named), "."), reason::kOutOfRange);
  }
  std::visit(
      [&]<class P>(const P& place) {
        if constexpr (!kIsInner<P> && std::is_pointer_v<P>) Reading{message_, name}(place);
      },
      field.place());
  Check(field);
}

void FieldReader::Check(const Field& field) {
  if (field.must_be_given() && !field.given()) {
    return Refuse(field.name(), field.missing(), reason::kMissingField);
  }
  if (message_.Field(field.name())->options().GetExtension(api::file_path)) return CheckPath(field);
  if (field.whole()) return CheckWhole(field);
  if (const absl::Status status = field.Check(); !status.ok()) {
    Refuse(field.name(), Sentence(status), reason::kOutOfRange);
  }
}

void FieldReader::CheckPath(const Field& field) {
  const std::string path = message_.Get<std::string>(field.name());
  if (path.find('\0') != std::string::npos) {
    Refuse(field.name(), "The path contains a NUL character.", reason::kInvalidPath);
  } else if (path.empty() || path[0] != '/') {
    Refuse(field.name(),
           absl::StrCat(path,
                        " is no absolute path; the server cannot know from which folder it "
                        "counts."),
           reason::kInvalidPath);
  }
}

void FieldReader::CheckWhole(const Field& field) {
  const Range& range = field.range();
  const auto check = [&](const std::string& name, int64_t value) {
    const auto number = static_cast<double>(value);
    if (number >= range.min && number <= range.max) return;
    Refuse(name,
           absl::StrCat("It is ", value, ", but must be at least ", range.min,
                        number < range.min ? "" : " and at most " + MostText(range), "."),
           reason::kOutOfRange);
  };
  if (const auto* one = field.As<int64_t>()) return check(field.name(), *one);
  if (const auto* one = field.As<std::optional<int64_t>>()) return check(field.name(), **one);
  const auto* list = field.As<std::vector<int64_t>>();
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const std::string name = absl::StrCat(field.name(), "[", i, "]");
    const int64_t value = (*list)[i], before = i == 0 ? 0 : (*list)[i - 1];
    if (!field.increasing()) {
      check(name, value);
    } else if (value <= before) {
      Refuse(name, absl::StrCat("It is ", value, ", but must be greater than ", before, "."),
             reason::kOutOfRange);
    }
  }
}

std::string KindOf(const google::protobuf::Message& message) {
  const auto* kind = MessageFields(message).Kind();
  return kind == nullptr ? "" : kind->name();
}

std::string KindNames(const google::protobuf::Message& message) {
  return absl::StrJoin(MessageFields(message).Kinds(), ", ");
}

google::protobuf::Message* MutableKind(google::protobuf::Message* message) {
  MessageFields fields(message);
  return fields.Inner(fields.Kind()->name());
}

const google::protobuf::Message& KindMessage(const google::protobuf::Message& message) {
  const MessageFields fields(message);
  return message.GetReflection()->GetMessage(message, fields.Kind());
}

std::string GiveOneOf(const google::protobuf::Message& message) {
  std::vector<std::string> names = MessageFields(message).Kinds();
  const std::string last = names.back();
  names.pop_back();
  return absl::StrCat("Give one of ", absl::StrJoin(names, ", "), " and ", last, ".");
}

void AddNoKind(const std::string& path, const google::protobuf::Message& message,
               Violations* violations) {
  violations->Add(path, absl::StrCat("Give one of ", KindNames(message), "."),
                  reason::kMissingField);
}

}  // namespace descent::worker
