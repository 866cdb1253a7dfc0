#include "core/functions/function_kinds.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/fields/form.h"
#include "core/functions/functions.h"
#include "core/kinds/kind_list.h"

namespace descent {
namespace {

struct QuadraticOptions {
  static constexpr std::string_view kind = "quadratic";
  std::vector<double> diagonal;
  std::vector<double> linear;
  void Describe(FieldList& fields) {
    fields(Named("diagonal"), diagonal);
    fields(Named("linear"), linear);
  }
  absl::StatusOr<Function> Make() const { return Quadratic(diagonal, linear); }
};

struct RosenbrockOptions {
  static constexpr std::string_view kind = "rosenbrock";
  int64_t dimension = 2;
  void Describe(FieldList& fields) { fields(Named("dimension"), dimension); }
  absl::StatusOr<Function> Make() const { return Rosenbrock(dimension); }
};

// A function without options.
template <Function (*make)()>
struct Plain {
  void Describe(FieldList&) {}
  absl::StatusOr<Function> Make() const { return make(); }
};
struct BealeOptions : Plain<Beale> {
  static constexpr std::string_view kind = "beale";
};
struct HimmelblauOptions : Plain<Himmelblau> {
  static constexpr std::string_view kind = "himmelblau";
};
struct PowellSingularOptions : Plain<PowellSingular> {
  static constexpr std::string_view kind = "powell_singular";
};
struct WoodOptions : Plain<Wood> {
  static constexpr std::string_view kind = "wood";
};
struct HelicalValleyOptions : Plain<HelicalValley> {
  static constexpr std::string_view kind = "helical_valley";
};

using Kinds = KindList<FunctionForm, MakerOf<absl::StatusOr<Function>>::Form, QuadraticOptions,
                       RosenbrockOptions, BealeOptions, HimmelblauOptions, PowellSingularOptions,
                       WoodOptions, HelicalValleyOptions>;

}  // namespace

std::unique_ptr<FunctionForm> NewFunction(std::string_view kind) { return Kinds::Make(kind); }

}  // namespace descent
