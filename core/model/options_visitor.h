// How options declare their fields: a layer's, an initializer's.
//
//   struct Dropout {
//     static constexpr std::string_view kind = "dropout";
//     double p = 0.5;
//     void Describe(OptionsVisitor& visit) { visit.Number(UnitInterval("p"), p); }
//     …
//   };
//
// Range checks and the bridge from a spec go by the declaration; names are those of the spec's
// message. The order is that in which errors are reported.
#ifndef DESCENT_CORE_MODEL_OPTIONS_VISITOR_H_
#define DESCENT_CORE_MODEL_OPTIONS_VISITOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/sequence/range.h"
#include "core/sequence/schedule.h"

namespace descent {

struct GraphNode;
class Initializer;
class LayerOptions;

class OptionsVisitor {
 public:
  virtual ~OptionsVisitor() = default;
  // A whole number ≥ least. One that is below is no default: the field is required.
  virtual void Count(const char* name, int64_t& count, int64_t least) = 0;
  // The same, but found out from the input's shape where it is not given; ≥ 1.
  virtual void Inferred(const char* name, std::optional<int64_t>& count) = 0;
  // Whole numbers ≥ least; required: at least one.
  virtual void Counts(const char* name, std::vector<int64_t>& counts, int64_t least, Need need) = 0;
  // The range bears the field's name.
  virtual void Number(const Range& range, double& number) = 0;
  virtual void Flag(const char* name, bool& flag) = 0;
  // Empty: not given.
  virtual void Text(const char* name, std::string& text, Need need) = 0;
  // Where a parameter starts; none: as the layer says.
  virtual void Start(const char* name, std::optional<Initializer>& initializer) = 0;
  // Other layers. The first kind is required, of the second there must be one.
  virtual void Inner(const char* name, std::optional<LayerOptions>& layer) = 0;
  virtual void Inners(const char* name, std::vector<LayerOptions>& layers) = 0;
  // At least one.
  virtual void Nodes(const char* name, std::vector<GraphNode>& nodes) = 0;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_OPTIONS_VISITOR_H_
