#include "server/daemon/workers/violations.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace descent::daemon {

std::string AddViolations(
    const google::protobuf::RepeatedPtrField<worker::v1::FieldViolation>& violations,
    std::string_view no_field, ErrorDetail* detail) {
  std::vector<std::string> sentences;
  for (const worker::v1::FieldViolation& violation : violations) {
    detail->violations.push_back({violation.field(), violation.description()});
    sentences.push_back(violation.field().empty()
                            ? absl::StrCat(std::string(no_field), violation.description())
                            : absl::StrCat(violation.field(), ": ", violation.description()));
    if (detail->reason.empty()) detail->reason = violation.reason();
  }
  return absl::StrJoin(sentences, "; ");
}

}  // namespace descent::daemon
