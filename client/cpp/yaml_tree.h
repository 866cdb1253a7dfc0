// YAML and JSON documents as trees that know the place of everything in them. Free functions; any
// thread.
#ifndef DESCENT_CLIENT_CPP_YAML_TREE_H_
#define DESCENT_CLIENT_CPP_YAML_TREE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace descent::client {

// A place in a text, counted from 1; line 0 is no place.
struct TextMark {
  int line = 0;
  int column = 0;
};

// Where fields stand, by their paths.
using FieldMarks = std::map<std::string, TextMark>;

// What is wrong with a text, where, and at which field.
struct TextError {
  TextMark mark;
  std::string path;     // `optimizer.adam.step_size`; empty if no field is at fault
  std::string message;  // what is wrong and what to do
};

// A YAML or JSON document as a tree in which everything, keys too, knows its place. It is made from
// yaml-cpp's events and not from its nodes, which forget keys' places and double keys. Immutable
// once made; an alias shares the node of its anchor.
struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  struct Entry {
    std::string key;
    TextMark mark;
    std::shared_ptr<const YamlNode> value;
  };

  Kind kind = Kind::kNull;
  TextMark mark;
  std::string text;     // that of a scalar
  bool quoted = false;  // true for a scalar in quotes: a string whatever it looks like
  std::vector<std::shared_ptr<const YamlNode>> items;
  std::vector<Entry> entries;
  // How many nodes there are below and including this one, aliases expanded.
  int64_t weight = 1;
};

// Reads the text's one document; gives null after an error, which is added to `errors`. Refused are
// what is not UTF-8, a second document, a key twice or that is no name, tags of one's own, nesting
// deeper than kMaxYamlDepth, more than kMaxYamlNodes values once aliases are expanded, a text of
// more than kMaxYamlBytes.
//
// `<<: *name` brings the entries of another mapping, or of a list of them, in, where the mapping
// does not have them itself (yaml.org/type/merge.html).
std::shared_ptr<const YamlNode> ParseYaml(std::string_view text, std::vector<TextError>* errors);

inline constexpr int kMaxYamlDepth = 64;
inline constexpr int64_t kMaxYamlNodes = 100'000;
inline constexpr size_t kMaxYamlBytes = 4 << 20;

// Writes it in block style, and what is short and flat in flow style (`{initial: 0.1, final: 0}`).
std::string PrintYaml(const YamlNode& node);

// Writes all of it in one line, in flow style.
std::string PrintYamlLine(const YamlNode& node);

// Says what stands there, for "must be …, not {}": "`abc`", "a list".
std::string Described(const YamlNode& node);

// Finds the first byte that is not UTF-8, or a NUL; line 0 if all is well.
TextMark FindInvalidUtf8(std::string_view text);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_YAML_TREE_H_
