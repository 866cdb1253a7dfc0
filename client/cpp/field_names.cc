#include "client/cpp/field_names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "descent/v1/options.pb.h"
#include "proto/rules/dial_path.h"
#include "proto/rules/nearest.h"

namespace descent::client {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

using Fields = std::vector<const FieldDescriptor*>;

bool IsChoice(const FieldDescriptor* field) {
  return field->real_containing_oneof() != nullptr && field->message_type() != nullptr;
}

// True if other libraries call the field so.
bool IsCalled(std::string_view name, const FieldDescriptor* field) {
  const std::string& names = field->options().GetExtension(v1::also_called);
  const std::vector<absl::string_view> words = absl::StrSplit(names, ' ', absl::SkipEmpty());
  return std::any_of(words.begin(), words.end(), [&](absl::string_view word) {
    return absl::EqualsIgnoreCase(word, absl::string_view(name.data(), name.size()));
  });
}

// Gives where a field of this name is one message further down: `execution.device` for `device`.
std::string FieldBelow(const std::string& key, const Descriptor* descriptor) {
  for (const FieldDescriptor* field : FieldsOf(descriptor)) {
    if (field->message_type() == nullptr || field->is_repeated() || IsChoice(field)) continue;
    const FieldDescriptor* below = FindField(field->message_type(), key);
    if (below != nullptr) return absl::StrCat(field->name(), ".", below->name());
  }
  return "";
}

// Says what is the matter with a key that has characters no field's name has; empty if nothing is.
std::string StrangeKey(const std::string& key) {
  for (const char* blank : {"\u00A0", "\u202F", "\u3000", "\uFEFF"}) {
    if (!absl::StrContains(key, blank)) continue;
    return "unknown field; it has a no-break space, which can't be seen, where YAML wants a plain "
           "one";
  }
  if (absl::StrContains(key, "{")) {
    return "unknown field; if this is textproto, let the file's name end in .textproto";
  }
  return "";
}

}  // namespace

const FieldDescriptor* FindField(const Descriptor* descriptor, const std::string& name) {
  if (const FieldDescriptor* field = descriptor->FindFieldByName(name)) return field;
  for (const FieldDescriptor* field : FieldsOf(descriptor)) {
    if (field->json_name() == name) return field;
  }
  return rules::IsStepSizeAlias(name) ? descriptor->FindFieldByName("step_size") : nullptr;
}

Fields FieldsOf(const Descriptor* descriptor) {
  Fields fields;
  for (int i = 0; i < descriptor->field_count(); ++i) fields.push_back(descriptor->field(i));
  return fields;
}

Fields ChoicesOf(const Descriptor* descriptor) {
  Fields fields = FieldsOf(descriptor);
  std::erase_if(fields, [](const FieldDescriptor* field) { return !IsChoice(field); });
  return fields;
}

std::string Listed(const Fields& fields) {
  const auto name = [](std::string* out, const FieldDescriptor* field) { *out += field->name(); };
  return absl::StrCat("`", absl::StrJoin(fields, "`, `", name), "`");
}

const FieldDescriptor* ConstantField(const Descriptor* descriptor) {
  const FieldDescriptor* field = descriptor->FindFieldByName("constant");
  const bool is_number = field != nullptr && field->real_containing_oneof() != nullptr &&
                         field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE;
  return is_number ? field : nullptr;
}

const FieldDescriptor* OnlyList(const Descriptor* descriptor) {
  const bool one = descriptor->field_count() == 1 && descriptor->field(0)->is_repeated();
  return one ? descriptor->field(0) : nullptr;
}

const FieldDescriptor* BareField(const Descriptor* descriptor) {
  for (const FieldDescriptor* field : FieldsOf(descriptor)) {
    if (field->options().GetExtension(v1::bare_value)) return field;
  }
  // This is for `adam: 1e-3`. A group of parameters has more than an optimizer's hyperparameters.
  const FieldDescriptor* step_size = descriptor->FindFieldByName("step_size");
  const bool is_optimizer = step_size != nullptr && step_size->number() == 1;
  return is_optimizer ? step_size : nullptr;
}

const FieldDescriptor* WordField(const FieldDescriptor* key, const std::string& word, bool* value) {
  const std::string pair = absl::StrCat(key->name(), ": ", absl::AsciiStrToLower(word));
  for (const FieldDescriptor* field : FieldsOf(key->containing_type())) {
    *value = field->options().GetExtension(v1::true_word) == pair;
    if (*value || field->options().GetExtension(v1::false_word) == pair) return field;
  }
  return nullptr;
}

std::string WordsListed(const FieldDescriptor* key) {
  const std::string begin = absl::StrCat(key->name(), ": ");
  std::vector<std::string> words;
  const auto add = [&](const std::string& pair) {
    if (pair.starts_with(begin)) words.push_back(absl::StrCat("`", pair.substr(begin.size()), "`"));
  };
  for (const FieldDescriptor* field : FieldsOf(key->containing_type())) {
    add(field->options().GetExtension(v1::true_word));
    add(field->options().GetExtension(v1::false_word));
  }
  return absl::StrJoin(words, ", ");
}

Fields WordFields(const FieldDescriptor* key) {
  Fields fields = FieldsOf(key->containing_type());
  const std::string begin = absl::StrCat(key->name(), ": ");
  std::erase_if(fields, [&](const FieldDescriptor* field) {
    const auto& options = field->options();
    return !options.GetExtension(v1::true_word).starts_with(begin) &&
           !options.GetExtension(v1::false_word).starts_with(begin);
  });
  return fields;
}

const FieldDescriptor* NumbersField(const Descriptor* descriptor) {
  if (ConstantField(descriptor) == nullptr) return nullptr;
  for (const FieldDescriptor* field : ChoicesOf(descriptor)) {
    const FieldDescriptor* numbers = OnlyList(field->message_type());
    if (numbers != nullptr && numbers->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) return field;
  }
  return nullptr;
}

std::string MeantField(std::string_view name, const Fields& fields) {
  std::vector<std::string> names;
  for (const FieldDescriptor* field : fields) {
    if (IsCalled(name, field)) return field->name();
    names.push_back(field->name());
  }
  return rules::Nearest(name, names);
}

std::string DidYouMeanField(std::string_view name, const Fields& fields) {
  const std::string meant = MeantField(name, fields);
  return meant.empty() ? "" : absl::StrCat(" (did you mean `", meant, "`?)");
}

std::string SaidElsewhere(const std::string& key, const Descriptor* descriptor) {
  const auto& options = descriptor->options();
  for (int i = 0; i < options.ExtensionSize(v1::elsewhere); ++i) {
    const std::string& said = options.GetExtension(v1::elsewhere, i);
    if (said.starts_with(key) && said.substr(key.size(), 2) == ": ") {
      return said.substr(key.size() + 2);
    }
  }
  const FileDescriptor* file = descriptor->file();
  for (int i = 0; i < file->message_type_count(); ++i) {
    const Descriptor* outer = file->message_type(i);
    const Fields choices = ChoicesOf(outer);
    const bool holds = std::any_of(choices.begin(), choices.end(), [&](const auto* choice) {
      return choice->message_type() == descriptor;
    });
    if (!holds || outer == descriptor) continue;
    if (std::string said = SaidElsewhere(key, outer); !said.empty()) return said;
  }
  return "";
}

std::string UnknownField(const std::string& key, const Descriptor* descriptor) {
  const Fields fields = FieldsOf(descriptor);
  if (std::string strange = StrangeKey(key); !strange.empty()) return strange;
  if (const std::string said = SaidElsewhere(key, descriptor); !said.empty()) {
    return absl::StrCat("unknown field; ", said);
  }
  if (fields.empty()) return "unknown field; there are none here: write `{}`";
  // The very name further down is meant before a name that is only like it.
  std::string meant = FieldBelow(key, descriptor);
  if (meant.empty()) meant = MeantField(key, fields);
  if (!meant.empty()) return absl::StrCat("unknown field (did you mean `", meant, "`?)");
  if (const FieldDescriptor* list = OnlyList(descriptor);
      list != nullptr && list->message_type() != nullptr &&
      list->message_type()->FindFieldByName(key) != nullptr) {
    return absl::StrCat("unknown field; the ", list->name(), " are a list: begin each with `- `");
  }
  return absl::StrCat("unknown field; known here: ", Listed(fields));
}

}  // namespace descent::client
