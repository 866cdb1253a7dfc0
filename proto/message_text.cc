#include "proto/message_text.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"

namespace descent {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;
using WireFormat = google::protobuf::internal::WireFormatLite;

std::string Inner(const std::string& path, const FieldDescriptor& field, int index) {
  return absl::StrCat(path, path.empty() ? "" : ".", field.name(),
                      index < 0 ? "" : absl::StrCat("[", index, "]"));
}

void Note(std::string path, std::string* first) {
  if (first->empty()) *first = std::move(path);
}

void MakeValid(const std::string& path, Message* message, std::string* first) {
  const Reflection& reflection = *message->GetReflection();
  std::vector<const FieldDescriptor*> given;
  reflection.ListFields(*message, &given);
  for (const FieldDescriptor* field : given) {
    const bool repeated = field->is_repeated();
    const int count = repeated ? reflection.FieldSize(*message, field) : 1;
    if (field->type() == FieldDescriptor::TYPE_STRING) {
      std::string scratch;
      for (int i = 0; i < count; ++i) {
        const std::string& text =
            repeated ? reflection.GetRepeatedStringReference(*message, field, i, &scratch)
                     : reflection.GetStringReference(*message, field, &scratch);
        if (IsUtf8(text)) continue;
        Note(Inner(path, *field, repeated ? i : -1), first);
        std::string valid = ValidUtf8(text);
        if (repeated) {
          reflection.SetRepeatedString(message, field, i, std::move(valid));
        } else {
          reflection.SetString(message, field, std::move(valid));
        }
      }
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      for (int i = 0; i < count; ++i) {
        Message* inner = repeated ? reflection.MutableRepeatedMessage(message, field, i)
                                  : reflection.MutableMessage(message, field);
        MakeValid(Inner(path, *field, repeated ? i : -1), inner, first);
      }
    }
  }
}

// Gives the wire format of a message with its text made valid. False if it is no message.
bool Repair(const Descriptor& type, const std::string& path, const std::string& bytes, int depth,
            std::string* repaired, std::string* first) {
  constexpr int kMaxDepth = 100;  // protobuf's own limit
  if (depth > kMaxDepth) return false;
  CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                         static_cast<int>(bytes.size()));
  StringOutputStream stream(repaired);
  CodedOutputStream output(&stream);
  while (const uint32_t tag = input.ReadTag()) {
    const FieldDescriptor* field = type.FindFieldByNumber(WireFormat::GetTagFieldNumber(tag));
    const bool text = field != nullptr && field->type() == FieldDescriptor::TYPE_STRING;
    const bool inner = field != nullptr && field->type() == FieldDescriptor::TYPE_MESSAGE;
    if (WireFormat::GetTagWireType(tag) != WireFormat::WIRETYPE_LENGTH_DELIMITED ||
        (!text && !inner)) {
      if (!WireFormat::SkipField(&input, tag, &output)) return false;
      continue;
    }
    uint32_t size = 0;
    std::string content;
    if (!input.ReadVarint32(&size) || size > bytes.size() ||
        !input.ReadString(&content, static_cast<int>(size))) {
      return false;
    }
    if (text && !IsUtf8(content)) {
      Note(Inner(path, *field, -1), first);
      content = ValidUtf8(content);
    } else if (inner) {
      std::string whole;
      if (!Repair(*field->message_type(), Inner(path, *field, -1), content, depth + 1, &whole,
                  first)) {
        return false;
      }
      content = std::move(whole);
    }
    output.WriteTag(tag);
    output.WriteVarint32(static_cast<uint32_t>(content.size()));
    output.WriteString(content);
  }
  return input.ConsumedEntireMessage() && !output.HadError();
}

std::string Joined(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  std::string joined;
  if (!bytes.Dump(&slices).ok()) return joined;
  for (const grpc::Slice& slice : slices) {
    joined.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return joined;
}

}  // namespace

std::string MakeTextValid(Message* message) {
  std::string first;
  MakeValid("", message, &first);
  return first;
}

grpc::ByteBuffer ToBytes(const Message& message) {
  grpc::ByteBuffer bytes;
  bool own = false;
  // It fails only beyond 2 GiB; an empty message is then what the other side makes of it.
  (void)grpc::GenericSerialize<grpc::ProtoBufferWriter, Message>(message, &bytes, &own);
  return bytes;
}

absl::Status FromBytes(const grpc::ByteBuffer& bytes, Message* message) {
  grpc::ByteBuffer taken(bytes);  // the same slices: parsing empties the buffer
  message->Clear();
  if (grpc::GenericDeserialize<grpc::ProtoBufferReader, Message>(&taken, message).ok()) {
    return absl::OkStatus();
  }
  const std::string what = absl::StrCat("a ", message->GetDescriptor()->name(), " can't be read: ");
  std::string repaired, first;
  if (Repair(*message->GetDescriptor(), "", Joined(bytes), 0, &repaired, &first) &&
      !first.empty()) {
    message->ParseFromString(repaired);
    return absl::InvalidArgumentError(absl::StrCat(what, first, " is not UTF-8"));
  }
  return absl::InvalidArgumentError(absl::StrCat(what, "its bytes are not in protobuf's format"));
}

}  // namespace descent
