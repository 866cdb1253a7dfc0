#include "core/model/initializer_kinds.h"

#include <memory>
#include <string_view>
#include <vector>

#include "core/model/initializer.h"
#include "core/model/options_visitor.h"

namespace descent {
namespace {

template <class I>
class FormOf final : public InitializerForm {
 public:
  void Describe(OptionsVisitor& visit) override { initializer_.Describe(visit); }
  Initializer Make() const override { return Initializer(initializer_); }

 private:
  I initializer_;
};

struct Kind {
  std::string_view name;
  std::unique_ptr<InitializerForm> (*make)();
};

template <class I>
constexpr Kind KindOf() {
  return {I::kind,
          []() -> std::unique_ptr<InitializerForm> { return std::make_unique<FormOf<I>>(); }};
}

constexpr Kind kKinds[] = {
    KindOf<ConstantInitializer>(),       KindOf<UniformInitializer>(),
    KindOf<NormalInitializer>(),         KindOf<TruncatedNormalInitializer>(),
    KindOf<KaimingUniformInitializer>(), KindOf<KaimingNormalInitializer>(),
    KindOf<XavierUniformInitializer>(),  KindOf<XavierNormalInitializer>(),
    KindOf<OrthogonalInitializer>(),     KindOf<FileInitializer>(),
};

}  // namespace

std::unique_ptr<InitializerForm> NewInitializer(std::string_view kind) {
  for (const Kind& known : kKinds) {
    if (known.name == kind) return known.make();
  }
  return nullptr;
}

std::vector<std::string_view> InitializerKinds() {
  std::vector<std::string_view> names;
  for (const Kind& kind : kKinds) names.push_back(kind.name);
  return names;
}

}  // namespace descent
