#include "server/worker/spec/line_search_spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/optimizer/hyperparameters.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The member of `oneof kind` that is set; null if none is.
const FieldDescriptor* KindField(const api::LineSearch& message) {
  return message.GetReflection()->GetOneofFieldDescriptor(
      message, message.GetDescriptor()->FindOneofByName("kind"));
}

// Calls visit(range, field of core, field of the message) for each.
template <class Visit>
void VisitFields(LineSearch* search, const Message& kind, Visit visit) {
  std::visit(
      [&]<class S>(S& options) {
        S::Describe(options, [&](const Range& range, auto& field) {
          visit(range, field, kind.GetDescriptor()->FindFieldByName(range.field));
        });
      },
      *search);
}

void Set(double value, const FieldDescriptor* field, Message* message) {
  message->GetReflection()->SetDouble(message, field, value);
}
void Set(int64_t value, const FieldDescriptor* field, Message* message) {
  message->GetReflection()->SetInt64(message, field, value);
}

void Get(const Message& message, const FieldDescriptor* field, double* value) {
  *value = message.GetReflection()->GetDouble(message, field);
}
void Get(const Message& message, const FieldDescriptor* field, int64_t* value) {
  *value = message.GetReflection()->GetInt64(message, field);
}

}  // namespace

void ResolveLineSearch(const std::string& path, api::LineSearch* message, Violations* violations) {
  const FieldDescriptor* field = KindField(*message);
  if (field == nullptr) {
    violations->Add(path, "Give one of fixed, backtracking, strong_wolfe and hager_zhang.",
                    "MISSING_FIELD");
    return;
  }
  LineSearch search = *MakeLineSearch(field->name());
  Message* kind = message->GetReflection()->MutableMessage(message, field);
  bool fields_fit = true;
  VisitFields(&search, *kind, [&](const Range& range, auto& value, const FieldDescriptor* given) {
    if (!kind->GetReflection()->HasField(*kind, given)) return Set(value, given, kind);
    Get(*kind, given, &value);
    const absl::Status status = CheckField(range, value);
    if (status.ok()) return;
    fields_fit = false;
    violations->Add(absl::StrCat(path, ".", field->name(), ".", range.field),
                    absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
  });
  if (!fields_fit) return;
  if (const absl::Status status = ValidateLineSearch(search); !status.ok()) {
    violations->Add(path, absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
  }
}

LineSearch ToLineSearch(const api::LineSearch& message) {
  const FieldDescriptor* field = KindField(message);
  LineSearch search = *MakeLineSearch(field->name());
  const Message& kind = message.GetReflection()->GetMessage(message, field);
  VisitFields(&search, kind, [&](const Range&, auto& value, const FieldDescriptor* given) {
    Get(kind, given, &value);
  });
  return search;
}

void WriteLineSearch(const LineSearch& search, api::LineSearch* message) {
  LineSearch copy = search;
  const FieldDescriptor* field =
      message->GetDescriptor()->FindFieldByName(std::string(KindOf(search)));
  Message* kind = message->GetReflection()->MutableMessage(message, field);
  VisitFields(&copy, *kind, [&](const Range&, auto& value, const FieldDescriptor* given) {
    Set(value, given, kind);
  });
}

}  // namespace descent::worker
