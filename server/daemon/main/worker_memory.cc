#include "server/daemon/main/worker_memory.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/text/size_text.h"
#include "server/common/log.h"
#include "server/daemon/launch/memory_limit.h"

namespace descent::daemon {
namespace {

// Of which any share that is not too small on every machine is enough.
constexpr int64_t kLargeMachine = int64_t{1} << 40;

absl::StatusOr<std::unique_ptr<MemoryGroups>> TakeOver(const std::string& limit) {
  const absl::StatusOr<std::string> own = OwnGroup();
  if (!own.ok()) return own.status();
  const absl::StatusOr<int64_t> bytes = ParseMemoryLimit(limit, MemoryOf(*own));
  if (!bytes.ok()) return bytes.status();
  return MemoryGroups::TakeOver(*own, *bytes);
}

}  // namespace

std::string WrongMemoryLimit(const std::string& limit) {
  const absl::StatusOr<int64_t> bytes = ParseMemoryLimit(limit, kLargeMachine);
  return bytes.ok() ? "" : std::string(bytes.status().message());
}

std::unique_ptr<MemoryGroups> HoldWorkers(const std::string& limit) {
  if (limit == "none") return nullptr;
  absl::StatusOr<std::unique_ptr<MemoryGroups>> groups = TakeOver(limit);
  if (!groups.ok()) {
    server::LogInfo("workers", absl::StrCat("they run without a memory limit: ",
                                            std::string(groups.status().message())));
    return nullptr;
  }
  server::LogInfo("workers",
                  absl::StrCat("each may have ", SizeText(static_cast<double>((*groups)->limit())),
                               " of memory"));
  return *std::move(groups);
}

}  // namespace descent::daemon
