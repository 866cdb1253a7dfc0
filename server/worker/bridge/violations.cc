#include "server/worker/bridge/violations.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "proto/for_each_message.h"
#include "proto/rules/reasons.h"

namespace descent::worker {
namespace {

// So many are enough to act on; a hostile spec could have millions.
constexpr size_t kMaxViolations = 32;

}  // namespace

std::string Sentence(const absl::Status& status) {
  std::string text(status.message());
  if (!text.empty() && text.back() != '.') text.push_back('.');
  return text;
}

void Violations::Add(std::string field, std::string description, std::string_view reason) {
  if (list_.size() >= kMaxViolations) return;
  // A sentence of core's may quote what is in a file, or its name.
  list_.push_back({ValidUtf8(field), ValidUtf8(description), std::string(reason)});
}

void Violations::Add(const Violations& others) {
  for (const Violation& violation : others.list_) {
    Add(violation.field, violation.description, violation.reason);
  }
}

void CheckBounds(const std::string& field, int64_t value, int64_t least, int64_t most,
                 Violations* violations) {
  if (value >= least && value <= most) return;
  violations->Add(field,
                  absl::StrCat("It is ", value, ", but must be from ", least, " to ", most, "."),
                  reason::kOutOfRange);
}

bool CheckName(const std::string& path, const std::string& name, Violations* violations) {
  const bool valid = !name.empty() && name.size() <= 100 &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return absl::ascii_isalnum(c) || c == '_' || c == '-';
                     });
  if (valid) return true;
  violations->Add(path,
                  absl::StrCat("\"", ShortUtf8(name, 100),
                               "\" is no name: use 1 to 100 letters, digits, _ and -."),
                  reason::kInvalidName);
  return false;
}

void CheckUnknownFields(const google::protobuf::Message& message, Violations* violations) {
  ForEachMessage("", message, [&](const std::string& field, const auto& inner) {
    const auto& unknown = inner.GetReflection()->GetUnknownFields(inner);
    for (int i = 0; i < unknown.field_count(); ++i) {
      const std::string type(inner.GetDescriptor()->name());
      violations->Add(field,
                      absl::StrCat("Field number ", unknown.field(i).number(), " of ", type,
                                   " is unknown to this server; the client may be newer."),
                      reason::kUnknownField);
    }
  });
}

}  // namespace descent::worker
