#include "server/worker/spec/stop_spec.h"

#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;

void Get(const api::StopTests& tests, const FieldDescriptor* field, std::optional<double>* limit) {
  *limit = tests.GetReflection()->GetDouble(tests, field);
}
void Get(const api::StopTests& tests, const FieldDescriptor* field, std::optional<int64_t>* limit) {
  *limit = tests.GetReflection()->GetInt64(tests, field);
}

}  // namespace

void ResolveStopTests(const api::StopTests& tests, Violations* violations) {
  const descent::StopTests given = ToStopTests(tests);
  descent::StopTests::Describe(given, [&](const Range& range, const auto& limit) {
    if (!limit) return;
    const absl::Status status = range.Check(static_cast<double>(*limit));
    if (status.ok()) return;
    violations->Add(absl::StrCat("stop_when.", range.field),
                    absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
  });
}

descent::StopTests ToStopTests(const api::StopTests& tests) {
  descent::StopTests result;
  descent::StopTests::Describe(result, [&](const Range& range, auto& limit) {
    const FieldDescriptor* field = api::StopTests::descriptor()->FindFieldByName(range.field);
    // The number of iterations is the spec's own.
    if (field != nullptr && tests.GetReflection()->HasField(tests, field)) {
      Get(tests, field, &limit);
    }
  });
  return result;
}

}  // namespace descent::worker
