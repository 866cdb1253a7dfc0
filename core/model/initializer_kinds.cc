#include "core/model/initializer_kinds.h"

#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/kinds/kind_list.h"
#include "core/model/initializer.h"

namespace descent {
namespace {

using AllInitializers =
    KindList<InitializerForm, MakerOf<Initializer>::Form, ConstantInitializer, UniformInitializer,
             NormalInitializer, TruncatedNormalInitializer, KaimingUniformInitializer,
             KaimingNormalInitializer, XavierUniformInitializer, XavierNormalInitializer,
             OrthogonalInitializer, FileInitializer>;

}  // namespace

std::unique_ptr<InitializerForm> NewInitializer(std::string_view kind) {
  return AllInitializers::Make(kind);
}

std::vector<std::string_view> InitializerKinds() { return AllInitializers::Names(); }

}  // namespace descent
