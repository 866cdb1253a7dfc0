#include "proto/rpc_status.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"

// Debian has no C++ library of google/rpc/*.proto, and these are four messages of strings: they
// are written and read here by protobuf's own wire-format primitives.
namespace descent {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;
using WireFormat = google::protobuf::internal::WireFormatLite;

// A message goes out twice, percent-encoded (at worst 3 bytes a byte) in `grpc-message` and once
// more in the details, which travel in base 64: 3·1024 + 4/3·(1024 + 2048) < 8192.
constexpr size_t kMaxMessageBytes = 1024;
constexpr size_t kMaxDetailBytes = 2048;

std::string AsString(const absl::Cord& cord) { return std::string(cord); }

std::string_view AsView(absl::string_view view) { return {view.data(), view.size()}; }

// ------------------------------------------------------------------------------------- Writing

void AppendField(int number, std::string_view bytes, std::string* out) {
  StringOutputStream stream(out);
  CodedOutputStream coded(&stream);
  coded.WriteTag(WireFormat::MakeTag(number, WireFormat::WIRETYPE_LENGTH_DELIMITED));
  coded.WriteVarint32(static_cast<uint32_t>(bytes.size()));
  coded.WriteRaw(bytes.data(), static_cast<int>(bytes.size()));
}

// Writes google.rpc.ErrorInfo{reason = 1, domain = 2, map<string, string> metadata = 3}.
std::string SerializeErrorInfo(const ErrorDetail& detail) {
  std::string out;
  AppendField(1, ShortUtf8(detail.reason, 128), &out);
  AppendField(2, ShortUtf8(detail.domain, 128), &out);
  for (const auto& [key, value] : detail.metadata) {
    std::string entry;
    AppendField(1, ShortUtf8(key, 64), &entry);
    AppendField(2, ShortUtf8(value, 256), &entry);
    if (out.size() + entry.size() + 4 > kMaxDetailBytes / 2) break;
    AppendField(3, entry, &out);
  }
  return out;
}

// Writes google.rpc.BadRequest{repeated FieldViolation{field = 1, description = 2} = 1}, of the
// violations the first ones that fit: what a person fixes first.
std::string SerializeBadRequest(const std::vector<FieldViolation>& violations) {
  std::string out;
  for (const FieldViolation& violation : violations) {
    std::string entry;
    AppendField(1, ShortUtf8(violation.field, 256), &entry);
    AppendField(2, ShortUtf8(violation.description, 512), &entry);
    if (out.size() + entry.size() + 4 > kMaxDetailBytes / 2) break;
    AppendField(1, entry, &out);
  }
  return out;
}

// ------------------------------------------------------------------------------------- Reading

struct Field {
  int number;
  uint64_t varint = 0;
  std::string bytes;
};

// Calls `visit` for each varint and length-delimited field; false if the bytes are no message.
bool VisitFields(const std::string& message, const std::function<void(Field)>& visit) {
  CodedInputStream input(reinterpret_cast<const uint8_t*>(message.data()),
                         static_cast<int>(message.size()));
  while (const uint32_t tag = input.ReadTag()) {
    Field field{.number = WireFormat::GetTagFieldNumber(tag), .varint = 0, .bytes = {}};
    switch (WireFormat::GetTagWireType(tag)) {
      case WireFormat::WIRETYPE_VARINT:
        if (!input.ReadVarint64(&field.varint)) return false;
        visit(std::move(field));
        break;
      case WireFormat::WIRETYPE_LENGTH_DELIMITED: {
        uint32_t size = 0;
        if (!input.ReadVarint32(&size) || size > message.size() ||
            !input.ReadString(&field.bytes, static_cast<int>(size))) {
          return false;
        }
        visit(std::move(field));
        break;
      }
      default:
        if (!WireFormat::SkipField(&input, tag)) return false;
    }
  }
  return input.ConsumedEntireMessage();
}

// Gives both fields of a two-string message, as map entries, FieldViolation and Any are.
std::optional<std::pair<std::string, std::string>> ParsePair(const std::string& message) {
  std::pair<std::string, std::string> pair;
  const bool parsed = VisitFields(message, [&](Field field) {
    if (field.number == 1) pair.first = std::move(field.bytes);
    if (field.number == 2) pair.second = std::move(field.bytes);
  });
  if (!parsed) return std::nullopt;
  return pair;
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, std::string_view message, const ErrorDetail& detail) {
  absl::Status status(code, absl::string_view(message.data(), message.size()));
  SetErrorDetail(detail, &status);
  return status;
}

absl::Status MakeError(absl::StatusCode code, std::string_view message, std::string_view reason) {
  return MakeError(code, message, ErrorDetail{.reason = std::string(reason)});
}

absl::Status InvalidField(std::string_view field, std::string_view description,
                          std::string_view reason) {
  const FieldViolation violation{std::string(field), std::string(description)};
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat(violation.field, ": ", violation.description),
                   ErrorDetail{.reason = std::string(reason), .violations = {violation}});
}

void SetErrorDetail(const ErrorDetail& detail, absl::Status* status) {
  const auto set = [&](std::string_view url, const std::string& bytes) {
    const absl::string_view key(url.data(), url.size());
    if (bytes.empty()) {
      status->ErasePayload(key);
    } else {
      status->SetPayload(key, absl::Cord(bytes));
    }
  };
  set(kErrorInfoTypeUrl, SerializeErrorInfo(detail));
  set(kBadRequestTypeUrl, SerializeBadRequest(detail.violations));
}

ErrorDetail GetErrorDetail(const absl::Status& status) {
  ErrorDetail detail;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    if (AsView(url) == kErrorInfoTypeUrl) {
      VisitFields(AsString(payload), [&](Field field) {
        if (field.number == 1) detail.reason = std::move(field.bytes);
        if (field.number == 2) detail.domain = std::move(field.bytes);
        if (field.number == 3) {
          if (auto entry = ParsePair(field.bytes)) detail.metadata.insert(*std::move(entry));
        }
      });
    } else if (AsView(url) == kBadRequestTypeUrl) {
      VisitFields(AsString(payload), [&](Field field) {
        if (field.number != 1) return;
        if (auto pair = ParsePair(field.bytes)) {
          detail.violations.push_back({std::move(pair->first), std::move(pair->second)});
        }
      });
    }
  });
  return detail;
}

// Writes google.rpc.Status{int32 code = 1, string message = 2, repeated google.protobuf.Any details
// = 3} with google.protobuf.Any{string type_url = 1, bytes value = 2}.
grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const std::string message = ShortUtf8(AsView(status.message()), kMaxMessageBytes);
  std::string details;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    std::string any;
    AppendField(1, AsView(url), &any);
    AppendField(2, AsString(payload), &any);
    if (details.size() + any.size() <= kMaxDetailBytes + 256) AppendField(3, any, &details);
  });
  if (!details.empty()) {
    std::string head;
    {
      StringOutputStream stream(&head);
      CodedOutputStream coded(&stream);
      coded.WriteTag(WireFormat::MakeTag(1, WireFormat::WIRETYPE_VARINT));
      coded.WriteVarint32(static_cast<uint32_t>(status.code()));
    }
    AppendField(2, message, &head);
    details = head + details;
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message, details);
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  VisitFields(status.error_details(), [&](Field field) {
    if (field.number != 3) return;
    if (auto any = ParsePair(field.bytes); any && !any->first.empty()) {
      result.SetPayload(any->first, absl::Cord(any->second));
    }
  });
  return result;
}

}  // namespace descent
