#include "client/cpp/spec_override.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/cpp/field_names.h"
#include "client/cpp/message_reader.h"
#include "client/cpp/spec_text.h"
#include "client/cpp/text_error.h"
#include "client/cpp/yaml_tree.h"
#include "proto/rules/dial_path.h"
#include "proto/rules/nearest.h"

namespace descent::client {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

struct FieldPath {
  std::string path;
  const FieldDescriptor* field;
};

void AddFieldPaths(const Message& message, const std::string& path, std::vector<FieldPath>* paths) {
  const auto& reflection = *message.GetReflection();
  for (const FieldDescriptor* field : FieldsOf(message.GetDescriptor())) {
    const std::string field_path = JoinPath(path, field->name());
    if (field->is_repeated()) {
      paths->push_back({field_path, field});
      for (int k = 0; k < reflection.FieldSize(message, field); ++k) {
        const std::string item_path = absl::StrCat(field_path, "[", k, "]");
        paths->push_back({item_path, field});
        if (field->message_type() == nullptr) continue;
        AddFieldPaths(reflection.GetRepeatedMessage(message, field, k), item_path, paths);
      }
      continue;
    }
    const bool is_choice = field->real_containing_oneof() != nullptr;
    if (is_choice && !reflection.HasField(message, field)) continue;
    paths->push_back({field_path, field});
    if (field->message_type() != nullptr) {
      AddFieldPaths(reflection.GetMessage(message, field), field_path, paths);
    }
  }
}

// The YAML way of writing `sequential.layers[0]` has no `layers`.
std::string Shortened(const std::string& path) {
  return absl::StrReplaceAll(path, {{".layers[", "["}});
}

struct Place {
  Message* message = nullptr;
  const FieldDescriptor* field = nullptr;
  int index = -1;  // that of an item of a list
};

// Splits `layers[3]`; index −1 without brackets.
bool SplitIndex(const std::string& part, std::string* name, int* index) {
  const size_t bracket = part.find('[');
  *name = part.substr(0, bracket);
  *index = -1;
  if (bracket == std::string::npos) return true;
  return part.back() == ']' &&
         absl::SimpleAtoi(part.substr(bracket + 1, part.size() - bracket - 2), index) &&
         *index >= 0;
}

// Goes down a full path, making the messages on the way. Gives what is wrong, or nothing.
std::string Descend(const std::string& path, Message* root, Place* place) {
  Message* message = root;
  const std::vector<std::string> parts = absl::StrSplit(path, '.');
  for (size_t i = 0; i < parts.size(); ++i) {
    std::string name;
    int index = -1;
    if (!SplitIndex(parts[i], &name, &index)) {
      return absl::StrCat("`", parts[i], "` is no field; list items are `name[0]`");
    }
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) {
      return absl::StrCat("unknown field `", name, "`",
                          DidYouMeanField(name, FieldsOf(message->GetDescriptor())));
    }
    if (index >= 0 && !field->is_repeated()) return absl::StrCat("`", name, "` is no list");
    if (index >= 0 && index >= message->GetReflection()->FieldSize(*message, field)) {
      return absl::StrCat("`", name, "` has only ",
                          message->GetReflection()->FieldSize(*message, field), " items");
    }
    if (i + 1 == parts.size()) {
      *place = {message, field, index};
      return "";
    }
    if (field->message_type() == nullptr) return absl::StrCat("`", name, "` has no fields");
    if (field->is_repeated()) {
      if (index < 0) return absl::StrCat("`", name, "` is a list: name an item, `", name, "[0]`");
      message = message->GetReflection()->MutableRepeatedMessage(message, field, index);
    } else {
      message = message->GetReflection()->MutableMessage(message, field);
    }
  }
  return "no field is named";
}

// Reads a value for one field, so that a list's item can be read too.
void ReadPlace(const YamlNode& node, const std::string& path, const Place& place,
               std::vector<TextError>* errors) {
  MessageReader reader(errors);
  reader.TakeDecimalsOnly();
  if (place.index < 0) {
    const google::protobuf::Reflection& reflection = *place.message->GetReflection();
    reflection.ClearField(place.message, place.field);
    // Who sets `batch_size` to a number takes back `batch_size: all`.
    for (const auto* other : WordFields(place.field)) reflection.ClearField(place.message, other);
    reader.ReadField(node, node.mark, path, place.field, place.message);
  } else if (place.field->message_type() != nullptr) {
    Message* item = place.message->GetReflection()->MutableRepeatedMessage(
        place.message, place.field, place.index);
    item->Clear();
    reader.ReadMessage(node, node.mark, path, item);
  } else {
    errors->push_back({{}, path, "set the whole list instead"});
  }
}

// Says of an end of a path that is the end of none which field others call so, or the nearest name
// or path of all.
std::string DidYouMeanEnd(const std::string& given, const Message& message) {
  std::vector<FieldPath> known;
  AddFieldPaths(message, "", &known);
  std::vector<const FieldDescriptor*> fields;
  std::vector<std::string> ends;
  for (const FieldPath& field : known) {
    fields.push_back(field.field);
    ends.push_back(field.path.substr(field.path.rfind('.') + 1));
    ends.push_back(field.path);
  }
  const std::string meant = DidYouMeanField(given, fields);
  return meant.empty() ? rules::DidYouMean(given, ends) : meant;
}

}  // namespace

std::vector<std::string> FieldPaths(const Message& message) {
  std::vector<FieldPath> known;
  AddFieldPaths(message, "", &known);
  std::vector<std::string> paths;
  for (const FieldPath& field : known) paths.push_back(field.path);
  return paths;
}

std::vector<std::string> MatchPath(const std::string& given,
                                   const std::vector<std::string>& paths) {
  std::vector<std::string> spellings = paths;
  for (const std::string& path : paths) spellings.push_back(Shortened(path));
  std::set<size_t> places;
  for (const size_t match : rules::MatchEnds(given, spellings)) {
    places.insert(match % paths.size());
  }
  std::vector<std::string> matches;
  for (const size_t place : places) matches.push_back(paths[place]);
  return matches;
}

absl::Status ApplyPartOverride(std::string_view assignment, Message* part, std::string* full_path) {
  const std::string source = absl::StrCat("--set ", std::string(assignment));
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return TextErrorsToStatus({{{}, "", "write PATH=VALUE"}}, source);
  }
  const std::string given(assignment.substr(0, equals));
  const std::vector<std::string> paths = FieldPaths(*part);
  const std::vector<std::string> matches = MatchPath(given, paths);
  if (matches.size() > 1) {
    return TextErrorsToStatus(
        {{{}, given, absl::StrCat("could be `", absl::StrJoin(matches, "` or `"), "`")}}, source);
  }
  const std::string path = matches.empty() ? given : matches[0];
  const std::unique_ptr<Message> changed(part->New());
  changed->CopyFrom(*part);
  Place place;
  if (const std::string error = Descend(path, changed.get(), &place); !error.empty()) {
    const bool is_suffix = given.find('.') == std::string::npos;
    return TextErrorsToStatus(
        {{{},
          given,
          is_suffix ? absl::StrCat(part->GetDescriptor() == v1::Spec::descriptor() ? "the spec has"
                                                                                   : "there is",
                                   " no such field", DidYouMeanEnd(given, *part))
                    : error}},
        source);
  }
  std::vector<TextError> errors;
  const std::string value(assignment.substr(equals + 1));
  // An empty value is an empty text, where one may stand.
  if (const auto root = ParseYaml(value.empty() ? "''" : value, &errors)) {
    ReadPlace(*root, path, place, &errors);
  }
  if (!errors.empty()) {
    for (TextError& error : errors) {
      if (error.path.empty()) error.path = path;
      if (error.mark.line == 1) error.mark = {};  // a place in a short value says nothing
    }
    return TextErrorsToStatus(std::move(errors), source);
  }
  part->CopyFrom(*changed);
  if (full_path != nullptr) *full_path = path;
  return absl::OkStatus();
}

absl::Status ApplyOverride(std::string_view assignment, v1::Spec* spec, std::string* full_path) {
  std::string path;
  if (absl::Status status = ApplyPartOverride(assignment, spec, &path); !status.ok()) {
    return status;
  }
  if (path == "iterations") spec->clear_epochs();
  if (path == "epochs") spec->clear_iterations();
  if (full_path != nullptr) *full_path = path;
  return absl::OkStatus();
}

}  // namespace descent::client
