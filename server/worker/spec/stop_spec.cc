#include "server/worker/spec/stop_spec.h"

#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/fields/fields.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;

FieldList FieldsIn(descent::StopTests& tests) {
  FieldList fields;
  tests.Describe(fields);
  return fields;
}

}  // namespace

void ResolveStopTests(const api::StopTests& tests, Violations* violations) {
  descent::StopTests given = ToStopTests(tests);
  for (const Field& limit : FieldsIn(given)) {
    const absl::Status status = limit.Check();
    if (status.ok()) continue;
    violations->Add(absl::StrCat("stop_when.", limit.name()),
                    absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
  }
}

descent::StopTests ToStopTests(const api::StopTests& tests) {
  descent::StopTests result;
  for (const Field& limit : FieldsIn(result)) {
    const FieldDescriptor* field = api::StopTests::descriptor()->FindFieldByName(limit.name());
    // The number of iterations is the spec's own.
    if (field == nullptr || !tests.GetReflection()->HasField(tests, field)) continue;
    if (auto* number = limit.As<std::optional<double>>()) {
      *number = tests.GetReflection()->GetDouble(tests, field);
    } else {
      *limit.As<std::optional<int64_t>>() = tests.GetReflection()->GetInt64(tests, field);
    }
  }
  return result;
}

}  // namespace descent::worker
