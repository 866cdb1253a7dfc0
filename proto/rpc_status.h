// What an error says to programs, beside its code and message: how the details of google.rpc.Status
// travel inside an absl::Status and over gRPC. Both sides of the wire use this one file. Everything
// here is a pure function of its arguments.
//
// An absl::Status carries the details as payloads, each under its type URL and in the wire format
// of its message, so the way to google.rpc.Status (`grpc-status-details-bin`) and back is a
// re-packing. Any standard client decodes them as google.rpc.ErrorInfo and google.rpc.BadRequest:
// https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
#ifndef DESCENT_PROTO_RPC_STATUS_H_
#define DESCENT_PROTO_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "proto/rules/reasons.h"

namespace descent {

inline constexpr std::string_view kErrorInfoTypeUrl = "type.googleapis.com/google.rpc.ErrorInfo";
inline constexpr std::string_view kBadRequestTypeUrl = "type.googleapis.com/google.rpc.BadRequest";
inline constexpr std::string_view kErrorDomain = "descent";

// This is google.rpc.BadRequest.FieldViolation.
struct FieldViolation {
  std::string field;        // path in the request or the spec: `optimizer.adam.step_size`
  std::string description;  // why it is refused

  friend bool operator==(const FieldViolation&, const FieldViolation&) = default;
};

// This is google.rpc.ErrorInfo and google.rpc.BadRequest in one.
struct ErrorDetail {
  std::string reason = {};  // for programs (proto/rules/reasons.h): `ITERATION_PASSED`
  std::map<std::string, std::string> metadata = {};
  std::vector<FieldViolation> violations = {};
  std::string domain = std::string(kErrorDomain);

  friend bool operator==(const ErrorDetail&, const ErrorDetail&) = default;
};

// Makes an error with its details. `message` is a sentence that names what is wrong and what to do.
absl::Status MakeError(absl::StatusCode code, std::string_view message, const ErrorDetail& detail);

// Make the usual two: an error with a reason alone; and INVALID_ARGUMENT at one field, whose
// message is "{field}: {description}".
absl::Status MakeError(absl::StatusCode code, std::string_view message, std::string_view reason);
absl::Status InvalidField(std::string_view field, std::string_view description,
                          std::string_view reason = reason::kInvalidField);

// Adds the details to a status that exists; replaces those it has. An OK status stays as it is.
void SetErrorDetail(const ErrorDetail& detail, absl::Status* status);

// Gives the details; their fields are empty where there are none or they don't parse.
ErrorDetail GetErrorDetail(const absl::Status& status);

// Makes what a handler returns. Messages and details are shortened so that the trailing metadata
// stays below gRPC's limit of 8 KiB (beyond it a client would see RESOURCE_EXHAUSTED instead of the
// error); bytes that are not UTF-8 become U+FFFD.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Makes a status of what a stub returned, details included.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace descent

#endif  // DESCENT_PROTO_RPC_STATUS_H_
