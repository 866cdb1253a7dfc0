#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "proto/rpc_status.h"
#include "server/daemon/http/routes.h"
#include "server/daemon/requests/check.h"

namespace descent::daemon {
namespace {

absl::Status ParseFlag(std::string_view field, const std::string& text, bool* value) {
  if (absl::SimpleAtob(text, value)) return absl::OkStatus();
  return InvalidField(field,
                      absl::StrCat("\"", ShortUtf8(text, 64), "\" is neither true nor false"));
}

absl::Status AddKinds(std::string_view list, v1::WatchJobRequest* request) {
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    if (item.empty()) continue;
    std::string name(item);
    std::transform(name.begin(), name.end(), name.begin(), absl::ascii_toupper);
    v1::EventKind kind;
    if (!v1::EventKind_Parse(name, &kind) || kind == v1::EVENT_KIND_UNSPECIFIED) {
      return InvalidField("kinds", absl::StrCat("\"", ShortUtf8(name, 64),
                                                "\" is not a kind of event, such as iteration or "
                                                "command_applied"));
    }
    request->add_kinds(kind);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::WatchJobRequest> ParseWatchRequest(const std::string& name,
                                                      const HttpTarget& target,
                                                      std::string_view last_event_id) {
  v1::WatchJobRequest request;
  request.set_name(name);
  if (absl::Status status = CheckParameters(target, {"kinds"}); !status.ok()) return status;
  for (const auto& [key, value] : target.query) {
    absl::Status status;
    if (key == "after_revision" || key == "every") {
      const absl::StatusOr<int64_t> number = ParseInteger(key, value);
      if (!number.ok()) return number.status();
      if (key == "every") {
        request.set_every(*number);
      } else {
        request.set_after_revision(*number);
      }
    } else if (key == "extremes") {
      bool flag = false;
      status = ParseFlag(key, value, &flag);
      request.set_extremes(flag);
    } else if (key == "kinds") {
      status = AddKinds(value, &request);
    } else {
      status =
          InvalidField(ShortUtf8(key, 64),
                       "is not a parameter of this path: after_revision, kinds, every, extremes");
    }
    if (!status.ok()) return status;
  }
  if (!last_event_id.empty()) {
    const absl::StatusOr<int64_t> number = ParseInteger("last-event-id", last_event_id);
    if (!number.ok()) return number.status();
    request.set_after_revision(*number);
  }
  if (absl::Status status = CheckRequest(request); !status.ok()) return status;
  return request;
}

}  // namespace descent::daemon
