#include "server/worker/spec/optimizer_spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/optimizer/kinds.h"
#include "server/worker/spec/line_search_spec.h"
#include "server/worker/spec/sequence_spec.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

// The member of `oneof kind` that is set; null if none is.
const FieldDescriptor* KindField(const Message& message) {
  return message.GetReflection()->GetOneofFieldDescriptor(
      message, message.GetDescriptor()->FindOneofByName("kind"));
}

Message* MutableKind(Message* message) {
  return message->GetReflection()->MutableMessage(message, KindField(*message));
}

const Message& Kind(const Message& message) {
  return message.GetReflection()->GetMessage(message, KindField(message));
}

// `sgd, adam, …`
std::string KindNames(const Message& message) {
  std::vector<std::string> names;
  const auto* kinds = message.GetDescriptor()->FindOneofByName("kind");
  for (int i = 0; i < kinds->field_count(); ++i) names.push_back(kinds->field(i)->name());
  return absl::StrJoin(names, ", ");
}

std::string WrapperPath(int i) { return absl::StrCat("optimizer.wrappers[", i, "]"); }

const FieldDescriptor* Field(const Message& message, const FieldInfo& info) {
  return message.GetDescriptor()->FindFieldByName(info.range.field);
}

api::Sequence* MutableSequence(Message* message, const FieldDescriptor* field) {
  return static_cast<api::Sequence*>(message->GetReflection()->MutableMessage(message, field));
}

const api::Sequence& GetSequence(const Message& message, const FieldDescriptor* field) {
  return static_cast<const api::Sequence&>(message.GetReflection()->GetMessage(message, field));
}

api::LineSearch* MutableLineSearch(Message* message, const FieldDescriptor* field) {
  return static_cast<api::LineSearch*>(message->GetReflection()->MutableMessage(message, field));
}

// A hyperparameter's default: a number, or else the only schedule that is one, Nesterov's.
void SetDefault(const descent::Sequence& value, api::Sequence* sequence) {
  const auto& bounds = value.bounds();
  if (bounds && bounds->least == bounds->greatest) {
    sequence->set_constant(bounds->least);
  } else {
    sequence->mutable_nesterov();
  }
}

void SetDefault(const FieldValue& value, const FieldDescriptor* field, Message* message) {
  const auto* reflection = message->GetReflection();
  std::visit(Overloaded{[&](const descent::Sequence& sequence) {
                          SetDefault(sequence, MutableSequence(message, field));
                        },
                        [&](double number) { reflection->SetDouble(message, field, number); },
                        [&](int64_t number) { reflection->SetInt64(message, field, number); },
                        [&](bool flag) { reflection->SetBool(message, field, flag); },
                        [&](const std::string& text) {
                          if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
                            reflection->SetEnum(message, field,
                                                field->enum_type()->FindValueByName(text));
                          } else {
                            reflection->SetString(message, field, text);
                          }
                        },
                        [&](const LineSearch& search) {
                          WriteLineSearch(search, MutableLineSearch(message, field));
                        }},
             value);
}

// What the message says of the field, in the type that core declares.
FieldValue Read(const Message& message, const FieldDescriptor* field, const FieldInfo& info) {
  const auto* reflection = message.GetReflection();
  return std::visit(
      Overloaded{[&](const descent::Sequence&) -> FieldValue {
                   return ToSequence(GetSequence(message, field));
                 },
                 [&](double) -> FieldValue { return reflection->GetDouble(message, field); },
                 [&](int64_t) -> FieldValue { return reflection->GetInt64(message, field); },
                 [&](bool) -> FieldValue { return reflection->GetBool(message, field); },
                 [&](const std::string&) -> FieldValue {
                   return field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM
                              ? reflection->GetEnum(message, field)->name()
                              : reflection->GetString(message, field);
                 },
                 [&](const LineSearch&) -> FieldValue {
                   return ToLineSearch(
                       static_cast<const api::LineSearch&>(reflection->GetMessage(message, field)));
                 }},
      info.default_value);
}

// Of an enum: also a number without a name may have been given.
void ResolveName(const FieldInfo& info, const FieldDescriptor* field, const std::string& path,
                 const Message& message, Violations* violations) {
  const std::string name = message.GetReflection()->GetEnum(message, field)->name();
  if (std::find(info.names.begin(), info.names.end(), name) != info.names.end()) return;
  violations->Add(
      path,
      absl::StrCat(
          "Give one of ",
          absl::StrJoin(std::vector<std::string>(info.names.begin(), info.names.end()), ", "), "."),
      "OUT_OF_RANGE");
}

// Checks what was given.
void ResolveField(const FieldInfo& info, const FieldDescriptor* field, const std::string& path,
                  Message* message, Violations* violations) {
  if (std::holds_alternative<descent::Sequence>(info.default_value)) {
    return ResolveSequence(info.range, path, MutableSequence(message, field), violations);
  }
  if (std::holds_alternative<LineSearch>(info.default_value)) {
    return ResolveLineSearch(path, MutableLineSearch(message, field), violations);
  }
  if (!info.names.empty()) return ResolveName(info, field, path, *message, violations);
  const absl::Status status =
      std::visit([&]<class Value>(const Value& value) { return CheckField(info.range, value); },
                 Read(*message, field, info));
  if (!status.ok()) {
    violations->Add(path, absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
  }
}

void ResolveFields(const std::vector<FieldInfo>& fields, const std::string& path, Message* message,
                   Violations* violations) {
  for (const FieldInfo& info : fields) {
    const FieldDescriptor* field = Field(*message, info);
    const std::string field_path = absl::StrCat(path, ".", info.range.field);
    const bool given = message->GetReflection()->HasField(*message, field);
    if (!given && info.required) {
      violations->Add(field_path, "This optimizer needs a step size.", "MISSING_FIELD");
      continue;
    }
    if (!given) SetDefault(info.default_value, field, message);
    ResolveField(info, field, field_path, message, violations);
  }
}

FieldValues ReadFields(const std::vector<FieldInfo>& fields, const Message& message) {
  FieldValues values;
  for (const FieldInfo& info : fields) {
    values.emplace_back(info.range.field, Read(message, Field(message, info), info));
  }
  return values;
}

// Calls visit(field, info) for each hyperparameter that the group gives; info is null if the
// optimizer has none of that name.
template <class Visit>
void VisitGroup(const OptimizerKind& kind, const api::ParameterGroup& group, Visit visit) {
  std::vector<const FieldDescriptor*> given;
  group.GetReflection()->ListFields(group, &given);
  for (const FieldDescriptor* field : given) {
    if (field->number() <= api::ParameterGroup::kFrozenFieldNumber) continue;
    const FieldInfo* found = nullptr;
    for (const FieldInfo& info : kind.fields()) {
      if (info.range.field == field->name()) found = &info;
    }
    visit(field, found);
  }
}

void ResolveGroups(const OptimizerKind& kind, api::Optimizer* optimizer, Violations* violations) {
  if (optimizer->groups_size() > 0 && !kind.has_groups()) {
    violations->Add("optimizer.groups",
                    absl::StrCat(std::string(kind.name()),
                                 " has no groups, since it moves all parameters alike. Use sgd or "
                                 "another element-wise optimizer, or the wrapper freeze."),
                    "UNSUPPORTED");
    return;
  }
  for (int i = 0; i < optimizer->groups_size(); ++i) {
    api::ParameterGroup* group = optimizer->mutable_groups(i);
    const std::string path = absl::StrCat("optimizer.groups[", i, "]");
    if (!group->has_name()) group->set_name(absl::StrCat(i));
    if (!group->has_frozen()) group->set_frozen(false);
    if (group->pattern().empty()) {
      violations->Add(absl::StrCat(path, ".pattern"),
                      "Give a pattern of the names of its parameters, such as \"*.bias\".",
                      "MISSING_FIELD");
    }
    VisitGroup(kind, *group, [&](const FieldDescriptor* field, const FieldInfo* info) {
      const std::string field_path = absl::StrCat(path, ".", field->name());
      if (info != nullptr) return ResolveField(*info, field, field_path, group, violations);
      violations->Add(field_path, absl::StrCat(std::string(kind.name()), " has no such field."),
                      "UNKNOWN_FIELD");
    });
  }
}

std::vector<ParameterGroup> ToGroups(const OptimizerKind& kind, const api::Optimizer& optimizer) {
  std::vector<ParameterGroup> groups;
  for (const api::ParameterGroup& group : optimizer.groups()) {
    groups.push_back({group.name(), group.pattern(), group.frozen()});
    VisitGroup(kind, group, [&](const FieldDescriptor* field, const FieldInfo* info) {
      groups.back().values.emplace_back(field->name(), Read(group, field, *info));
    });
  }
  return groups;
}

// Calls visit(sequence) for each sequence in the message and those below it, to any depth but not
// into sequences.
template <class Visit>
void VisitSequences(Message* message, Visit visit) {
  std::vector<const FieldDescriptor*> given;
  const auto* reflection = message->GetReflection();
  reflection->ListFields(*message, &given);
  for (const FieldDescriptor* field : given) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const bool is_sequence = field->message_type() == api::Sequence::descriptor();
    const int count = field->is_repeated() ? reflection->FieldSize(*message, field) : 1;
    for (int i = 0; i < count; ++i) {
      Message* inner = field->is_repeated() ? reflection->MutableRepeatedMessage(message, field, i)
                                            : reflection->MutableMessage(message, field);
      if (is_sequence) {
        visit(static_cast<api::Sequence*>(inner));
      } else {
        VisitSequences(inner, visit);
      }
    }
  }
}

}  // namespace

std::string DialPath(const api::Optimizer& optimizer, std::string_view name) {
  if (name.substr(0, 10) == "objective.") return std::string(name);
  // Those of wrappers and groups bear their scope; the optimizer's own stand below its kind.
  const FieldDescriptor* kind = KindField(optimizer);
  if (kind == nullptr || name.find('.') != std::string_view::npos) {
    return absl::StrCat("optimizer.", std::string(name));
  }
  return absl::StrCat("optimizer.", kind->name(), ".", std::string(name));
}

void ResolveOptimizer(api::Optimizer* optimizer, Violations* violations) {
  const FieldDescriptor* field = KindField(*optimizer);
  if (field == nullptr) {
    violations->Add("optimizer", absl::StrCat("Give one of ", KindNames(*optimizer), "."),
                    "MISSING_FIELD");
    return;
  }
  const OptimizerKind* found = FindOptimizerKind(field->name());
  if (found == nullptr) {
    violations->Add(absl::StrCat("optimizer.", field->name()), "This worker does not have it.",
                    "UNSUPPORTED");
    return;
  }
  const OptimizerKind& kind = *found;
  ResolveFields(kind.fields(), absl::StrCat("optimizer.", field->name()), MutableKind(optimizer),
                violations);
  ResolveGroups(kind, optimizer, violations);
  for (int i = 0; i < optimizer->wrappers_size(); ++i) {
    api::Wrapper* wrapper = optimizer->mutable_wrappers(i);
    const FieldDescriptor* wrapper_field = KindField(*wrapper);
    if (wrapper_field == nullptr) {
      violations->Add(WrapperPath(i), absl::StrCat("Give one of ", KindNames(*wrapper), "."),
                      "MISSING_FIELD");
      continue;
    }
    ResolveFields(FindWrapperKind(wrapper_field->name())->fields(),
                  absl::StrCat(WrapperPath(i), ".", wrapper_field->name()), MutableKind(wrapper),
                  violations);
  }
}

void ResolveSchedules(const SequenceDefaults& defaults, api::Optimizer* optimizer) {
  VisitSequences(optimizer,
                 [&](api::Sequence* sequence) { ResolveSequenceInRun(defaults, sequence); });
}

absl::StatusOr<OptimizerOptions> ToOptimizerOptions(const api::Optimizer& optimizer) {
  const OptimizerKind& kind = *FindOptimizerKind(KindField(optimizer)->name());
  absl::StatusOr<OptimizerOptions> options =
      kind.Make(ReadFields(kind.fields(), Kind(optimizer)), ToGroups(kind, optimizer));
  for (int i = optimizer.wrappers_size(); options.ok() && i-- > 0;) {
    const api::Wrapper& wrapper = optimizer.wrappers(i);
    const WrapperKind& wrapper_kind = *FindWrapperKind(KindField(wrapper)->name());
    options = wrapper_kind.Make(ReadFields(wrapper_kind.fields(), Kind(wrapper)), *options);
  }
  return options;
}

}  // namespace descent::worker
