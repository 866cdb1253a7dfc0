// The range checks of options that declare their fields.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "c10/core/ScalarType.h"
#include "core/model/graph.h"
#include "core/model/initializer.h"
#include "core/model/layer.h"
#include "core/model/options_visitor.h"

namespace descent::internal {
namespace {

// Keeps the first thing that is wrong.
class Checker final : public OptionsVisitor {
 public:
  void Count(const char* name, int64_t& count, int64_t least) override {
    if (count < least) Note(name, AtLeast(count, least));
  }
  void Inferred(const char* name, std::optional<int64_t>& count) override {
    if (count && *count < 1) Note(name, AtLeast(*count, 1));
  }
  void Counts(const char* name, std::vector<int64_t>& counts, int64_t least, Need need) override {
    if (counts.empty() && need == Need::kRequired)
      Note(name, " is empty; give at least one number");
    for (const int64_t count : counts) {
      if (count < least) Note(name, absl::StrCat(" has ", count, "; give numbers ≥ ", least));
    }
  }
  void Number(const Range& range, double& number) override {
    if (const absl::Status status = range.Check(number); !status.ok()) {
      const std::string message(status.message());
      Note(range.field.c_str(), message.substr(range.field.size()));
    }
  }
  void Flag(const char*, bool&) override {}
  void Text(const char* name, std::string& text, Need need) override {
    if (text.empty() && need == Need::kRequired) Note(name, " is empty");
  }
  void Start(const char*, std::optional<Initializer>&) override {}  // checked when it is used
  void Inner(const char* name, std::optional<LayerOptions>& layer) override {
    if (!layer) Note(name, " is not given");
  }
  void Inners(const char* name, std::vector<LayerOptions>& layers) override {
    if (layers.empty()) Note(name, ": give at least one");
  }
  void Nodes(const char* name, std::vector<GraphNode>& nodes) override {
    if (nodes.empty()) Note(name, ": give at least one");
  }

  const std::string& field() const { return field_; }
  // `out_features is −3; give a number ≥ 1`; empty: all is well.
  const std::string& problem() const { return problem_; }

 private:
  static std::string AtLeast(int64_t count, int64_t least) {
    return absl::StrCat(" is ", count, "; give a number ≥ ", least);
  }
  void Note(const char* name, const std::string& problem) {
    if (!problem_.empty()) return;
    field_ = name;
    problem_ = absl::StrCat(name, problem);
  }

  std::string field_;
  std::string problem_;
};

}  // namespace

absl::Status CheckDescribed(absl::FunctionRef<void(OptionsVisitor&)> describe) {
  Checker checker;
  describe(checker);
  if (checker.problem().empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(checker.problem());
}

absl::Status CheckOptions(const BuildContext& context, std::string_view kind, bool takes_indices,
                          DescribeRef describe) {
  Checker checker;
  describe(checker);
  if (!checker.problem().empty()) {
    return context.Wrong(kind, absl::StrCat(": ", checker.problem()), checker.field());
  }
  if (!takes_indices && !c10::isFloatingType(context.input_dtype)) {
    return context.Mismatch(kind,
                            "expects real numbers, and not indices (put an embedding before "
                            "it)");
  }
  return absl::OkStatus();
}

}  // namespace descent::internal
