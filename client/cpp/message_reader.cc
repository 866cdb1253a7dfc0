#include "client/cpp/message_reader.h"

#include <google/protobuf/descriptor.h>

#include <cstddef>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/field_names.h"
#include "client/cpp/numbers.h"
#include "client/cpp/scalar_reader.h"

namespace descent::client {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

// True if a list may be written for the field, which is a message.
bool TakesLists(const FieldDescriptor* field) {
  for (int depth = 0; field != nullptr && field->message_type() != nullptr; ++depth) {
    // A message that stands for itself, such as a layer in a layer, ends the search.
    if (OnlyList(field->message_type()) != nullptr) return true;
    field = depth < 4 ? BareField(field->message_type()) : nullptr;
  }
  return false;
}

// Says of a word that is no choice what was meant, which says more than a long list of what there
// is.
std::string NoChoice(const YamlNode& node, const Descriptor* descriptor) {
  constexpr size_t kAtAGlance = 8;
  if (const std::string said = SaidElsewhere(node.text, descriptor); !said.empty()) {
    return absl::StrCat(Described(node), " is not known here; ", said);
  }
  const std::vector<const FieldDescriptor*> choices = ChoicesOf(descriptor);
  const std::string meant = DidYouMeanField(node.text, choices);
  if (!meant.empty() && choices.size() > kAtAGlance) {
    return absl::StrCat(Described(node), " is not known here", meant);
  }
  return absl::StrCat(Described(node), " is none of ", Listed(choices), meant);
}

// True for a list's only item, where people leave out the brackets of what a word can choose:
// `metrics: r_squared` and `wrappers: {ema: 0.9}`.
bool IsOneItem(const YamlNode& node, const FieldDescriptor* list) {
  if (list->message_type() == nullptr) return node.kind == YamlNode::Kind::kScalar;
  if (ChoicesOf(list->message_type()).empty()) return false;
  return node.kind == YamlNode::Kind::kScalar ||
         (node.kind == YamlNode::Kind::kMap && node.entries.size() == 1);
}

}  // namespace

std::string JoinPath(const std::string& path, const std::string& name) {
  return path.empty() ? name : absl::StrCat(path, ".", name);
}

void MessageReader::Error(TextMark mark, const std::string& path, std::string message) {
  errors_->push_back({mark, path, std::move(message)});
}

void MessageReader::ReadMessage(const YamlNode& node, TextMark mark, const std::string& path,
                                Message* message) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return;
    case YamlNode::Kind::kMap:
      return ReadMap(node, path, message);
    case YamlNode::Kind::kScalar:
      return ReadWord(node, path, message);
    case YamlNode::Kind::kList:
      if (const FieldDescriptor* list = OnlyList(message->GetDescriptor())) {
        return ReadList(node, mark, JoinPath(path, list->name()), list, message);
      }
      if (const FieldDescriptor* bare = BareField(message->GetDescriptor());
          bare != nullptr && (bare->is_repeated() || TakesLists(bare))) {
        return ReadField(node, mark, JoinPath(path, bare->name()), bare, message);
      }
      if (const FieldDescriptor* numbers = NumbersField(message->GetDescriptor())) {
        return Error(node.mark, path,
                     absl::StrCat("must be a number or a sequence, not a list; numbers one after "
                                  "another are `",
                                  numbers->name(), ": [...]`"));
      }
      const std::vector<const FieldDescriptor*> fields = FieldsOf(message->GetDescriptor());
      return Error(node.mark, path,
                   fields.empty() ? "must be empty, not a list"
                                  : absl::StrCat("must be a mapping with the fields ",
                                                 Listed(fields), ", not a list"));
  }
}

void MessageReader::ReadMap(const YamlNode& node, const std::string& path, Message* message) {
  const Descriptor* descriptor = message->GetDescriptor();
  std::map<const FieldDescriptor*, const YamlNode::Entry*> given;
  std::map<const OneofDescriptor*, const YamlNode::Entry*> chosen;
  for (const YamlNode::Entry& entry : node.entries) {
    // This is a place for what anchors name, as in other programs' YAML.
    if (path.empty() && absl::StartsWith(entry.key, "x-")) continue;
    const FieldDescriptor* field = FindField(descriptor, entry.key);
    const std::string field_path = JoinPath(path, field != nullptr ? field->name() : entry.key);
    if (field == nullptr) {
      Error(entry.mark, field_path, UnknownField(entry.key, descriptor));
      continue;
    }
    bool unused = false;
    const FieldDescriptor* meant = entry.value->kind == YamlNode::Kind::kScalar
                                       ? WordField(field, entry.value->text, &unused)
                                       : nullptr;
    if (const auto [first, fresh] = given.emplace(meant != nullptr ? meant : field, &entry);
        !fresh) {
      Error(entry.mark, field_path,
            absl::StrCat("given twice, first as `", first->second->key, "` in line ",
                         first->second->mark.line));
      continue;
    }
    if (const OneofDescriptor* oneof = field->real_containing_oneof()) {
      if (const auto [first, fresh] = chosen.emplace(oneof, &entry); !fresh) {
        Error(entry.mark, field_path,
              absl::StrCat("only one of `", first->second->key, "` (line ",
                           first->second->mark.line, ") and `", entry.key, "` can be given"));
        continue;
      }
    }
    ReadField(*entry.value, entry.mark, field_path, field, message);
  }
}

void MessageReader::ReadWord(const YamlNode& node, const std::string& path, Message* message) {
  const Descriptor* descriptor = message->GetDescriptor();
  const FieldDescriptor* constant = ConstantField(descriptor);
  if (constant != nullptr) {
    double value = 0;
    const NumberError error = ParseDouble(node.text, &value);
    if (error == NumberError::kOutOfRange) {
      return Error(node.mark, path, absl::StrCat(Described(node), " is out of a double's range"));
    }
    if (error == NumberError::kLeadingZero) {
      return Error(node.mark, path, LeadingZero(node.text, /*octal=*/false));
    }
    if (error == NumberError::kNone) {
      message->GetReflection()->SetDouble(message, constant, value);
      return;
    }
  }
  const std::vector<const FieldDescriptor*> choices = ChoicesOf(descriptor);
  const FieldDescriptor* field = FindField(descriptor, node.text);
  if (field != nullptr && field->real_containing_oneof() != nullptr &&
      field->message_type() != nullptr) {
    message->GetReflection()->MutableMessage(message, field);
  } else if (const FieldDescriptor* bare = BareField(descriptor);
             bare != nullptr && choices.empty()) {
    ReadField(node, node.mark, JoinPath(path, bare->name()), bare, message);
  } else if (constant != nullptr) {
    Error(node.mark, path,
          absl::StrCat(Described(node), " is neither a number nor one of ", Listed(choices),
                       DidYouMeanField(node.text, choices)));
  } else if (!choices.empty()) {
    Error(node.mark, path, NoChoice(node, descriptor));
  } else if (descriptor->field_count() == 0) {
    Error(node.mark, path, absl::StrCat("has no fields: write `{}`, not ", Described(node)));
  } else {
    Error(node.mark, path,
          absl::StrCat("must be a mapping with the fields ", Listed(FieldsOf(descriptor)), ", not ",
                       Described(node)));
  }
}

void MessageReader::ReadField(const YamlNode& node, TextMark mark, const std::string& path,
                              const FieldDescriptor* field, Message* message) {
  const Reflection* reflection = message->GetReflection();
  if (marks_ != nullptr) (*marks_)[path] = mark;
  if (node.kind == YamlNode::Kind::kScalar) {
    bool value = false;
    if (const FieldDescriptor* meant = WordField(field, node.text, &value)) {
      return reflection->SetBool(message, meant, value);
    }
  }
  if (field->is_map()) {
    Error(mark, path, "can't be written in a spec");
  } else if (field->is_repeated()) {
    ReadList(node, mark, path, field, message);
  } else if (field->message_type() == nullptr) {
    ReadScalar(node, mark, path, field, message);
  } else if (node.kind != YamlNode::Kind::kNull || field->real_containing_oneof() != nullptr) {
    ReadMessage(node, mark, path, reflection->MutableMessage(message, field));
  }
}

void MessageReader::ReadList(const YamlNode& node, TextMark mark, const std::string& path,
                             const FieldDescriptor* field, Message* message) {
  const Reflection* reflection = message->GetReflection();
  if (node.kind == YamlNode::Kind::kNull) return;
  if (IsOneItem(node, field)) {
    if (field->message_type() == nullptr) return ReadScalar(node, mark, path, field, message);
    return ReadMessage(node, mark, absl::StrCat(path, "[0]"),
                       reflection->AddMessage(message, field));
  }
  if (node.kind != YamlNode::Kind::kList) {
    return Error(node.mark, path, absl::StrCat("must be a list, not ", Described(node)));
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    const YamlNode& item = *node.items[i];
    const std::string item_path = absl::StrCat(path, "[", i, "]");
    if (marks_ != nullptr) (*marks_)[item_path] = item.mark;
    if (item.kind == YamlNode::Kind::kNull) {
      Error(item.mark, item_path, "is empty");
    } else if (field->message_type() != nullptr) {
      ReadMessage(item, item.mark, item_path, reflection->AddMessage(message, field));
    } else {
      ReadScalar(item, item.mark, item_path, field, message);
    }
  }
}

void MessageReader::ReadScalar(const YamlNode& node, TextMark mark, const std::string& path,
                               const FieldDescriptor* field, Message* message) {
  if (node.kind == YamlNode::Kind::kNull) {
    return Error(mark, path, "has no value; write one or leave the field out");
  }
  if (node.kind != YamlNode::Kind::kScalar) {
    return Error(node.mark, path, absl::StrCat("must be one value, not ", Described(node)));
  }
  std::string problem = SetScalar(node, decimals_only_, field, message);
  if (!problem.empty()) Error(node.mark, path, std::move(problem));
}

}  // namespace descent::client
