#include "server/worker/bridge/representable.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/for_each_message.h"
#include "proto/rules/reasons.h"

namespace descent::worker {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// These are also those of BFLOAT16, whose exponents are the same.
constexpr double kGreatest = std::numeric_limits<float>::max();
constexpr double kLeast = std::numeric_limits<float>::denorm_min();

using Dtype = api::Execution::Dtype;

void Check(const std::string& field, double value, bool may_vanish, Dtype dtype,
           Violations* violations) {
  const double size = std::abs(value);
  if (const std::optional<std::string> sentence = TooLarge(value, dtype)) {
    violations->Add(field, *sentence, reason::kOutOfRange);
  } else if (size < kLeast && size > 0 && !may_vanish) {
    violations->Add(field,
                    absl::StrFormat("%g is zero in %s, whose least number is %.2g; "
                                    "execution.dtype FLOAT64 holds less.",
                                    value, api::Execution::Dtype_Name(dtype), kLeast),
                    reason::kOutOfRange);
  }
}

void CheckFields(const std::string& path, const Message& message, Dtype dtype,
                 Violations* violations) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  // A schedule that decays goes below every number, and a step of size zero is what is meant then.
  const bool may_vanish = type.file() == api::Sequence::descriptor()->file();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_DOUBLE) continue;
    const std::string name = absl::StrCat(path, ".", field.name());
    if (field.is_repeated()) {
      for (int k = 0; k < reflection.FieldSize(message, &field); ++k) {
        Check(absl::StrCat(name, "[", k, "]"), reflection.GetRepeatedDouble(message, &field, k),
              may_vanish, dtype, violations);
      }
    } else if (reflection.HasField(message, &field)) {
      Check(name, reflection.GetDouble(message, &field), may_vanish, dtype, violations);
    }
  }
}

}  // namespace

std::optional<std::string> TooLarge(double value, Dtype dtype) {
  if (dtype == api::Execution::FLOAT64 || !std::isfinite(value)) return std::nullopt;
  if (std::abs(value) <= kGreatest) return std::nullopt;
  return absl::StrFormat(
      "%g is too large for %s, which holds numbers up to %.3g; execution.dtype FLOAT64 holds more.",
      value, api::Execution::Dtype_Name(dtype), kGreatest);
}

void CheckRepresentable(const api::Spec& spec, Violations* violations) {
  const Dtype dtype = spec.execution().dtype();
  if (dtype == api::Execution::FLOAT64) return;
  const auto check = [&](const std::string& field, const Message& message) {
    ForEachMessage(field, message, [&](const std::string& path, const Message& part) {
      CheckFields(path, part, dtype, violations);
    });
  };
  if (spec.has_model()) check("model", spec.model());
  if (spec.has_objective()) check("objective", spec.objective());
  if (spec.has_optimizer()) check("optimizer", spec.optimizer());
  for (int p = 0; p < spec.system().players_size(); ++p) {
    const api::Player& player = spec.system().players(p);
    const std::string field = absl::StrCat("system.players[", p, "]");
    check(field + ".model", player.model());
    for (int k = 0; k < player.objective_size(); ++k) {
      check(absl::StrCat(field, ".objective[", k, "]"), player.objective(k));
    }
    check(field + ".optimizer", player.optimizer());
  }
}

}  // namespace descent::worker
