#include "client/cli/optimizer_text.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/format.h"

namespace descent::cli {
namespace {

// If there are more names than these they are counted.
constexpr int kNames = 6;

std::string KindOf(const google::protobuf::Message& message) {
  const auto* field = message.GetReflection()->GetOneofFieldDescriptor(
      message, message.GetDescriptor()->FindOneofByName("kind"));
  return field == nullptr ? "?" : field->name();
}

}  // namespace

std::string OptimizerText(const v1::Optimizer& optimizer) {
  std::vector<std::string> kinds;
  for (const v1::Wrapper& wrapper : optimizer.wrappers()) kinds.push_back(KindOf(wrapper));
  kinds.push_back(KindOf(optimizer));
  return absl::StrJoin(kinds, " around ");
}

std::string GroupsText(const v1::SpecSummary& summary, size_t columns) {
  if (summary.groups().empty()) return "";
  Table table;
  table.Add({"GROUP", "SCALARS", "PARAMETERS"});
  for (const v1::GroupSummary& group : summary.groups()) {
    std::vector<std::string> names;
    for (const std::string& name : group.parameters()) {
      if (static_cast<int>(names.size()) == kNames && group.parameters_size() > kNames + 1) {
        names.push_back(absl::StrCat(group.parameters_size() - kNames, " more"));
        break;
      }
      names.push_back(Visible(name));
    }
    table.Add({group.name().empty() ? "(none)" : Visible(group.name()),
               Right(Count(group.scalars())),
               absl::StrCat(absl::StrJoin(names, ", "), group.frozen() ? " (frozen)" : "")});
  }
  return absl::StrCat(table.Render(columns), "\n");
}

}  // namespace descent::cli
