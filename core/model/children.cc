#include "core/model/children.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/model/layer.h"

namespace descent {
namespace {

bool IsName(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-';
  });
}

}  // namespace

absl::StatusOr<BuildContext> Children::Enter(const std::string& name, std::string_view kind,
                                             const ChildInput& input) {
  BuildContext inner = context_;
  inner.path = absl::StrCat(context_.path, context_.path.empty() ? "" : ".", name);
  inner.source = input.source;
  inner.input_shape = input.shape;
  inner.input_dtype = input.dtype;
  if (!IsName(name)) {
    return context_.Wrong(kind_, absl::StrCat(": the name of ", inner.Describe(kind),
                                              " may only have letters, digits, `_` and `-`"));
  }
  if (!names_.insert(name).second) {
    return context_.Wrong(
        kind_, absl::StrCat(": two of its layers are called `", name, "`; give one another name"));
  }
  return inner;
}

absl::StatusOr<std::unique_ptr<Layer>> Children::Build(const std::string& name,
                                                       const LayerOptions& options,
                                                       ChildInput* input) {
  const absl::StatusOr<BuildContext> inner = Enter(name, options.kind(), *input);
  if (!inner.ok()) return inner.status();
  absl::StatusOr<BuiltLayer> child = options.Build(*inner);
  if (!child.ok()) return child.status();
  *input = {inner->Describe(options.kind()), std::move(child->output_shape), child->output_dtype};
  std::move(child->summaries.begin(), child->summaries.end(), std::back_inserter(summaries));
  return std::move(child->layer);
}

}  // namespace descent
