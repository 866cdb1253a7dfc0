// A `KindList` lists what is chosen by a name in a spec: layers, losses, sequences, data sources.
// Each kind is a struct with its name, `kind`. Static functions; any thread.
#ifndef DESCENT_CORE_KINDS_KIND_LIST_H_
#define DESCENT_CORE_KINDS_KIND_LIST_H_

#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace descent {

// Has for each struct K an `Of<K>`, which is a `Base` and starts with K's defaults.
template <class Base, template <class> class Of, class... K>
struct KindList {
  // Gives null if no kind has this name.
  static std::unique_ptr<Base> Make(std::string_view name) {
    std::unique_ptr<Base> made;
    const auto try_kind = [&]<class One>(std::type_identity<One>) {
      if (name == One::kind) made = std::make_unique<Of<One>>();
    };
    (try_kind(std::type_identity<K>()), ...);
    return made;
  }

  static std::vector<std::string_view> Names() { return {K::kind...}; }
};

}  // namespace descent

#endif  // DESCENT_CORE_KINDS_KIND_LIST_H_
