#include "core/model/initializer_kinds.h"

#include <memory>
#include <string_view>
#include <vector>

#include "core/kinds/kind_list.h"
#include "core/model/initializer.h"
#include "core/model/options_visitor.h"

namespace descent {
namespace {

template <class I>
class InitializerFormOf final : public InitializerForm {
 public:
  void Describe(OptionsVisitor& visit) override { initializer_.Describe(visit); }
  Initializer Make() const override { return Initializer(initializer_); }

 private:
  I initializer_;
};

using AllInitializers =
    KindList<InitializerForm, InitializerFormOf, ConstantInitializer, UniformInitializer,
             NormalInitializer, TruncatedNormalInitializer, KaimingUniformInitializer,
             KaimingNormalInitializer, XavierUniformInitializer, XavierNormalInitializer,
             OrthogonalInitializer, FileInitializer>;

}  // namespace

std::unique_ptr<InitializerForm> NewInitializer(std::string_view kind) {
  return AllInitializers::Make(kind);
}

std::vector<std::string_view> InitializerKinds() { return AllInitializers::Names(); }

}  // namespace descent
