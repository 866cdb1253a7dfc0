// One declaration of an optimizer's hyperparameters, from which everything else follows: its range
// checks, its dials, its part of the spec.
//
//   struct SignDescent {
//     static constexpr std::string_view kind = "sign_descent";
//     Sequence step_size = 0.001;
//     double threshold = 0;
//     template <class Self, class Visit>
//     static void Describe(Self& self, Visit&& visit) {
//       visit(NonNegative("step_size"), self.step_size);
//       visit(NonNegative("threshold"), self.threshold);
//     }
//     …
//   };
//
// `Describe` shows the visitor each field's range, which bears its name, and the field: a Sequence
// (a dial), a double, an int64_t, a bool, a std::string, a LineSearch, or an enum with
// `std::span<const std::string_view> Names(E)`, its values' names in order. The step size comes
// first. What must hold of several fields together: `absl::Status Check() const`; to which numbers
// that lets a dial be turned: `Range DialRange(Range declared) const`. Free functions; any thread.
#ifndef DESCENT_CORE_OPTIMIZER_HYPERPARAMETERS_H_
#define DESCENT_CORE_OPTIMIZER_HYPERPARAMETERS_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "core/optimizer/dials.h"
#include "core/optimizer/line_search.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// What the fields of a declared optimizer may be. A value of an enum is given by its name.
using FieldValue = std::variant<Sequence, double, int64_t, bool, std::string, LineSearch>;

// A field with a few named values: `GRADIENT`.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E e) {
  { Names(e) } -> std::convertible_to<std::span<const std::string_view>>;
};

namespace internal {

struct IgnoreField {
  template <class Field>
  void operator()(const Range&, Field&) const {}
};

}  // namespace internal

template <class O>
concept Declared = std::copyable<O> && requires(O& options) {
  { O::kind } -> std::convertible_to<std::string_view>;
  O::Describe(options, internal::IgnoreField());
  O::Describe(std::as_const(options), internal::IgnoreField());
};

absl::Status CheckField(const Range& range, const Sequence& sequence);
absl::Status CheckField(const Range& range, double value);
absl::Status CheckField(const Range& range, int64_t value);
inline absl::Status CheckField(const Range&, bool) { return absl::OkStatus(); }
absl::Status CheckField(const Range& range, const std::string& text);
absl::Status CheckField(const Range& range, const LineSearch& search);
template <NamedEnum E>
absl::Status CheckField(const Range&, E) {
  return absl::OkStatus();
}

// OK, or INVALID_ARGUMENT naming the first field that is out of its range.
template <Declared O>
absl::Status ValidateFields(const O& options) {
  absl::Status status;
  O::Describe(options, [&](const Range& range, const auto& field) {
    if (status.ok()) status = CheckField(range, field);
  });
  if constexpr (requires { options.Check(); }) {
    if (status.ok()) status = options.Check();
  }
  return status;
}

// Those that become dials. Refers to the fields of `options`.
template <Declared O>
std::vector<Hyperparameter> SequencesOf(const O& options) {
  std::vector<Hyperparameter> sequences;
  O::Describe(options, [&]<class Field>(const Range& range, const Field& field) {
    if constexpr (!std::same_as<Field, Sequence>) {
      return;
    } else if constexpr (requires { options.DialRange(range); }) {
      sequences.push_back({options.DialRange(range), field});
    } else {
      sequences.push_back({range, field});
    }
  });
  return sequences;
}

// What `O` is without anything given: its defaults. A required step size, which has none, is 0.
template <Declared O>
O Defaults() {
  if constexpr (std::default_initializable<O>) {
    return O{};
  } else {
    return O{.step_size = 0.0};
  }
}

// A field's value as SetField takes it.
template <class Field>
FieldValue ToFieldValue(const Field& field) {
  if constexpr (NamedEnum<Field>) {
    return std::string(Names(field)[static_cast<size_t>(field)]);
  } else {
    return field;
  }
}

// Gives the field of that name another value. NOT_FOUND naming the kind and its fields if there is
// none, INVALID_ARGUMENT if the value is of another type or out of range; nothing changed then.
template <Declared O>
absl::Status SetField(std::string_view name, const FieldValue& value, O& options);

namespace internal {

absl::Status UnknownField(std::string_view kind, std::string_view name,
                          const std::vector<std::string>& fields);
absl::Status WrongType(std::string_view name, std::string_view wanted);
absl::Status UnknownName(std::string_view field, std::string_view name,
                         std::span<const std::string_view> names);

inline std::string_view TypeName(const Sequence&) { return "a sequence"; }
inline std::string_view TypeName(const double&) { return "a number"; }
inline std::string_view TypeName(const int64_t&) { return "an integer"; }
inline std::string_view TypeName(const std::string&) { return "a text"; }
inline std::string_view TypeName(const bool&) { return "true or false"; }
inline std::string_view TypeName(const LineSearch&) { return "a line search"; }

template <NamedEnum E>
absl::Status SetNamed(std::string_view field, const FieldValue& value, E& result) {
  const std::string* given = std::get_if<std::string>(&value);
  if (given == nullptr) return WrongType(field, "a name");
  const std::span<const std::string_view> names = Names(result);
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] != *given) continue;
    result = static_cast<E>(i);
    return absl::OkStatus();
  }
  return UnknownName(field, *given, names);
}

}  // namespace internal

template <Declared O>
absl::Status SetField(std::string_view name, const FieldValue& value, O& options) {
  std::optional<absl::Status> result;
  std::vector<std::string> fields;
  O::Describe(options, [&]<class Field>(const Range& range, Field& field) {
    fields.push_back(range.field);
    if (range.field != name) return;
    if constexpr (NamedEnum<Field>) {
      result = internal::SetNamed(name, value, field);
    } else if (const Field* given = std::get_if<Field>(&value); given == nullptr) {
      result = internal::WrongType(name, internal::TypeName(field));
    } else {
      result = CheckField(range, *given);
      if (result->ok()) field = *given;
    }
  });
  return result ? *result : internal::UnknownField(O::kind, name, fields);
}

}  // namespace descent

#endif  // DESCENT_CORE_OPTIMIZER_HYPERPARAMETERS_H_
