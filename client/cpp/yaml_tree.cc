#include "client/cpp/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/text/utf8.h"

namespace descent::client {
namespace {

TextMark FromYaml(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Ends the parse at once. It is caught in ParseYaml.
struct Refused : std::exception {
  explicit Refused(TextError e) : error(std::move(e)) {}
  TextError error;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::vector<TextError>* errors) : errors_(errors) {}

  std::shared_ptr<const YamlNode> root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) Refuse(mark, "a second document begins here; write one spec a file");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(Make(mark, YamlNode::Kind::kNull), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = Make(mark, YamlNode::Kind::kScalar);
    CheckTag(mark, tag);
    node->text = value;
    node->quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    Add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) Refuse(mark, "an alias inside the very value that it names");
    total_ += found->second->weight;
    CheckTotal(mark);
    Place(FromYaml(mark), found->second);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    CheckTag(mark, tag);
    Open(Make(mark, YamlNode::Kind::kList), anchor);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    CheckTag(mark, tag);
    Open(Make(mark, YamlNode::Kind::kMap), anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor;
    bool has_key = false;  // in a map: the next node is the value of `key`
    std::string key;
    TextMark key_mark;
    bool key_quoted = false;
    std::map<std::string, TextMark> keys;
    // What `<<` names, in the order in which it holds.
    std::vector<std::shared_ptr<const YamlNode>> merged = {};
  };

  [[noreturn]] static void Refuse(const YAML::Mark& mark, std::string message) {
    throw Refused({FromYaml(mark), "", std::move(message)});
  }

  static void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!" || tag.starts_with("tag:yaml.org,2002:")) return;
    Refuse(mark, absl::StrCat("the tag `", tag, "` means nothing here; leave it out"));
  }

  static std::string TooMany() {
    return absl::StrCat("more than ", kMaxYamlNodes, " values, aliases expanded");
  }

  void CheckTotal(const YAML::Mark& mark) const {
    if (total_ > kMaxYamlNodes) Refuse(mark, TooMany());
  }

  std::shared_ptr<YamlNode> Make(const YAML::Mark& mark, YamlNode::Kind kind) {
    ++total_;
    CheckTotal(mark);
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->mark = FromYaml(mark);
    return node;
  }

  void Add(std::shared_ptr<YamlNode> node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    const TextMark mark = node->mark;
    Place(mark, std::move(node));
  }

  void Open(std::shared_ptr<YamlNode> node, YAML::anchor_t anchor) {
    if (frames_.size() >= kMaxYamlDepth) {
      throw Refused({node->mark, "", absl::StrCat("nested deeper than ", kMaxYamlDepth)});
    }
    if (!frames_.empty() && frames_.back().node->kind == YamlNode::Kind::kMap &&
        !frames_.back().has_key) {
      throw Refused({node->mark, "",
                     "a list or mapping can't be a field's name; or is its bracket never closed?"});
    }
    frames_.push_back({.node = std::move(node),
                       .anchor = anchor,
                       .has_key = false,
                       .key = {},
                       .key_mark = {},
                       .key_quoted = false,
                       .keys = {}});
  }

  // Takes what `key: *anchor` or a list of such names (YAML's type `merge`).
  static void TakeMerged(TextMark mark, std::shared_ptr<const YamlNode> node, Frame* frame) {
    const auto take = [&](std::shared_ptr<const YamlNode> from) {
      if (from->kind != YamlNode::Kind::kMap) {
        throw Refused(
            {mark, "", "`<<` merges mappings: write `<<: *name` of one, or a list of them"});
      }
      frame->merged.push_back(std::move(from));
    };
    if (node->kind == YamlNode::Kind::kList) {
      for (const auto& item : node->items) take(item);
    } else {
      take(std::move(node));
    }
  }

  // Adds the entries of merged mappings, but for keys that the mapping has itself or from an
  // earlier one.
  void Merge(Frame* frame) {
    for (const auto& from : frame->merged) {
      for (const YamlNode::Entry& entry : from->entries) {
        if (!frame->keys.emplace(entry.key, entry.mark).second) continue;
        total_ += entry.value->weight;
        if (total_ > kMaxYamlNodes) throw Refused({frame->node->mark, "", TooMany()});
        frame->node->weight += entry.value->weight;
        frame->node->entries.push_back(entry);
      }
    }
  }

  void Close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    Merge(&frame);
    if (frame.anchor != 0) anchors_[frame.anchor] = frame.node;
    const TextMark mark = frame.node->mark;
    Place(mark, std::move(frame.node));
  }

  // Hands a complete node to what contains it; `mark` is where it stands there.
  void Place(TextMark mark, std::shared_ptr<const YamlNode> node) {
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node->kind == YamlNode::Kind::kList) {
      frame.node->weight += node->weight;
      frame.node->items.push_back(std::move(node));
    } else if (!frame.has_key) {
      if (node->kind != YamlNode::Kind::kScalar) {
        throw Refused({mark, "", "a field's name is missing here"});
      }
      frame.key = node->text;
      frame.key_mark = mark;
      frame.key_quoted = node->quoted;
      frame.has_key = true;
    } else {
      frame.has_key = false;
      const auto [first, fresh] = frame.keys.emplace(frame.key, frame.key_mark);
      if (!fresh) {
        errors_->push_back(
            {frame.key_mark, "",
             absl::StrCat("`", frame.key, "` is given twice, first in line ", first->second.line)});
        return;
      }
      if (frame.key == "<<" && !frame.key_quoted) return TakeMerged(mark, std::move(node), &frame);
      frame.node->weight += node->weight;
      frame.node->entries.push_back({std::move(frame.key), frame.key_mark, std::move(node)});
    }
  }

  std::vector<TextError>* errors_;
  int documents_ = 0;
  int64_t total_ = 0;
  std::shared_ptr<const YamlNode> root_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, std::shared_ptr<const YamlNode>> anchors_;
};

// JSON writes a character beyond the first plane as two escapes (`\ud83d\ude00`); YAML has
// `\U0001f600` for it, and yaml-cpp refuses the halves.
std::string JoinSurrogates(std::string_view json) {
  const auto unit = [&](size_t at) -> uint32_t {
    uint32_t value = 0;
    for (size_t i = at + 2; i < at + 6; ++i) {
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(json[i]))) return 0;
      const char digit = absl::ascii_tolower(static_cast<unsigned char>(json[i]));
      value = value * 16 + static_cast<uint32_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    return value;
  };
  std::string out;
  for (size_t i = 0; i < json.size();) {
    if (json[i] != '\\') {
      out += json[i++];
      continue;
    }
    if (i + 12 <= json.size() && json[i + 1] == 'u' && json[i + 6] == '\\' && json[i + 7] == 'u') {
      const uint32_t high = unit(i), low = unit(i + 6);
      if (high >= 0xD800 && high < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
        absl::StrAppendFormat(&out, "\\U%08X", 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
        i += 12;
        continue;
      }
    }
    out += json.substr(i, 2);  // an escape and what it escapes
    i += 2;
  }
  return out;
}

// Gives the first line up to `last` that is indented by a tab, which YAML forbids; line 0 if there
// is none.
TextMark FindTabIndent(std::string_view text, int last) {
  TextMark mark{1, 1};
  while (mark.line <= last && !text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const size_t first = std::min(line.find_first_not_of(" \t\r"), line.size());
    const size_t tab = line.substr(0, first).find('\t');
    if (tab != std::string_view::npos && first < line.size() && line[first] != '#') {
      return {mark.line, static_cast<int>(tab) + 1};
    }
    text.remove_prefix(std::min(end + 1, text.size()));
    ++mark.line;
  }
  return {};
}

bool LooksLikeJson(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

}  // namespace

TextMark FindInvalidUtf8(std::string_view text) {
  TextMark mark{1, 1};
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (length == 0 || text[0] == '\0') return mark;
    if (text[0] == '\n') {
      mark = {mark.line + 1, 1};
    } else {
      ++mark.column;
    }
    text.remove_prefix(length);
  }
  return {};
}

std::shared_ptr<const YamlNode> ParseYaml(std::string_view text, std::vector<TextError>* errors) {
  if (text.size() > kMaxYamlBytes) {
    errors->push_back({{}, "", absl::StrCat("larger than ", kMaxYamlBytes >> 20, " MiB")});
    return nullptr;
  }
  if (const TextMark mark = FindInvalidUtf8(text); mark.line > 0) {
    errors->push_back({mark, "", "not UTF-8 text; save the file as UTF-8"});
    return nullptr;
  }
  const size_t before = errors->size();
  TreeBuilder builder(errors);
  try {
    std::istringstream stream(LooksLikeJson(text) ? JoinSurrogates(text) : std::string(text));
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& refused) {
    errors->push_back(refused.error);
    return nullptr;
  } catch (const YAML::Exception& e) {
    // The parser's own words for it are `illegal map value`, in the line before or after.
    const TextMark tab = FindTabIndent(text, e.mark.line + 2);
    if (tab.line > 0 && !LooksLikeJson(text)) {
      errors->push_back({tab, "", "indented by a tab; YAML takes spaces alone"});
    } else {
      errors->push_back({FromYaml(e.mark), "", absl::StrCat("not valid YAML: ", e.msg)});
    }
    return nullptr;
  } catch (const std::exception& e) {
    errors->push_back({{}, "", absl::StrCat("not valid YAML: ", e.what())});
    return nullptr;
  }
  if (builder.root() == nullptr) errors->push_back({{}, "", "empty"});
  return errors->size() == before ? builder.root() : nullptr;
}

}  // namespace descent::client
