// One way to declare options: each field of an option struct once, with its name, which numbers it
// takes, and what is said where it is missing. Its default is what the member holds.
//
//   struct Huber {
//     static constexpr std::string_view kind = "huber";
//     double delta = 1;
//     void Describe(FieldList& fields) { fields(Positive("delta"), delta); }
//   };
//
// Range checks, the dials of an optimizer, setting a field by its name, and the bridge from a spec
// all go by the declaration; names are those of the spec's message, and the order is that in which
// errors are reported. What must hold of several fields together is declared by `Together`.
// Values and free functions; any thread.
#ifndef DESCENT_CORE_FIELDS_FIELDS_H_
#define DESCENT_CORE_FIELDS_FIELDS_H_

#include <any>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "core/sequence/range.h"
#include "core/sequence/sequence.h"

namespace descent {

// The range of a field whose values have none: a text, a name, a number that need only be finite.
Range Named(std::string field);

// The range of whole numbers, whose errors speak of them so.
struct WholeRange {
  Range range;
};
// The numbers ≥ least.
WholeRange Whole(std::string field, int64_t least);
// The numbers from least to 2^40: how many there are of something that is held in memory. Products
// are checked where memory is counted.
WholeRange Count(std::string field, int64_t least);
WholeRange CountUpTo(std::string field, int64_t least, int64_t most);
// Gives the greatest number of such a range, as errors say it: `2^40`.
std::string MostText(const Range& range);

// An enum whose values 0, 1, … have names, such as `GRADIENT`. `Names` is found beside the enum.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E e) {
  { Names(e) } -> std::convertible_to<std::span<const std::string_view>>;
};

// A field's value where its type is known at run time alone: it has the member's own type; for an
// enum it is the name, a std::string.
using FieldValue = std::any;
using FieldValues = std::vector<std::pair<std::string, FieldValue>>;

// A member that is a NamedEnum.
struct EnumPlace {
  void* member;
  size_t (*get)(const void* member);
  void (*set)(void* member, size_t place);
  std::span<const std::string_view> names;
};

// A member of a type that this folder doesn't know: a layer, an initializer, a line search.
struct OtherPlace {
  // What is done with members of that type; there is one for each type, for ever.
  struct Type {
    const std::type_info& info;
    bool (*given)(const void* member);  // false: it is empty, so nobody gave it
    absl::Status (*check)(const Range& range, const void* member);
    std::any (*get)(const void* member);
    void (*set)(void* member, const std::any& value);
  };
  void* member;
  const Type* type;
};

// One field of some options, which must outlive it. It is like a pointer: const whether or not the
// member may be written. A field of constant options is only to be read.
class Field {
 public:
  using Place =
      std::variant<Sequence*, std::vector<Sequence>*, double*, std::optional<double>*,
                   std::vector<double>*, int64_t*, std::optional<int64_t>*, std::vector<int64_t>*,
                   std::optional<uint64_t>*, bool*, std::string*, std::optional<std::string>*,
                   std::vector<std::string>*, EnumPlace, OtherPlace>;

  Field(Range range, bool whole, Place place)
      : range_(std::move(range)), whole_(whole), place_(place) {}

  // How a declaration goes on: `fields(Named("path"), path).Required("Give the path.")`.
  //
  // The field must be given whatever the member holds; a text or a list may instead be not empty.
  // `missing` is the sentence for who left it out; if empty, one that goes with the type. A number
  // that lies outside of its range to begin with is required by that.
  Field& Required(std::string missing = "");
  // An empty text means that nobody gave it, and that is right.
  Field& MayBeEmpty();
  // Each whole number is greater than the one before.
  Field& Increasing();
  // Says in which numbers a sequence may be turned while it is used, where these are fewer.
  Field& Turned(Range range);
  // Says what the field is to whoever knows these options and more than they do, in a word that
  // both have agreed on: the length of a run, for instance, is not known here.
  Field& Role(std::string_view role);

  const std::string& name() const { return range_.field; }
  // The range of each number in the field.
  const Range& range() const { return range_; }
  // The range in which a sequence may be turned.
  const Range& turned() const { return turned_ ? *turned_ : range_; }
  bool whole() const { return whole_; }
  bool may_be_empty() const { return may_be_empty_; }
  bool increasing() const { return increasing_; }
  std::string_view role() const { return role_; }
  const Place& place() const { return place_; }
  // Gives the member, or null if it is no T.
  template <class T>
  T* As() const;

  // True if it was declared so.
  bool must_be_given() const { return must_be_given_; }
  // True if somebody must give it, since the member holds nothing that would do.
  bool required() const;
  // Gives "Give a number."
  std::string missing() const;
  // True if the member holds something: false for an empty text, list or optional.
  bool given() const;

  // Gives OK, or INVALID_ARGUMENT `<name>: -1 is negative; give a number ≥ 0`.
  absl::Status Check() const;

  FieldValue Get() const;
  // Gives INVALID_ARGUMENT if the value is of another type or out of range; nothing is changed
  // then.
  absl::Status Set(const FieldValue& value) const;

 private:
  Range range_;
  bool whole_;
  bool must_be_given_ = false;
  bool may_be_empty_ = false;
  bool increasing_ = false;
  std::string missing_;
  std::string_view role_;
  std::optional<Range> turned_;
  Place place_;
};

namespace internal {

template <class T>
inline constexpr bool kPlain = std::is_constructible_v<Field::Place, T*>;

template <class E>
EnumPlace PlaceOf(E& member) {
  return {&member, [](const void* e) { return static_cast<size_t>(*static_cast<const E*>(e)); },
          [](void* e, size_t place) { *static_cast<E*>(e) = static_cast<E>(place); },
          Names(member)};
}

template <class T>
inline const OtherPlace::Type kOtherType = {
    .info = typeid(T),
    .given =
        [](const void* member) {
          const T& value = *static_cast<const T*>(member);
          if constexpr (requires { value.has_value(); }) {
            return value.has_value();
          } else if constexpr (requires { value.empty(); }) {
            return !value.empty();
          } else {
            return true;
          }
        },
    .check = [](const Range& range, const void* member) -> absl::Status {
      if constexpr (requires(const T& value) { CheckField(range, value); }) {
        return CheckField(range, *static_cast<const T*>(member));
      } else {
        return absl::OkStatus();
      }
    },
    .get = [](const void* member) { return std::any(*static_cast<const T*>(member)); },
    .set = [](void* member,
              const std::any& value) { *static_cast<T*>(member) = std::any_cast<T>(value); }};

}  // namespace internal

// The fields of some options, in the order in which they are declared.
class FieldList {
 public:
  // Declares a field. A member of an unknown type is checked by `absl::Status CheckField(const
  // Range&, const T&)` beside the type, if there is one.
  template <class T>
  Field& operator()(Range range, T& member) {
    if constexpr (internal::kPlain<T>) {
      return Add(std::move(range), false, &member);
    } else if constexpr (NamedEnum<T>) {
      return Add(std::move(range), false, internal::PlaceOf(member));
    } else {
      return Add(std::move(range), false, OtherPlace{&member, &internal::kOtherType<T>});
    }
  }
  template <class T>
  Field& operator()(WholeRange range, T& member) {
    return Add(std::move(range.range), true, &member);
  }

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  size_t size() const { return fields_.size(); }
  // Gives null if there is no field of that name.
  const Field* Find(std::string_view name) const;

  // Declares what else must hold, of several fields or of one: INVALID_ARGUMENT `<field>: …` if it
  // doesn't. It is asked once each field by itself is right:
  // `fields.Together([this] { return Check(); });`
  void Together(std::function<absl::Status()> check) { together_ = std::move(check); }

  // Gives OK, or the first field's error, or what does not hold of the fields together.
  absl::Status Check() const;
  // Says the latter alone.
  absl::Status CheckTogether() const { return together_ ? together_() : absl::OkStatus(); }

 private:
  Field& Add(Range range, bool whole, Field::Place place);

  std::vector<Field> fields_;
  std::function<absl::Status()> together_;
};

template <class O>
concept Declared = requires(O& options, FieldList& fields) {
  { O::kind } -> std::convertible_to<std::string_view>;
  options.Describe(fields);
};

// Gives the fields of `options`, to which it refers. Fields of constant options are only to be
// read.
template <Declared O>
FieldList FieldsOf(const O& options) {
  FieldList fields;
  // Declaring writes nothing, so the cast is safe.
  const_cast<O&>(options).Describe(fields);
  return fields;
}

// Gives OK, or INVALID_ARGUMENT `<field>: …` (FieldList::Check).
template <Declared O>
absl::Status ValidateFields(const O& options) {
  return FieldsOf(options).Check();
}

namespace internal {

[[noreturn]] void ThrowWrongFields(std::string_view kind, const absl::Status& status);
absl::Status SetField(std::string_view kind, const FieldList& fields, std::string_view name,
                      const FieldValue& value);

}  // namespace internal

// Throws std::invalid_argument, with the kind, where ValidateFields gives an error.
template <Declared O>
void ThrowUnlessValid(const O& options) {
  if (const absl::Status status = ValidateFields(options); !status.ok()) {
    internal::ThrowWrongFields(O::kind, status);
  }
}

// Gives the field of that name another value. NOT_FOUND naming the kind and its fields if there is
// none, INVALID_ARGUMENT if the value is of another type or out of range; nothing is changed then.
template <Declared O>
absl::Status SetField(std::string_view name, const FieldValue& value, O& options) {
  return internal::SetField(O::kind, FieldsOf(options), name, value);
}

template <class T>
T* Field::As() const {
  if constexpr (internal::kPlain<T>) {
    T* const* member = std::get_if<T*>(&place_);
    return member == nullptr ? nullptr : *member;
  } else {
    const auto* other = std::get_if<OtherPlace>(&place_);
    return other != nullptr && other->type->info == typeid(T) ? static_cast<T*>(other->member)
                                                              : nullptr;
  }
}

}  // namespace descent

#endif  // DESCENT_CORE_FIELDS_FIELDS_H_
