#include "server/worker/bridge/stop_spec.h"

#include "core/fields/fields.h"
#include "server/worker/bridge/field_reader.h"

namespace descent::worker {
namespace {

// Reads the tests. The number of iterations is the spec's own, and no field of the message.
descent::StopTests ReadTests(api::StopTests tests, Violations* violations) {
  descent::StopTests result;
  FieldList fields;
  result.Describe(fields);
  FieldReader(&tests, "stop_when", violations).Read(fields);
  return result;
}

}  // namespace

void ResolveStopTests(const api::StopTests& tests, Violations* violations) {
  ReadTests(tests, violations);
}

descent::StopTests ToStopTests(const api::StopTests& tests) { return ReadTests(tests, nullptr); }

}  // namespace descent::worker
