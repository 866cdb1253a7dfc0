#include "core/fields/fields.h"

#include <stdexcept>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace descent {
namespace {

constexpr int64_t kMostInMemory = int64_t{1} << 40;

template <class T>
constexpr bool kIsList = requires(T list) { list.pop_back(); } && !std::is_same_v<T, std::string>;
template <class T>
constexpr bool kIsOptional = requires(T optional) { optional.has_value(); };

absl::Status Wrong(const std::string& field, const std::string& problem) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", problem));
}

absl::Status CheckWhole(const std::string& name, const Range& range, int64_t value) {
  if (static_cast<double>(value) < range.min) {
    return Wrong(name, absl::StrCat(value, " is too small; give a number ≥ ", range.min));
  }
  if (static_cast<double>(value) > range.max) {
    return Wrong(name, absl::StrCat(value, " is too large; give a number ≤ ", MostText(range)));
  }
  return absl::OkStatus();
}

absl::Status CheckNumber(const std::string& name, const Range& range, double value) {
  if (name == range.field) return range.Check(value);
  Range element = range;
  element.field = name;
  return element.Check(value);
}

// Checks a member, by its type; `name` is the field's or that of a place in it.
struct Checker {
  const Field& field;

  absl::Status Check(const std::string&, const Sequence& value) const {
    absl::Status status = value.Validate(field.range());
    const auto bounds = value.bounds();
    if (status.ok() || !bounds || bounds->least != bounds->greatest) return status;
    // A constant in the range may be refused together with other fields, as turns to it are.
    return InBoth(field.range(), field.turned(), bounds->least).Check(bounds->least);
  }
  absl::Status Check(const std::string& name, double value) const {
    return CheckNumber(name, field.range(), value);
  }
  absl::Status Check(const std::string& name, int64_t value) const {
    if (field.whole()) return CheckWhole(name, field.range(), value);
    return CheckNumber(name, field.range(), static_cast<double>(value));
  }
  absl::Status Check(const std::string&, uint64_t) const { return absl::OkStatus(); }
  absl::Status Check(const std::string&, bool) const { return absl::OkStatus(); }
  absl::Status Check(const std::string& name, const std::string& value) const {
    return value.empty() && !field.may_be_empty() ? Wrong(name, "it is empty") : absl::OkStatus();
  }
  absl::Status CheckOrder(const std::vector<int64_t>& values) const {
    for (size_t i = 0; i < values.size(); ++i) {
      const int64_t before = i == 0 ? 0 : values[i - 1];
      if (values[i] > before) continue;
      return Wrong(absl::StrCat(field.name(), "[", i, "]"),
                   absl::StrCat(values[i], " is not after ", before, "; positions must increase"));
    }
    return absl::OkStatus();
  }

  template <class T>
  absl::Status operator()(const T* member) const {
    if constexpr (kIsOptional<T>) {
      return member->has_value() ? Check(field.name(), **member) : absl::OkStatus();
    } else if constexpr (kIsList<T>) {
      if constexpr (std::is_same_v<T, std::vector<std::string>>) return absl::OkStatus();
      if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
        if (field.increasing()) return CheckOrder(*member);
      }
      for (size_t i = 0; i < member->size(); ++i) {
        absl::Status status = Check(absl::StrCat(field.name(), "[", i, "]"), (*member)[i]);
        if (!status.ok()) return status;
      }
      return absl::OkStatus();
    } else {
      return Check(field.name(), *member);
    }
  }
  absl::Status operator()(const EnumPlace&) const { return absl::OkStatus(); }
  absl::Status operator()(const OtherPlace& other) const {
    return other.type->check(field.range(), other.member);
  }
};

// Says what a field of the type is to be given, such as `a number`.
struct Wanted {
  const char* operator()(const Sequence*) const { return "a sequence"; }
  const char* operator()(const std::vector<Sequence>*) const { return "at least one sequence"; }
  const char* operator()(const bool*) const { return "true or false"; }
  const char* operator()(const std::string*) const { return "a text"; }
  const char* operator()(const std::optional<std::string>*) const { return "a text"; }
  const char* operator()(const std::vector<std::string>*) const { return "at least one text"; }
  const char* operator()(const int64_t*) const { return "an integer"; }
  const char* operator()(const EnumPlace&) const { return "a name"; }
  const char* operator()(const OtherPlace&) const { return "what belongs there"; }
  template <class T>
  const char* operator()(const T*) const {
    return kIsList<T> ? "at least one number" : "a number";
  }
};

absl::Status SetName(const std::string& field, const EnumPlace& place, const FieldValue& value) {
  const auto* given = std::any_cast<std::string>(&value);
  if (given == nullptr) return Wrong(field, "give a name");
  for (size_t i = 0; i < place.names.size(); ++i) {
    if (place.names[i] != *given) continue;
    place.set(place.member, i);
    return absl::OkStatus();
  }
  return Wrong(
      field,
      absl::StrCat(
          "there is no ", *given, "; give one of ",
          absl::StrJoin(std::vector<std::string>(place.names.begin(), place.names.end()), ", ")));
}

}  // namespace

Range Named(std::string field) { return {.field = std::move(field)}; }

WholeRange Whole(std::string field, int64_t least) {
  return {{.field = std::move(field), .min = static_cast<double>(least)}};
}

WholeRange Count(std::string field, int64_t least) {
  return CountUpTo(std::move(field), least, kMostInMemory);
}

WholeRange CountUpTo(std::string field, int64_t least, int64_t most) {
  return {{.field = std::move(field),
           .min = static_cast<double>(least),
           .max = static_cast<double>(most)}};
}

std::string MostText(const Range& range) {
  return range.max == static_cast<double>(kMostInMemory)
             ? "2^40"
             : absl::StrCat(static_cast<int64_t>(range.max));
}

Field& Field::Required(std::string missing) {
  must_be_given_ = true;
  missing_ = std::move(missing);
  return *this;
}

Field& Field::MayBeEmpty() {
  may_be_empty_ = true;
  return *this;
}

Field& Field::Increasing() {
  increasing_ = true;
  return *this;
}

Field& Field::Turned(Range range) {
  turned_ = std::move(range);
  return *this;
}

Field& Field::Role(std::string_view role) {
  role_ = role;
  return *this;
}

bool Field::required() const {
  const bool may_hold_nothing = std::visit(
      []<class P>(const P& place) {
        return std::is_same_v<P, OtherPlace> || requires { place->empty(); } ||
               requires { place->has_value(); };
      },
      place_);
  return (must_be_given_ && !may_hold_nothing) || !Check().ok();
}

std::string Field::missing() const {
  if (!missing_.empty()) return missing_;
  // For a whole number, too, people are asked for a number.
  const char* wanted =
      std::holds_alternative<int64_t*>(place_) ? "a number" : std::visit(Wanted(), place_);
  return absl::StrCat("Give ", wanted, ".");
}

bool Field::given() const {
  return std::visit(
      []<class P>(const P& place) {
        if constexpr (std::is_same_v<P, OtherPlace>) {
          return place.type->given(place.member);
        } else if constexpr (requires { place->has_value(); }) {
          return place->has_value();
        } else if constexpr (requires { place->empty(); }) {
          return !place->empty();
        } else {
          return true;
        }
      },
      place_);
}

absl::Status Field::Check() const {
  if (must_be_given_ && !given()) {
    std::string sentence = missing();
    sentence[0] = absl::ascii_tolower(static_cast<unsigned char>(sentence[0]));
    sentence.pop_back();
    return Wrong(name(), sentence);
  }
  return std::visit(Checker{*this}, place_);
}

FieldValue Field::Get() const {
  return std::visit(
      []<class P>(const P& place) -> FieldValue {
        if constexpr (std::is_same_v<P, OtherPlace>) {
          return place.type->get(place.member);
        } else if constexpr (std::is_same_v<P, EnumPlace>) {
          return std::string(place.names[place.get(place.member)]);
        } else {
          return *place;
        }
      },
      place_);
}

absl::Status Field::Set(const FieldValue& value) const {
  if (const auto* named = std::get_if<EnumPlace>(&place_)) return SetName(name(), *named, value);
  const FieldValue before = Get();
  if (value.type() != before.type()) {
    return Wrong(name(), absl::StrCat("give ", std::visit(Wanted(), place_)));
  }
  const auto set = [&](const FieldValue& wanted) {
    std::visit(
        [&]<class P>(const P& place) {
          if constexpr (std::is_same_v<P, OtherPlace>) {
            place.type->set(place.member, wanted);
          } else if constexpr (std::is_pointer_v<P>) {
            *place = std::any_cast<const std::remove_pointer_t<P>&>(wanted);
          }
        },
        place_);
  };
  set(value);
  absl::Status status = Check();
  if (!status.ok()) set(before);
  return status;
}

Field& FieldList::Add(Range range, bool whole, Field::Place place) {
  return fields_.emplace_back(std::move(range), whole, place);
}

const Field* FieldList::Find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name() == name) return &field;
  }
  return nullptr;
}

absl::Status FieldList::Check() const {
  for (const Field& field : fields_) {
    if (absl::Status status = field.Check(); !status.ok()) return status;
  }
  return CheckTogether();
}

namespace internal {

void ThrowWrongFields(std::string_view kind, const absl::Status& status) {
  throw std::invalid_argument(absl::StrCat(std::string(kind), ": ", status.message()));
}

absl::Status SetField(std::string_view kind, const FieldList& fields, std::string_view name,
                      const FieldValue& value) {
  if (const Field* field = fields.Find(name)) return field->Set(value);
  std::vector<std::string> names;
  for (const Field& field : fields) names.push_back(field.name());
  return absl::NotFoundError(absl::StrCat(std::string(kind), " has no field `", std::string(name),
                                          "`; it has ", absl::StrJoin(names, ", ")));
}

}  // namespace internal
}  // namespace descent
