// A `Form` is the options of some kind, for whoever learns the kind at run time: they are filled in
// field by field, and made.
//
// A list of kinds is a KindList of forms (core/kinds/kind_list.h):
//
//   using Kinds = KindList<LossForm, MakerOf<Loss>::Form, CrossEntropy, Huber>;
//
// Not thread-safe.
#ifndef DESCENT_CORE_FIELDS_FORM_H_
#define DESCENT_CORE_FIELDS_FORM_H_

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "core/fields/fields.h"

namespace descent {

class Form {
 public:
  virtual ~Form() = default;
  // The kind's name, such as `huber`.
  virtual std::string_view kind() const = 0;
  // The fields to be filled in. They refer to the form, which begins with the kind's defaults.
  virtual FieldList fields() = 0;
  // Gives OK, or INVALID_ARGUMENT `<field>: …` (FieldList::Check).
  absl::Status Validate() { return fields().Check(); }
};

// Options O behind an interface that is a Form.
template <Declared O, class Base = Form>
class FormOf : public Base {
 public:
  std::string_view kind() const override { return O::kind; }
  FieldList fields() override { return FieldsOf(options_); }

 protected:
  FormOf() = default;
  explicit FormOf(O options) : options_(std::move(options)) {}

  O options_{};
};

// A form whose options, of whatever kind, are made into the same: a loss, a sequence, an
// initializer.
template <class Made>
class Maker : public Form {
 public:
  // Makes it. Only for options that Validate() finds nothing wrong with.
  virtual Made Make() const = 0;
};

// Such options have `Made Make() const`, or else become a Made by themselves.
template <class Made>
struct MakerOf {
  template <class O>
  class Form final : public FormOf<O, Maker<Made>> {
   public:
    Made Make() const override {
      if constexpr (requires(const O& options) {
                      { options.Make() } -> std::convertible_to<Made>;
                    }) {
        return this->options_.Make();
      } else {
        return Made(this->options_);
      }
    }
  };
};

}  // namespace descent

#endif  // DESCENT_CORE_FIELDS_FORM_H_
