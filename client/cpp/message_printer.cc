#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/field_names.h"
#include "client/cpp/message_reader.h"
#include "client/cpp/numbers.h"

namespace descent::client {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

YamlNode Plain(std::string text) {
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.text = std::move(text);
  return node;
}

YamlNode Text(std::string text) {
  YamlNode node = Plain(std::move(text));
  node.quoted = true;
  return node;
}

// Gives the value of a field, and that of the item at `index` if it is repeated.
YamlNode FieldValue(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection& r = *message.GetReflection();
  const bool repeated = field->is_repeated();
  const auto get = [&](auto one, auto item) {
    return repeated ? (r.*item)(message, field, index) : (r.*one)(message, field);
  };
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return Plain(absl::StrCat(get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32)));
    case FieldDescriptor::CPPTYPE_INT64:
      return Plain(absl::StrCat(get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64)));
    case FieldDescriptor::CPPTYPE_UINT32:
      return Plain(absl::StrCat(get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32)));
    case FieldDescriptor::CPPTYPE_UINT64:
      return Plain(absl::StrCat(get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64)));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Plain(PrintDouble(get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble)));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Plain(PrintDouble(get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat)));
    case FieldDescriptor::CPPTYPE_BOOL:
      return Plain(get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false");
    case FieldDescriptor::CPPTYPE_STRING:
      return Text(get(&Reflection::GetString, &Reflection::GetRepeatedString));
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* value = get(&Reflection::GetEnum, &Reflection::GetRepeatedEnum);
      return Plain(absl::AsciiStrToLower(value->name()));
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ToYaml(repeated ? r.GetRepeatedMessage(message, field, index)
                             : r.GetMessage(message, field));
  }
  return {};
}

YamlNode ListValue(const Message& message, const FieldDescriptor* field) {
  YamlNode list;
  list.kind = YamlNode::Kind::kList;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    list.items.push_back(std::make_shared<YamlNode>(FieldValue(message, field, i)));
  }
  return list;
}

}  // namespace

YamlNode ToYaml(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  if (const FieldDescriptor* list = OnlyList(message.GetDescriptor())) {
    return ListValue(message, list);
  }
  if (fields.size() == 1 && fields[0]->real_containing_oneof() != nullptr) {
    if (fields[0] == ConstantField(message.GetDescriptor())) {
      return FieldValue(message, fields[0], 0);
    }
    if (fields[0]->message_type() != nullptr) {
      std::vector<const FieldDescriptor*> below;
      const Message& member = message.GetReflection()->GetMessage(message, fields[0]);
      member.GetReflection()->ListFields(member, &below);
      if (below.empty()) return Plain(fields[0]->name());
    }
  }
  YamlNode map;
  map.kind = YamlNode::Kind::kMap;
  for (const FieldDescriptor* field : fields) {
    YamlNode value =
        field->is_repeated() ? ListValue(message, field) : FieldValue(message, field, 0);
    map.entries.push_back({field->name(), {}, std::make_shared<YamlNode>(std::move(value))});
  }
  return map;
}

}  // namespace descent::client
