// A `MessageReader` fills messages from YAML trees by reflection, whatever the message: a new layer
// or optimizer in the protocol can be written at once. It adds an error for each thing that is
// wrong and goes on, so that people see them together. One thread at a time.
//
// Beside the plain mapping (a key is a field's name; its JSON name is taken too) it reads what
// people write:
//
//   step_size: 0.1          a number for a message with a `constant`    {constant: 0.1}
//   - relu                  a name for the member of a oneof            {relu: {}}
//   sequential: [...]       a list for a message whose only field is one {layers: [...]}
//   targets: y              one value for a list                        [y]
//   metrics: r_squared      the same of what a word can choose          [r_squared]
//   linear:                 nothing for a member of a oneof             {}
//   linear: 10              a bare value for a message, of the field    {out_features: 10}
//                           that has the option `bare_value`
//   adam: 1e-3              a step size for an optimizer                {step_size: 1e-3}
//   lr: 1e-3                PyTorch's names of the step size            step_size: 1e-3
//   padding: same           a word that an option `true_word` declares  same_padding: true
//   x-base: &b {...}        at the root: a place for anchors             not read
//
// Elsewhere a value of nothing (`evaluation:` and all below commented out) is as if not written.
#ifndef DESCENT_CLIENT_CPP_MESSAGE_READER_H_
#define DESCENT_CLIENT_CPP_MESSAGE_READER_H_

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "client/cpp/yaml_tree.h"

namespace descent::client {

class MessageReader {
 public:
  // Where each field that was read stands, by path, goes to `marks` if that is given.
  explicit MessageReader(std::vector<TextError>* errors, FieldMarks* marks = nullptr)
      : errors_(errors), marks_(marks) {}

  // From here on whole numbers are decimal: YAML's 0x1F and 0o17 are refused, as JSON does.
  void TakeDecimalsOnly() { decimals_only_ = true; }

  // `path` is the message's own, for errors; `mark` is where its name stands.
  void ReadMessage(const YamlNode& node, TextMark mark, const std::string& path,
                   google::protobuf::Message* message);

  // Sets one field, which must not be set yet (a repeated one is added to).
  void ReadField(const YamlNode& node, TextMark mark, const std::string& path,
                 const google::protobuf::FieldDescriptor* field,
                 google::protobuf::Message* message);

 private:
  void Error(TextMark mark, const std::string& path, std::string message);
  void ReadMap(const YamlNode& node, const std::string& path, google::protobuf::Message* message);
  void ReadWord(const YamlNode& node, const std::string& path, google::protobuf::Message* message);
  void ReadList(const YamlNode& node, TextMark mark, const std::string& path,
                const google::protobuf::FieldDescriptor* field, google::protobuf::Message* message);
  // Reads a scalar field's value, which is set or, if the field is repeated, added.
  void ReadScalar(const YamlNode& node, TextMark mark, const std::string& path,
                  const google::protobuf::FieldDescriptor* field,
                  google::protobuf::Message* message);

  std::vector<TextError>* errors_;
  FieldMarks* marks_;
  bool decimals_only_ = false;
};

// Gives `path.name`, or `name` at the root.
std::string JoinPath(const std::string& path, const std::string& name);

// Gives a message as the tree that ReadMessage reads, with the same short forms.
YamlNode ToYaml(const google::protobuf::Message& message);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_MESSAGE_READER_H_
