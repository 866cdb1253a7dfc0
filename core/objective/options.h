// One declaration of the fields of a loss, a metric or whatever else is chosen by a name, from
// which its range checks and its part of the spec follow.
//
//   struct Huber {
//     static constexpr std::string_view kind = "huber";
//     double delta = 1;
//     template <class Self, class Visit>
//     static void Describe(Self& self, Visit&& visit) {
//       visit(Positive("delta"), self.delta);
//     }
//   };
//
// `Describe` shows the visitor each field's range, which bears its name, and the field. Free
// functions; any thread.
#ifndef DESCENT_CORE_OBJECTIVE_OPTIONS_H_
#define DESCENT_CORE_OBJECTIVE_OPTIONS_H_

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/sequence/range.h"

namespace descent {

// What the fields of such options may be. The range is that of each number.
using OptionValue = std::variant<double, int64_t, bool, std::vector<double>>;

struct OptionField {
  Range range;  // with the field's name
  OptionValue default_value;
};

// Those that differ from the defaults, by name.
using OptionValues = std::vector<std::pair<std::string, OptionValue>>;

namespace internal {

struct IgnoreOption {
  template <class Field>
  void operator()(const Range&, Field&) const {}
};

absl::Status NoSuchOption(std::string_view kind, const std::string& field);
[[noreturn]] void ThrowWrongOptions(std::string_view kind, const absl::Status& status);

}  // namespace internal

template <class O>
concept Described = std::copyable<O> && std::default_initializable<O> && requires(O& options) {
  { O::kind } -> std::convertible_to<std::string_view>;
  O::Describe(options, internal::IgnoreOption());
  O::Describe(std::as_const(options), internal::IgnoreOption());
};

// OK, or INVALID_ARGUMENT `class_weights[2]: -1 is negative; give a number ≥ 0`.
absl::Status CheckOption(const Range& range, const OptionValue& value);

// OK, or INVALID_ARGUMENT naming the first field that is out of its range.
template <Described O>
absl::Status ValidateOptions(const O& options) {
  absl::Status status;
  O::Describe(options, [&](const Range& range, const auto& field) {
    if (status.ok()) status = CheckOption(range, field);
  });
  return status;
}

// Throws std::invalid_argument, with the kind, where ValidateOptions gives an error.
template <Described O>
void ThrowUnlessValid(const O& options) {
  if (absl::Status status = ValidateOptions(options); !status.ok()) {
    internal::ThrowWrongOptions(O::kind, status);
  }
}

// With their defaults.
template <Described O>
std::vector<OptionField> OptionFields() {
  std::vector<OptionField> fields;
  const O defaults{};
  O::Describe(defaults,
              [&](const Range& range, const auto& field) { fields.push_back({range, field}); });
  return fields;
}

// INVALID_ARGUMENT naming the field that is out of range, unknown or of another type.
template <Described O>
absl::Status SetOptions(const OptionValues& values, O& options) {
  for (const auto& [name, value] : values) {
    bool taken = false;
    O::Describe(options, [&]<class Field>(const Range& range, Field& field) {
      const Field* given = range.field == name ? std::get_if<Field>(&value) : nullptr;
      if (given == nullptr) return;
      field = *given;
      taken = true;
    });
    if (!taken) return internal::NoSuchOption(O::kind, name);
  }
  return ValidateOptions(options);
}

// A kind of options that make a `Made` (a loss, a metric), for whoever learns the kind at run time.
// Constant; any thread.
template <class Made>
class OptionsKind {
 public:
  virtual ~OptionsKind() = default;
  // `huber`
  virtual std::string_view name() const = 0;
  virtual const std::vector<OptionField>& fields() const = 0;
  // INVALID_ARGUMENT naming the field that is out of range, unknown or of another type.
  virtual absl::StatusOr<Made> Make(const OptionValues& values) const = 0;
};

// That of options O, which are `Described` and have `Made Make() const`.
template <class O>
class OptionsKindOf final : public OptionsKind<decltype(std::declval<const O&>().Make())> {
 public:
  std::string_view name() const override { return O::kind; }
  const std::vector<OptionField>& fields() const override { return fields_; }

  absl::StatusOr<decltype(std::declval<const O&>().Make())> Make(
      const OptionValues& values) const override {
    O options;
    if (absl::Status status = SetOptions(values, options); !status.ok()) return status;
    return options.Make();
  }

 private:
  const std::vector<OptionField> fields_ = OptionFields<O>();
};

}  // namespace descent

#endif  // DESCENT_CORE_OBJECTIVE_OPTIONS_H_
