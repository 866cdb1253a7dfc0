#ifndef DESCENT_CORE_DATA_SOURCES_H_
#define DESCENT_CORE_DATA_SOURCES_H_

// All kinds of data sources by their names, for whoever learns the kind at run time.
//
// Adding one: a line in sources.cc.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/data/examples.h"
#include "core/data/source.h"
#include "core/fields/form.h"

namespace descent {

// A source of some kind. Not thread-safe.
class SourceForm : public Form {
 public:
  virtual absl::StatusOr<Examples> Read(const ReadOptions& options) const = 0;
};

// With its defaults; null if there is no such kind.
std::unique_ptr<SourceForm> NewSource(std::string_view kind);

// `idx`, `csv`, …
std::vector<std::string_view> SourceKinds();

}  // namespace descent

#endif  // DESCENT_CORE_DATA_SOURCES_H_
