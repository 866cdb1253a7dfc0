#include "server/daemon/http/json.h"

#include <google/protobuf/repeated_field.h>
#include <google/protobuf/util/json_util.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/http/strict_json.h"
#include "server/daemon/journal/iteration_fields.h"

namespace descent::daemon {
namespace {

namespace json_util = google::protobuf::util;

// Appends `"name":value,` members; zeros too, as ToJson does.
class Members {
 public:
  explicit Members(std::string* out) : out_(*out) {}

  void Name(std::string_view name) {
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }
  // In protobuf's JSON numbers of 64 bits are strings.
  void Add(std::string_view name, int64_t value) {
    Name(name);
    absl::StrAppend(&out_, "\"", value, "\",");
  }
  void Add(std::string_view name, uint64_t value) {
    Name(name);
    absl::StrAppend(&out_, "\"", value, "\",");
  }
  void Add(std::string_view name, int32_t value) {
    Name(name);
    absl::StrAppend(&out_, value, ",");
  }
  void Add(std::string_view name, double value) {
    Name(name);
    Number(value);
    out_ += ',';
  }
  void Add(std::string_view name, const google::protobuf::RepeatedField<double>& values) {
    Open(name, '[');
    for (const double value : values) {
      Number(value);
      out_ += ',';
    }
    Close(']');
    out_ += ',';
  }
  void Number(double value) {
    if (value == 0) {
      out_ += std::signbit(value) ? "-0.0" : "0";  // "-0" would be read as an integer
    } else if (std::isnan(value)) {
      out_ += "\"NaN\"";
    } else if (std::isinf(value)) {
      out_ += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    } else {
      char digits[32];
      out_.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
    }
  }
  void Open(std::string_view name, char bracket) {
    Name(name);
    out_ += bracket;
  }
  void Close(char bracket) {
    if (out_.back() == ',') out_.pop_back();
    out_ += bracket;
  }

 private:
  std::string& out_;
};

std::string IterationToJson(const v1::Event& event) {
  std::string out = "{";
  out.reserve(320);
  Members members(&out);
  members.Add("revision", event.revision());
  members.Add("time_unix_nanos", event.time_unix_nanos());
  members.Add("attempt", event.attempt());
  members.Add("branch", event.branch());
  members.Add("sequence", event.sequence());
  const v1::Iteration& iteration = event.iteration();
  members.Open("iteration", '{');
  ForEachIterationField([&](const auto& field) {
    if (field.IsSet(iteration)) members.Add(field.name, field.Of(iteration));
  });
  members.Close('}');
  members.Close('}');
  return out;
}

std::string_view StatusName(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return "OK";
    case absl::StatusCode::kCancelled:
      return "CANCELLED";
    case absl::StatusCode::kUnknown:
      return "UNKNOWN";
    case absl::StatusCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case absl::StatusCode::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case absl::StatusCode::kNotFound:
      return "NOT_FOUND";
    case absl::StatusCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case absl::StatusCode::kPermissionDenied:
      return "PERMISSION_DENIED";
    case absl::StatusCode::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case absl::StatusCode::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case absl::StatusCode::kAborted:
      return "ABORTED";
    case absl::StatusCode::kOutOfRange:
      return "OUT_OF_RANGE";
    case absl::StatusCode::kUnimplemented:
      return "UNIMPLEMENTED";
    case absl::StatusCode::kInternal:
      return "INTERNAL";
    case absl::StatusCode::kUnavailable:
      return "UNAVAILABLE";
    case absl::StatusCode::kDataLoss:
      return "DATA_LOSS";
    case absl::StatusCode::kUnauthenticated:
      return "UNAUTHENTICATED";
    default:
      return "UNKNOWN";
  }
}

}  // namespace

std::string ToJson(const google::protobuf::Message& message) {
  json_util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  if (!json_util::MessageToJsonString(message, &json, options).ok()) return "{}";
  return json;
}

std::string EventToJson(const v1::Event& event) {
  return event.has_iteration() ? IterationToJson(event) : ToJson(event);
}

absl::Status FromJson(std::string_view json, google::protobuf::Message* message) {
  if (absl::Status status = CheckJson(json, message->GetDescriptor()); !status.ok()) return status;
  const auto status = json_util::JsonStringToMessage(
      google::protobuf::StringPiece(json.data(), json.size()), message);
  if (status.ok()) return absl::OkStatus();
  // Of what is wrong at the root protobuf has the place, an empty one, before its sentence.
  const std::string told(status.message());
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("the body is no ", message->GetDescriptor()->name(),
                                " in JSON: ", told.substr(told.starts_with(": ") ? 2 : 0)),
                   reason::kInvalidJson);
}

int HttpStatusOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

HttpResponse ErrorResponse(const absl::Status& status) {
  return ErrorResponse(HttpStatusOf(status.code()), status);
}

HttpResponse ErrorResponse(int http_status, const absl::Status& status) {
  nlohmann::ordered_json error;
  error["code"] = http_status;
  error["status"] = StatusName(status.code());
  error["message"] = std::string(status.message());
  error["details"] = nlohmann::ordered_json::array();
  const ErrorDetail detail = GetErrorDetail(status);
  if (!detail.reason.empty()) {
    error["details"].push_back({{"@type", kErrorInfoTypeUrl},
                                {"reason", detail.reason},
                                {"domain", detail.domain},
                                {"metadata", detail.metadata}});
  }
  if (!detail.violations.empty()) {
    nlohmann::ordered_json violations = nlohmann::ordered_json::array();
    for (const FieldViolation& violation : detail.violations) {
      violations.push_back({{"field", violation.field}, {"description", violation.description}});
    }
    error["details"].push_back(
        {{"@type", kBadRequestTypeUrl}, {"field_violations", std::move(violations)}});
  }
  nlohmann::ordered_json body;
  body["error"] = std::move(error);
  return {.status = http_status,
          .content_type = std::string(kJsonType),
          .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
          .headers = {}};
}

}  // namespace descent::daemon
