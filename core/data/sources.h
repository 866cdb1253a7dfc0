// All kinds of data sources by their names, for whoever learns the kind at run time.
//
// A new one needs a line in sources.cc. Free functions, any thread.
#ifndef DESCENT_CORE_DATA_SOURCES_H_
#define DESCENT_CORE_DATA_SOURCES_H_

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

// Gives a form with the kind's defaults, or null if there is no such kind.
std::unique_ptr<SourceForm> NewSource(std::string_view kind);

// Gives the names: `idx`, `csv`, …
std::vector<std::string_view> SourceKinds();

}  // namespace descent

#endif  // DESCENT_CORE_DATA_SOURCES_H_
