#include "server/worker/session/job_size.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/text/size_text.h"
#include "proto/rules/reasons.h"
#include "server/common/limits.h"

namespace descent::worker {
namespace {

std::string Size(size_t bytes) { return SizeText(static_cast<double>(bytes)); }

// Gives the field of the message that takes the most, and its bytes.
std::pair<std::string, size_t> Largest(const google::protobuf::Message& message) {
  std::pair<std::string, size_t> largest;
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    const std::unique_ptr<google::protobuf::Message> rest(message.New());
    rest->CopyFrom(message);
    rest->GetReflection()->ClearField(rest.get(), field);
    const size_t bytes = message.ByteSizeLong() - rest->ByteSizeLong();
    if (bytes > largest.second) largest = {field->name(), bytes};
  }
  return largest;
}

// What of a spec makes so much of this field of the summary.
std::string MakerOf(const std::string& field, const api::Spec& spec) {
  if (field == "digests" || field == "class_names") return "data";
  if (spec.has_system()) return "system";
  if (field != "dials" && field != "step_sizes" && field != "groups") return "model";
  return spec.optimizer().groups().empty() ? "optimizer" : "optimizer.groups";
}

}  // namespace

void CheckJobSize(const api::Spec& spec, const api::SpecSummary& summary, Violations* violations) {
  const size_t bytes = spec.ByteSizeLong() + summary.ByteSizeLong();
  if (bytes > server::kMaxJobBytes) {
    const auto [given, given_bytes] = Largest(spec);
    const auto [built, built_bytes] = Largest(summary);
    const bool in_spec = given_bytes >= built_bytes;
    violations->Add(
        in_spec ? given : MakerOf(built, spec),
        absl::StrCat("The spec and the summary of what it builds are ", Size(bytes),
                     ", more than the ", Size(server::kMaxJobBytes),
                     " that a job may have; most of it, ",
                     Size(in_spec ? given_bytes : built_bytes), ", is ",
                     in_spec ? "this." : absl::StrCat("the summary's ", built, "."),
                     in_spec ? " Put what is long into a file that the spec names." : ""),
        reason::kTooLarge);
    return;
  }
  size_t names = 0;
  for (const std::string& dial : summary.dials()) names += dial.size();
  if (names > server::kMaxNamesBytes) {
    violations->Add(
        MakerOf("dials", spec),
        absl::StrCat("There would be ", summary.dials_size(), " dials, whose names are ",
                     Size(names), " of text, more than ", Size(server::kMaxNamesBytes),
                     "; use fewer groups, or shorter names."),
        reason::kTooLarge);
  }
}

}  // namespace descent::worker
