#include "server/daemon/requests/check.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "proto/dataset_manifest.h"
#include "proto/for_each_message.h"
#include "proto/rpc_status.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"

namespace descent::daemon {
namespace {

constexpr size_t kMaxRequestId = 128;
constexpr size_t kMaxDisplayName = 256;
constexpr int kMaxLabels = 64;
constexpr size_t kMaxLabelBytes = 256;
constexpr int kMaxCommands = 64;
constexpr size_t kMaxCheckpoint = 40;
constexpr std::string_view kCheckpointCharacters = "0123456789-";
constexpr int64_t kMaxPredictedBatch = 1 << 20;
constexpr size_t kMaxOwner = 128;
constexpr int kMaxGroups = 16;
constexpr size_t kMaxGroup = 64;
constexpr std::string_view kGroupCharacters = "abcdefghijklmnopqrstuvwxyz0123456789._-";
constexpr int64_t kMaxTtlSeconds = int64_t{100} * 366 * 86400;

bool IsMadeOf(std::string_view characters, std::string_view text) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

bool IsGroup(std::string_view group) {
  return !group.empty() && group.size() <= kMaxGroup && IsMadeOf(kGroupCharacters, group);
}

// Collects what is wrong; the order is the order of the fields.
class Violations {
 public:
  void Add(std::string field, std::string description) {
    violations_.push_back({std::move(field), std::move(description)});
  }

  void CheckName(const std::string& name) {
    if (name.empty()) {
      Add("name", "is empty; it must name a job: jobs/{job}");
    } else if (!rules::JobIdOf(name)) {
      Add("name", absl::StrCat("\"", name,
                               "\" is not a job's name: jobs/{job}, where {job} is "
                               "lower-case letters, digits and hyphens, from a letter on"));
    }
  }

  void CheckDatasetName(const std::string& name) {
    if (rules::DatasetIdOf(name)) return;
    Add("name", absl::StrCat("\"", ShortUtf8(name, 80),
                             "\" is not a dataset's name: datasets/{dataset}, where {dataset} is 1 "
                             "to 63 lower-case letters, digits, dots, underscores and hyphens, "
                             "from a letter on, and ends with a letter or digit"));
  }

  void CheckDigest(const std::string& digest) {
    if (!IsSha256Hex(digest)) {
      Add("digest", "must be the SHA-256 of the manifest: 64 lower-case hexadecimal digits");
    }
  }

  void CheckRange(const char* field, int64_t value, int64_t least, int64_t greatest) {
    if (value >= least && value <= greatest) return;
    Add(field, absl::StrCat("must be from ", least, " to ", greatest, ", is ", value));
  }

  void CheckRequestId(const std::string& id) {
    if (id.size() > kMaxRequestId || !rules::IsPrintableAscii(id)) {
      Add("request_id", "must be at most 128 printable ASCII characters");
    }
  }

  void CheckGroup(std::string field, const std::string& group) {
    if (IsGroup(group)) return;
    Add(std::move(field), absl::StrCat("\"", ShortUtf8(group, 64),
                                       "\" is no group's name: 1 to 64 lower-case letters, digits, "
                                       "dots, underscores and hyphens"));
  }

  void CheckNotNegative(const char* field, int64_t value) {
    if (value < 0) Add(field, absl::StrCat("must not be negative, is ", value));
  }

  absl::Status ToStatus() && {
    if (violations_.empty()) return absl::OkStatus();
    std::string message = absl::StrCat(violations_[0].field, ": ", violations_[0].description);
    if (violations_.size() > 1) {
      absl::StrAppend(&message, " (and ", violations_.size() - 1, " more)");
    }
    return MakeError(absl::StatusCode::kInvalidArgument, message,
                     ErrorDetail{.reason = reason::kInvalidRequest, .violations = violations_});
  }

  // Finds fields that the sender's version of the protocol has and ours has not.
  void CheckUnknown(const google::protobuf::Message& request) {
    ForEachMessage("", request, [this](const std::string& path, const auto& message) {
      const auto& unknown = message.GetReflection()->GetUnknownFields(message);
      if (unknown.empty()) return;
      const int number = unknown.field(0).number();
      Add(absl::StrCat(path, path.empty() ? "" : ".", "#", number),
          absl::StrCat("field number ", number, " of ", message.GetDescriptor()->full_name(),
                       " is not known to this server; it may be older than the client"));
    });
  }

 private:
  std::vector<FieldViolation> violations_;
};

void CheckPath(bool given, const std::string& path, const std::string& field, Violations* out) {
  if (!given || path.empty()) {
    out->Add(field, "is missing: the dial's path, such as step_size");
  } else if (path.size() > 512) {
    out->Add(field, "is longer than 512 characters");
  }
}

void CheckNumber(bool given, double value, const std::string& field, Violations* out) {
  if (!given) {
    out->Add(field, "is missing");
  } else if (!std::isfinite(value)) {
    out->Add(field, absl::StrCat("must be a finite number, not ", value));
  }
}

void CheckCommand(const v1::Command& command, const std::string& field, Violations* out) {
  switch (command.kind_case()) {
    case v1::Command::kSet:
      CheckPath(command.set().has_path(), command.set().path(), field + ".set.path", out);
      CheckNumber(command.set().has_value(), command.set().value(), field + ".set.value", out);
      break;
    case v1::Command::kScale:
      CheckPath(command.scale().has_path(), command.scale().path(), field + ".scale.path", out);
      CheckNumber(command.scale().has_factor(), command.scale().factor(), field + ".scale.factor",
                  out);
      break;
    case v1::Command::kRelease:
      CheckPath(command.release().has_path(), command.release().path(), field + ".release.path",
                out);
      break;
    case v1::Command::KIND_NOT_SET:
      out->Add(field,
               "names no command: one of set, scale, release, pause, resume, stop, "
               "checkpoint, evaluate");
      break;
    default:
      break;
  }
}

// Calls `check` with the path of each element, `commands[2]`, and the element; at most with so
// many.
template <class Elements, class Check>
void ForEachElement(const char* field, const Elements& elements, Check check,
                    int most = std::numeric_limits<int>::max()) {
  for (int i = 0; i < std::min(elements.size(), most); ++i) {
    check(absl::StrCat(field, "[", i, "]"), elements.Get(i));
  }
}

template <class Request>
Violations Begin(const Request& request) {
  Violations violations;
  violations.CheckUnknown(request);
  return violations;
}

}  // namespace

absl::Status CheckRequest(const v1::CreateJobRequest& request) {
  Violations violations = Begin(request);
  if (!request.has_job()) {
    violations.Add("job", "is missing");
  } else if (!request.job().has_spec()) {
    violations.Add("job.spec", "is missing: what to train");
  }
  const v1::Job& job = request.job();
  if (job.display_name().size() > kMaxDisplayName) {
    violations.Add("job.display_name", "is longer than 256 bytes");
  }
  if (job.labels_size() > kMaxLabels) violations.Add("job.labels", "has more than 64 entries");
  for (const auto& [key, value] : job.labels()) {
    if (key.empty() || key.size() > kMaxLabelBytes || value.size() > kMaxLabelBytes) {
      violations.Add(absl::StrCat("job.labels[\"", ShortUtf8(key, 32), "\"]"),
                     "keys are 1 to 256 bytes, values at most 256");
    }
  }
  if (!request.job_id().empty() && !rules::IsJobId(request.job_id())) {
    violations.Add("job_id", rules::WhyNoJobId(request.job_id()));
  }
  violations.CheckRequestId(request.request_id());
  if (!request.group().empty()) violations.CheckGroup("group", request.group());
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::GetJobRequest& request) {
  Violations violations = Begin(request);
  violations.CheckName(request.name());
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::ListJobsRequest& request) {
  Violations violations = Begin(request);
  violations.CheckNotNegative("page_size", request.page_size());
  if (request.filter().size() > 4096) violations.Add("filter", "is longer than 4096 bytes");
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::DeleteJobRequest& request) {
  Violations violations = Begin(request);
  violations.CheckName(request.name());
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::ValidateSpecRequest& request) {
  Violations violations = Begin(request);
  if (!request.has_spec()) violations.Add("spec", "is missing: what to train");
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::WatchJobRequest& request) {
  Violations violations = Begin(request);
  violations.CheckName(request.name());
  violations.CheckNotNegative("after_revision", request.after_revision());
  ForEachElement("kinds", request.kinds(), [&](const std::string& path, int kind) {
    if (kind == v1::EVENT_KIND_UNSPECIFIED || !v1::EventKind_IsValid(kind)) {
      violations.Add(path, absl::StrCat(kind, " is not an EventKind"));
    }
  });
  violations.CheckNotNegative("every", request.every());
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::CommandJobRequest& request) {
  Violations violations = Begin(request);
  violations.CheckName(request.name());
  if (request.request_id().empty()) {
    violations.Add("request_id",
                   "is empty; a fresh one for each request (a UUID will do) makes "
                   "it safe to send again");
  }
  violations.CheckRequestId(request.request_id());
  if (request.commands().empty()) violations.Add("commands", "is empty");
  if (request.commands_size() > kMaxCommands) {
    violations.Add("commands", "has more than 64 entries");
  }
  ForEachElement("commands", request.commands(),
                 [&](const std::string& path, const v1::Command& command) {
                   CheckCommand(command, path, &violations);
                 });
  violations.CheckNotNegative("at_iteration", request.at_iteration());
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::PredictJobRequest& request) {
  Violations violations = Begin(request);
  violations.CheckName(request.name());
  const std::string& checkpoint = request.checkpoint();
  if (checkpoint.size() > kMaxCheckpoint || !IsMadeOf(kCheckpointCharacters, checkpoint)) {
    violations.Add("checkpoint",
                   absl::StrCat("\"", ShortUtf8(checkpoint, 64),
                                "\" is neither a checkpoint's name, {branch}-{iteration}, nor an "
                                "iteration"));
  }
  if (request.has_batch_size() &&
      (request.batch_size() < 1 || request.batch_size() > kMaxPredictedBatch)) {
    violations.Add("batch_size", absl::StrCat("must be from 1 to ", kMaxPredictedBatch, ", is ",
                                              request.batch_size()));
  }
  if (!v1::PredictJobRequest::Form_IsValid(request.form())) {
    violations.Add("form", absl::StrCat(static_cast<int>(request.form()), " is no Form"));
  }
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::ListAuditEntriesRequest& request) {
  Violations violations = Begin(request);
  violations.CheckNotNegative("page_size", request.page_size());
  if (!request.job().empty() && !rules::JobIdOf(request.job())) {
    violations.Add("job", absl::StrCat("\"", ShortUtf8(request.job(), 128),
                                       "\" is no job's name: jobs/{job}"));
  }
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::CreateTokenRequest& request) {
  Violations violations = Begin(request);
  if (request.role() == v1::ROLE_UNSPECIFIED || !v1::Role_IsValid(request.role())) {
    violations.Add("role", "must be one of METRICS, VIEWER, OPERATOR, ADMIN");
  }
  if (request.owner().size() > kMaxOwner || !rules::IsPrintableAscii(request.owner())) {
    violations.Add("owner", "must be at most 128 printable ASCII characters");
  }
  if (request.groups_size() > kMaxGroups) violations.Add("groups", "has more than 16 entries");
  ForEachElement(
      "groups", request.groups(),
      [&](const std::string& path, const std::string& group) {
        violations.CheckGroup(path, group);
      },
      kMaxGroups);
  if (request.ttl_seconds() < 0 || request.ttl_seconds() > kMaxTtlSeconds) {
    violations.Add("ttl_seconds", absl::StrCat("must be from 0 (no end) to ", kMaxTtlSeconds,
                                               ", is ", request.ttl_seconds()));
  }
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::ListTokensRequest& request) {
  return Begin(request).ToStatus();
}

absl::Status CheckRequest(const v1::RevokeTokenRequest& request) {
  Violations violations = Begin(request);
  if (request.id().size() != 8) {
    violations.Add("id", "must be a token's id, eight hexadecimal digits (never the token itself)");
  }
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::CreateLoginCodeRequest& request) {
  return Begin(request).ToStatus();
}

absl::Status CheckRequest(const v1::CreateDatasetRequest& request) {
  Violations violations = Begin(request);
  violations.CheckDatasetName(request.name());
  violations.CheckDigest(request.digest());
  violations.CheckRange("bytes", request.bytes(), 0, kMaxDatasetBytes);
  violations.CheckRange("manifest_bytes", request.manifest_bytes(), 1, kMaxManifestBytes);
  if (!request.group().empty()) violations.CheckGroup("group", request.group());
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::WriteDatasetRequest& request) {
  Violations violations = Begin(request);
  violations.CheckDatasetName(request.name());
  violations.CheckDigest(request.digest());
  violations.CheckRange("offset", request.offset(), 0, kMaxDatasetBytes + kMaxManifestBytes);
  if (request.data().empty() || request.data().size() > kMaxDatasetChunk) {
    violations.Add("data", absl::StrCat("must be of 1 to ", kMaxDatasetChunk, " bytes, is of ",
                                        request.data().size()));
  }
  if (!request.has_crc32()) violations.Add("crc32", "is missing: that of `data`");
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::GetDatasetRequest& request) {
  Violations violations = Begin(request);
  violations.CheckDatasetName(request.name());
  return std::move(violations).ToStatus();
}

absl::Status CheckRequest(const v1::ListDatasetsRequest& request) {
  return Begin(request).ToStatus();
}

absl::Status CheckRequest(const v1::DeleteDatasetRequest& request) {
  Violations violations = Begin(request);
  violations.CheckDatasetName(request.name());
  return std::move(violations).ToStatus();
}

}  // namespace descent::daemon
