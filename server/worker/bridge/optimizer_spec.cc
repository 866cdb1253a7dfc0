#include "server/worker/bridge/optimizer_spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/fields/fields.h"
#include "core/optimizer/kinds.h"
#include "core/optimizer/line_search.h"
#include "proto/rules/reasons.h"
#include "server/worker/bridge/field_reader.h"
#include "server/worker/bridge/sequence_spec.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Reads an optimizer, a wrapper or a group of parameters.
class OptimizerReader final : public DialsReader {
 public:
  using DialsReader::DialsReader;

 private:
  void ReadInner(const Field& field) override {
    auto* search = field.As<LineSearch>();
    if (search == nullptr) return DialsReader::ReadInner(field);
    Message* given = message().Inner(field.name());
    std::optional<LineSearch> made = MakeLineSearch(KindOf(*given));
    if (!made) {
      return Refuse(field.name(), GiveOneOf(*given), reason::kMissingField);
    }
    const std::string path = absl::StrCat(Path(field.name()), ".", std::string(made->kind()));
    FieldReader reader(MutableKind(given), path, violations());
    if (!reader.Read(made->fields())) return RefuseInner();
    if (const absl::Status status = made->Validate(); !status.ok()) {
      return Refuse(field.name(), Sentence(status), reason::kOutOfRange);
    }
    *search = *std::move(made);
  }
  void WriteInner(const Field& field) override {
    auto* search = field.As<LineSearch>();
    if (search == nullptr) return DialsReader::WriteInner(field);
    MessageFields given(message().Inner(field.name()));
    FieldReader(given.Inner(std::string(search->kind())), "", nullptr).Read(search->fields());
  }
};

// Calls visit(member, field) for each hyperparameter that the group gives; the field is null if the
// optimizer has none of that name.
template <class Visit>
void VisitGroup(const FieldList& fields, const api::ParameterGroup& group, Visit visit) {
  std::vector<const FieldDescriptor*> given;
  group.GetReflection()->ListFields(group, &given);
  for (const FieldDescriptor* member : given) {
    if (member->number() > api::ParameterGroup::kFrozenFieldNumber) {
      visit(member->name(), fields.Find(member->name()));
    }
  }
}

void ResolveGroups(api::Optimizer* optimizer, Violations* violations) {
  const std::string kind = KindOf(*optimizer);
  const std::unique_ptr<OptimizerForm> form = NewOptimizer(kind);
  if (optimizer->groups_size() > 0 && !form->has_groups()) {
    violations->Add("optimizer.groups",
                    absl::StrCat(kind,
                                 " has no groups, since it moves all parameters alike. Use sgd or "
                                 "another element-wise optimizer, or the wrapper freeze."),
                    reason::kUnsupported);
    return;
  }
  const FieldList fields = form->fields();
  for (int i = 0; i < optimizer->groups_size(); ++i) {
    api::ParameterGroup* group = optimizer->mutable_groups(i);
    const std::string path = absl::StrCat("optimizer.groups[", i, "]");
    if (!group->has_name()) group->set_name(absl::StrCat(i));
    if (!group->has_frozen()) group->set_frozen(false);
    if (group->pattern().empty()) {
      violations->Add(absl::StrCat(path, ".pattern"),
                      "Give a pattern of the names of its parameters, such as \"*.bias\".",
                      reason::kMissingField);
    }
    OptimizerReader reader(group, path, violations);
    VisitGroup(fields, *group, [&](const std::string& name, const Field* field) {
      if (field != nullptr) return reader.Read(*field);
      violations->Add(absl::StrCat(path, ".", name), absl::StrCat(kind, " has no such field."),
                      reason::kUnknownField);
    });
  }
}

std::vector<ParameterGroup> ToGroups(const api::Optimizer& optimizer) {
  std::vector<ParameterGroup> groups;
  const std::unique_ptr<OptimizerForm> form = NewOptimizer(KindOf(optimizer));
  const FieldList fields = form->fields();
  for (api::ParameterGroup group : optimizer.groups()) {
    groups.push_back({group.name(), group.pattern(), group.frozen()});
    OptimizerReader reader(&group, "", nullptr);
    VisitGroup(fields, group, [&](const std::string& name, const Field* field) {
      reader.Read(*field);
      groups.back().values.emplace_back(name, field->Get());
    });
  }
  return groups;
}

}  // namespace

std::string DialPath(const api::Optimizer& optimizer, std::string_view name) {
  if (name.substr(0, 10) == "objective.") return std::string(name);
  // Dials of wrappers and groups bear their scope; the optimizer's own stand below its kind.
  const std::string kind = KindOf(optimizer);
  if (kind.empty() || name.find('.') != std::string_view::npos) {
    return absl::StrCat("optimizer.", std::string(name));
  }
  return absl::StrCat("optimizer.", kind, ".", std::string(name));
}

void ResolveOptimizer(api::Optimizer* optimizer, Violations* violations) {
  const std::string kind = KindOf(*optimizer);
  if (kind.empty()) {
    return AddNoKind("optimizer", *optimizer, violations);
  }
  // What is told of one field depends on others: they are read first, and the declaration with
  // them.
  const std::unique_ptr<OptimizerForm> form =
      ReadKind<OptimizerReader>(NewOptimizer, optimizer, "", nullptr);
  if (!form) {
    violations->Add(absl::StrCat("optimizer.", kind), "This worker does not have it.",
                    reason::kUnsupported);
    return;
  }
  OptimizerReader(MutableKind(optimizer), absl::StrCat("optimizer.", kind), violations)
      .Read(form->fields());
  ResolveGroups(optimizer, violations);
  for (int i = 0; i < optimizer->wrappers_size(); ++i) {
    api::Wrapper* wrapper = optimizer->mutable_wrappers(i);
    const std::string path = absl::StrCat("optimizer.wrappers[", i, "]");
    if (!ReadKind<OptimizerReader>(NewWrapper, wrapper, path, violations)) {
      AddNoKind(path, *wrapper, violations);
    }
  }
}

absl::StatusOr<OptimizerOptions> ToOptimizerOptions(const api::Optimizer& optimizer) {
  api::Optimizer copy = optimizer;
  absl::StatusOr<OptimizerOptions> options =
      ReadKind<OptimizerReader>(NewOptimizer, &copy, "", nullptr)->Make(ToGroups(copy));
  for (int i = copy.wrappers_size(); options.ok() && i-- > 0;) {
    api::Wrapper* wrapper = copy.mutable_wrappers(i);
    options = ReadKind<OptimizerReader>(NewWrapper, wrapper, "", nullptr)->Make(*options);
  }
  return options;
}

}  // namespace descent::worker
