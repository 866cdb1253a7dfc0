#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cpp/numbers.h"
#include "client/cpp/yaml_tree.h"

namespace descent::client {
namespace {

constexpr size_t kFlowWidth = 60;

// True if a plain scalar would not read back as the same string by every YAML reader.
bool NeedsQuotes(const std::string& text) {
  double number = 0;
  if (text.empty() || ParseDouble(text, &number) != NumberError::kNotANumber) return true;
  const std::string lower = absl::AsciiStrToLower(text);
  for (const std::string_view reserved :
       {"true", "false", "null", "~", "yes", "no", "on", "off", "y", "n"}) {
    if (lower == reserved) return true;
  }
  const auto letter = [](unsigned char c) { return absl::ascii_isalpha(c) || c == '_'; };
  if (!letter(text[0]) && text[0] != '/' && text[0] != '.') return true;
  return !std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return letter(c) || absl::ascii_isdigit(c) ||
           (c != 0 && std::string_view("/.-+@").find(c) != std::string_view::npos);
  });
}

std::string Quote(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", std::string(1, c));
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string Scalar(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kNull) return "null";
  return node.quoted && NeedsQuotes(node.text) ? Quote(node.text) : node.text;
}

std::string Flow(const YamlNode& node) {
  std::string out;
  switch (node.kind) {
    case YamlNode::Kind::kNull:
    case YamlNode::Kind::kScalar:
      return Scalar(node);
    case YamlNode::Kind::kList:
      for (const auto& item : node.items) {
        absl::StrAppend(&out, out.empty() ? "" : ", ", Flow(*item));
      }
      return absl::StrCat("[", out, "]");
    case YamlNode::Kind::kMap:
      for (const auto& entry : node.entries) {
        absl::StrAppend(&out, out.empty() ? "" : ", ", entry.key, ": ", Flow(*entry.value));
      }
      return absl::StrCat("{", out, "}");
  }
  return out;
}

// A list of structures reads better one a line, however short.
bool Flat(const YamlNode& node) {
  for (const auto& item : node.items) {
    if (item->kind == YamlNode::Kind::kMap || item->kind == YamlNode::Kind::kList) return false;
  }
  for (const auto& entry : node.entries) {
    if (!Flat(*entry.value)) return false;
  }
  return true;
}

bool IsScalar(const YamlNode& node) {
  return node.kind == YamlNode::Kind::kNull || node.kind == YamlNode::Kind::kScalar;
}

// Maps of one scalar list or of scalars fit in a line; at the top level everything is a block.
bool FitsInLine(const YamlNode& node, int indent) {
  if (IsScalar(node) || (node.items.empty() && node.entries.empty())) return true;
  return Flat(node) && static_cast<size_t>(indent) + Flow(node).size() <= kFlowWidth;
}

void Block(const YamlNode& node, int indent, bool first_on_line, std::string* out);

// Writes a value after `key:` or `-`.
void Value(const YamlNode& node, int indent, bool in_list, std::string* out) {
  // Sections of the spec stay blocks, what is in them may be a line.
  const bool section =
      indent == 0 && !in_list && node.kind == YamlNode::Kind::kMap && node.entries.size() > 1;
  if (!section && FitsInLine(node, indent) &&
      !(in_list && node.kind == YamlNode::Kind::kMap && !node.entries.empty())) {
    absl::StrAppend(out, " ", Flow(node), "\n");
  } else if (in_list) {
    *out += ' ';
    Block(node, indent + 2, /*first_on_line=*/true, out);
  } else {
    *out += '\n';
    Block(node, indent + 2, /*first_on_line=*/false, out);
  }
}

void Block(const YamlNode& node, int indent, bool first_on_line, std::string* out) {
  const std::string margin(static_cast<size_t>(indent), ' ');
  for (const auto& item : node.items) {
    absl::StrAppend(out, first_on_line ? "" : margin, "-");
    Value(*item, indent, /*in_list=*/true, out);
    first_on_line = false;
  }
  for (const auto& entry : node.entries) {
    absl::StrAppend(out, first_on_line ? "" : margin, entry.key, ":");
    Value(*entry.value, indent, /*in_list=*/false, out);
    first_on_line = false;
  }
}

}  // namespace

std::string PrintYamlLine(const YamlNode& node) { return Flow(node); }

std::string PrintYaml(const YamlNode& node) {
  if (IsScalar(node) || (node.items.empty() && node.entries.empty())) return Flow(node) + "\n";
  std::string out;
  Block(node, 0, /*first_on_line=*/false, &out);
  return out;
}

std::string Described(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar: {
      constexpr size_t kShown = 60;
      return node.text.size() <= kShown ? absl::StrCat("`", node.text, "`") : "a long text";
    }
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a mapping";
  }
  return "";
}

}  // namespace descent::client
