#include "server/daemon/jobs/names.h"

#include <array>
#include <optional>
#include <random>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

constexpr std::array<std::string_view, 32> kAdjectives = {
    "amber", "bold",  "brave", "bright", "brisk", "calm",   "clear", "clever",
    "cosy",  "crisp", "deft",  "eager",  "early", "fair",   "fleet", "fond",
    "fresh", "keen",  "kind",  "lively", "lucid", "mellow", "merry", "mild",
    "neat",  "noble", "plain", "quick",  "quiet", "spry",   "sunny", "swift"};

constexpr std::array<std::string_view, 32> kNouns = {
    "badger", "beaver", "brook",  "canyon",  "cliff",  "crane", "delta", "dune",
    "falcon", "finch",  "glade",  "gully",   "heron",  "ibex",  "ledge", "lynx",
    "marten", "meadow", "otter",  "plover",  "raven",  "ridge", "river", "slope",
    "spring", "stoat",  "stream", "swallow", "valley", "vole",  "wren",  "yak"};

}  // namespace

absl::Status CheckJobId(const std::string& job_id) {
  if (rules::IsJobId(job_id)) return absl::OkStatus();
  return InvalidField("job_id", rules::WhyNoJobId(job_id), reason::kInvalidJobId);
}

std::string DrawJobId() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  const uint64_t bits = random();
  return absl::StrFormat("%s-%s-%04x", std::string(kAdjectives[bits % 32]),
                         std::string(kNouns[bits / 32 % 32]), static_cast<unsigned>(bits >> 48U));
}

absl::StatusOr<std::string> ParseJobName(const std::string& name) {
  if (std::optional<std::string> id = rules::JobIdOf(name)) return *std::move(id);
  return InvalidField("name", absl::StrCat("must be jobs/{job}, got \"", name, "\""),
                      reason::kInvalidName);
}

absl::Status NoSuchJob(const std::string& name) {
  return MakeError(absl::StatusCode::kNotFound, absl::StrCat("There is no job ", name),
                   reason::kJobNotFound);
}

}  // namespace descent::daemon
