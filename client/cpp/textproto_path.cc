#include "client/cpp/textproto_path.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace descent::client {
namespace {

using google::protobuf::io::Tokenizer;

class NoErrors : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, google::protobuf::io::ColumnNumber, const std::string&) override {}
};

}  // namespace

std::string TextprotoPath(std::string_view text, TextMark mark) {
  google::protobuf::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  NoErrors errors;
  Tokenizer tokenizer(&stream, &errors);
  tokenizer.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
  // The names of the messages that are open, and how often each field of each was begun.
  std::vector<std::string> open;
  std::vector<std::map<std::string, int>> begun(1);
  std::string field;
  bool in_value = false;  // between a field's colon and the end of its value
  while (tokenizer.Next()) {
    const Tokenizer::Token& token = tokenizer.current();
    const bool reached = token.line + 1 > mark.line ||
                         (token.line + 1 == mark.line && token.column + 1 >= mark.column);
    if (token.text == "{" || token.text == "<") {
      const int index = begun.back()[field]++;
      open.push_back(index > 0 ? absl::StrCat(field, "[", index, "]") : field);
      begun.emplace_back();
      field.clear();
      in_value = false;
    } else if (token.text == "}" || token.text == ">") {
      if (reached) break;
      if (!open.empty()) {
        open.pop_back();
        begun.pop_back();
      }
      field.clear();
      in_value = false;
    } else if (token.text == ":") {
      in_value = true;
    } else if (token.type == Tokenizer::TYPE_IDENTIFIER && !in_value) {
      field = token.text;
    } else {
      in_value = false;
    }
    if (reached) break;
    if (token.type == Tokenizer::TYPE_IDENTIFIER && in_value) in_value = false;
  }
  if (!field.empty()) open.push_back(field);
  return absl::StrJoin(open, ".");
}

}  // namespace descent::client
