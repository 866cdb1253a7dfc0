// All kinds of initializers by their names, for whoever learns the kind at run time.
//
// Adding one: a line in initializer_kinds.cc.
#ifndef DESCENT_CORE_MODEL_INITIALIZER_KINDS_H_
#define DESCENT_CORE_MODEL_INITIALIZER_KINDS_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/model/initializer.h"
#include "core/model/options_visitor.h"

namespace descent {

// An initializer of some kind, to be filled in. Not thread-safe.
class InitializerForm {
 public:
  virtual ~InitializerForm() = default;
  virtual void Describe(OptionsVisitor& visit) = 0;
  // With its fields as they are.
  virtual Initializer Make() const = 0;
};

// With its defaults; null if there is no such kind.
std::unique_ptr<InitializerForm> NewInitializer(std::string_view kind);

// `constant`, `uniform`, …
std::vector<std::string_view> InitializerKinds();

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_INITIALIZER_KINDS_H_
