#include "server/daemon/http/sse.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "descent/v1/event.pb.h"
#include "server/daemon/http/json.h"

namespace descent::daemon {
namespace {

// Event's oneof fields are numbered as EventKind is.
std::string KindName(const v1::Event& event) {
  std::string name = v1::EventKind_Name(static_cast<v1::EventKind>(event.kind_case()));
  std::transform(name.begin(), name.end(), name.begin(), absl::ascii_tolower);
  return name;
}

}  // namespace

void AppendEvent(std::string_view serialized_event, std::string* out) {
  v1::Event event;
  if (!event.ParseFromArray(serialized_event.data(), static_cast<int>(serialized_event.size()))) {
    return;
  }
  absl::StrAppend(out, "id: ", event.revision(), "\nevent: ", KindName(event),
                  "\ndata: ", EventToJson(event), "\n\n");
}

void AppendCursor(int64_t revision, std::string* out) {
  absl::StrAppend(out, "id: ", revision, "\n\n");
}

void AppendStalled(const std::string& why, std::string* out) {
  const nlohmann::json data = {{"stalled", why}};
  absl::StrAppend(out, "event: stalled\ndata: ",
                  data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), "\n\n");
}

void AppendRefused(const std::string& why, std::string* out) {
  const nlohmann::json data = {{"refused", why}};
  absl::StrAppend(out, "event: refused\ndata: ",
                  data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), "\n\n");
}

void AppendEnd(int64_t revision, std::string* out) {
  absl::StrAppend(out, "id: ", revision, "\nevent: end\ndata: {}\n\n");
}

}  // namespace descent::daemon
