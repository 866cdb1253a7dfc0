#include "server/worker/spec/optimizer_spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <any>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/fields/fields.h"
#include "core/optimizer/kinds.h"
#include "core/optimizer/line_search.h"
#include "server/worker/spec/line_search_spec.h"
#include "server/worker/spec/sequence_spec.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

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

const FieldDescriptor* Counterpart(const Message& message, const Field& field) {
  return message.GetDescriptor()->FindFieldByName(field.name());
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

// What core's field holds.
void Write(const Field& own, const FieldDescriptor* field, Message* message) {
  const auto* reflection = message->GetReflection();
  if (const auto* sequence = own.As<descent::Sequence>()) {
    SetDefault(*sequence, MutableSequence(message, field));
  } else if (const auto* search = own.As<LineSearch>()) {
    WriteLineSearch(*search, MutableLineSearch(message, field));
  } else if (const auto* number = own.As<double>()) {
    reflection->SetDouble(message, field, *number);
  } else if (const auto* integer = own.As<int64_t>()) {
    reflection->SetInt64(message, field, *integer);
  } else if (const auto* flag = own.As<bool>()) {
    reflection->SetBool(message, field, *flag);
  } else if (const auto* text = own.As<std::string>()) {
    reflection->SetString(message, field, *text);
  } else {
    reflection->SetEnum(message, field,
                        field->enum_type()->FindValueByName(std::any_cast<std::string>(own.Get())));
  }
}

// What the message says of the field, in the type that core declares.
FieldValue Read(const Message& message, const FieldDescriptor* field, const Field& own) {
  const auto* reflection = message.GetReflection();
  if (own.As<descent::Sequence>()) return ToSequence(GetSequence(message, field));
  if (own.As<LineSearch>()) {
    return ToLineSearch(
        static_cast<const api::LineSearch&>(reflection->GetMessage(message, field)));
  }
  if (own.As<double>()) return reflection->GetDouble(message, field);
  if (own.As<int64_t>()) return int64_t{reflection->GetInt64(message, field)};
  if (own.As<bool>()) return reflection->GetBool(message, field);
  if (own.As<std::string>()) return reflection->GetString(message, field);
  return std::string(reflection->GetEnum(message, field)->name());
}

// Of an enum: also a number without a name may have been given.
void ResolveName(const EnumPlace& place, const FieldDescriptor* field, const std::string& path,
                 const Message& message, Violations* violations) {
  const std::string name = message.GetReflection()->GetEnum(message, field)->name();
  if (std::find(place.names.begin(), place.names.end(), name) != place.names.end()) return;
  violations->Add(
      path,
      absl::StrCat(
          "Give one of ",
          absl::StrJoin(std::vector<std::string>(place.names.begin(), place.names.end()), ", "),
          "."),
      "OUT_OF_RANGE");
}

// Checks what was given.
void ResolveField(const Field& own, const FieldDescriptor* field, const std::string& path,
                  Message* message, Violations* violations) {
  if (own.As<descent::Sequence>()) {
    return ResolveSequence(own.range(), path, MutableSequence(message, field), violations);
  }
  if (own.As<LineSearch>()) {
    return ResolveLineSearch(path, MutableLineSearch(message, field), violations);
  }
  if (const auto* named = std::get_if<EnumPlace>(&own.place())) {
    return ResolveName(*named, field, path, *message, violations);
  }
  if (const absl::Status status = own.Set(Read(*message, field, own)); !status.ok()) {
    violations->Add(path, absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
  }
}

void ResolveFields(const FieldList& fields, const std::string& path, Message* message,
                   Violations* violations) {
  for (const Field& own : fields) {
    const FieldDescriptor* field = Counterpart(*message, own);
    const std::string field_path = absl::StrCat(path, ".", own.name());
    const bool given = message->GetReflection()->HasField(*message, field);
    if (!given && own.required()) {
      violations->Add(field_path, own.missing(), "MISSING_FIELD");
      continue;
    }
    if (!given) Write(own, field, message);
    ResolveField(own, field, field_path, message, violations);
  }
}

// Of a resolved message.
absl::Status ReadFields(const FieldList& fields, const Message& message) {
  for (const Field& own : fields) {
    absl::Status status = own.Set(Read(message, Counterpart(message, own), own));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Calls visit(field, own) for each hyperparameter that the group gives; own is null if the
// optimizer has none of that name.
template <class Visit>
void VisitGroup(const FieldList& fields, const api::ParameterGroup& group, Visit visit) {
  std::vector<const FieldDescriptor*> given;
  group.GetReflection()->ListFields(group, &given);
  for (const FieldDescriptor* field : given) {
    if (field->number() <= api::ParameterGroup::kFrozenFieldNumber) continue;
    visit(field, fields.Find(field->name()));
  }
}

void ResolveGroups(OptimizerForm& kind, api::Optimizer* optimizer, Violations* violations) {
  if (optimizer->groups_size() > 0 && !kind.has_groups()) {
    violations->Add("optimizer.groups",
                    absl::StrCat(std::string(kind.kind()),
                                 " has no groups, since it moves all parameters alike. Use sgd or "
                                 "another element-wise optimizer, or the wrapper freeze."),
                    "UNSUPPORTED");
    return;
  }
  const FieldList fields = kind.fields();
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
    VisitGroup(fields, *group, [&](const FieldDescriptor* field, const Field* own) {
      const std::string field_path = absl::StrCat(path, ".", field->name());
      if (own != nullptr) return ResolveField(*own, field, field_path, group, violations);
      violations->Add(field_path, absl::StrCat(std::string(kind.kind()), " has no such field."),
                      "UNKNOWN_FIELD");
    });
  }
}

std::vector<ParameterGroup> ToGroups(const FieldList& fields, const api::Optimizer& optimizer) {
  std::vector<ParameterGroup> groups;
  for (const api::ParameterGroup& group : optimizer.groups()) {
    groups.push_back({group.name(), group.pattern(), group.frozen()});
    VisitGroup(fields, group, [&](const FieldDescriptor* field, const Field* own) {
      groups.back().values.emplace_back(field->name(), Read(group, field, *own));
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
  const std::unique_ptr<OptimizerForm> form = NewOptimizer(field->name());
  if (form == nullptr) {
    violations->Add(absl::StrCat("optimizer.", field->name()), "This worker does not have it.",
                    "UNSUPPORTED");
    return;
  }
  ResolveFields(form->fields(), absl::StrCat("optimizer.", field->name()), MutableKind(optimizer),
                violations);
  ResolveGroups(*form, optimizer, violations);
  for (int i = 0; i < optimizer->wrappers_size(); ++i) {
    api::Wrapper* wrapper = optimizer->mutable_wrappers(i);
    const FieldDescriptor* wrapper_field = KindField(*wrapper);
    if (wrapper_field == nullptr) {
      violations->Add(WrapperPath(i), absl::StrCat("Give one of ", KindNames(*wrapper), "."),
                      "MISSING_FIELD");
      continue;
    }
    const std::unique_ptr<WrapperForm> wrapper_form = NewWrapper(wrapper_field->name());
    ResolveFields(wrapper_form->fields(), absl::StrCat(WrapperPath(i), ".", wrapper_field->name()),
                  MutableKind(wrapper), violations);
  }
}

void ResolveSchedules(const SequenceDefaults& defaults, api::Optimizer* optimizer) {
  VisitSequences(optimizer,
                 [&](api::Sequence* sequence) { ResolveSequenceInRun(defaults, sequence); });
}

absl::StatusOr<OptimizerOptions> ToOptimizerOptions(const api::Optimizer& optimizer) {
  const std::unique_ptr<OptimizerForm> form = NewOptimizer(KindField(optimizer)->name());
  const FieldList fields = form->fields();
  if (absl::Status status = ReadFields(fields, Kind(optimizer)); !status.ok()) return status;
  absl::StatusOr<OptimizerOptions> options = form->Make(ToGroups(fields, optimizer));
  for (int i = optimizer.wrappers_size(); options.ok() && i-- > 0;) {
    const api::Wrapper& wrapper = optimizer.wrappers(i);
    const std::unique_ptr<WrapperForm> wrapper_form = NewWrapper(KindField(wrapper)->name());
    absl::Status status = ReadFields(wrapper_form->fields(), Kind(wrapper));
    if (!status.ok()) return status;
    options = wrapper_form->Make(*options);
  }
  return options;
}

}  // namespace descent::worker
