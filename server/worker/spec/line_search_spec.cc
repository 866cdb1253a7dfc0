#include "server/worker/spec/line_search_spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "core/fields/fields.h"
#include "core/optimizer/line_search.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The member of `oneof kind` that is set; null if none is.
const FieldDescriptor* KindField(const api::LineSearch& message) {
  return message.GetReflection()->GetOneofFieldDescriptor(
      message, message.GetDescriptor()->FindOneofByName("kind"));
}

void Write(const Field& own, Message* message) {
  const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(own.name());
  if (const auto* number = own.As<double>()) {
    message->GetReflection()->SetDouble(message, field, *number);
  } else {
    message->GetReflection()->SetInt64(message, field, *own.As<int64_t>());
  }
}

// Into core's field.
void Read(const Message& message, const Field& own) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(own.name());
  if (auto* number = own.As<double>()) {
    *number = message.GetReflection()->GetDouble(message, field);
  } else {
    *own.As<int64_t>() = message.GetReflection()->GetInt64(message, field);
  }
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
  for (const Field& own : search.fields()) {
    const FieldDescriptor* given = kind->GetDescriptor()->FindFieldByName(own.name());
    if (!kind->GetReflection()->HasField(*kind, given)) {
      Write(own, kind);
      continue;
    }
    Read(*kind, own);
    const absl::Status status = own.Check();
    if (status.ok()) continue;
    fields_fit = false;
    violations->Add(absl::StrCat(path, ".", field->name(), ".", own.name()),
                    absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
  }
  if (!fields_fit) return;
  if (const absl::Status status = search.Validate(); !status.ok()) {
    violations->Add(path, absl::StrCat(std::string(status.message()), "."), "OUT_OF_RANGE");
  }
}

LineSearch ToLineSearch(const api::LineSearch& message) {
  const FieldDescriptor* field = KindField(message);
  LineSearch search = *MakeLineSearch(field->name());
  const Message& kind = message.GetReflection()->GetMessage(message, field);
  for (const Field& own : search.fields()) Read(kind, own);
  return search;
}

void WriteLineSearch(const LineSearch& search, api::LineSearch* message) {
  LineSearch copy = search;
  const FieldDescriptor* field =
      message->GetDescriptor()->FindFieldByName(std::string(search.kind()));
  Message* kind = message->GetReflection()->MutableMessage(message, field);
  for (const Field& own : copy.fields()) Write(own, kind);
}

}  // namespace descent::worker
