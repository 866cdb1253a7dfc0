#include "server/daemon/security/token_file.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/rules/names.h"

namespace descent::daemon {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kVersion = 1;
constexpr size_t kHashDigits = 64;
constexpr size_t kIdDigits = 8;

absl::Status Damaged(std::string_view where, std::string_view what) {
  return absl::DataLossError(absl::StrCat(std::string(where), ": ", std::string(what)));
}

std::optional<Role> RoleOf(std::string_view name) {
  for (const Role role : {Role::kMetrics, Role::kViewer, Role::kOperator, Role::kAdmin}) {
    if (RoleName(role) == name) return role;
  }
  return std::nullopt;
}

bool IsHex(std::string_view text, size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// Reads the members of one token; the first thing that is wrong is kept.
class Reader {
 public:
  Reader(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  std::string Text(const char* name) {
    const Json* member = Find(name);
    if (member == nullptr) return "";
    if (!member->is_string()) return Refuse(name, "is no text"), "";
    std::string text = member->get<std::string>();
    if (!rules::IsPrintableAscii(text)) Refuse(name, "is not printable ASCII");
    return text;
  }

  int64_t Time(const char* name) {
    const Json* member = Find(name);
    if (member == nullptr) return 0;
    if (!member->is_number_integer() || member->get<int64_t>() < 0) {
      return Refuse(name, "is no time in nanoseconds"), 0;
    }
    return member->get<int64_t>();
  }

  bool Flag(const char* name) {
    const Json* member = Find(name);
    if (member == nullptr) return false;
    if (!member->is_boolean()) return Refuse(name, "is neither true nor false"), false;
    return member->get<bool>();
  }

  std::vector<std::string> Texts(const char* name) {
    std::vector<std::string> texts;
    const Json* member = Find(name);
    if (member == nullptr) return texts;
    if (!member->is_array()) return Refuse(name, "is no list"), texts;
    for (const Json& item : *member) {
      if (!item.is_string()) return Refuse(name, "has something that is no text"), texts;
      texts.push_back(item.get<std::string>());
      if (!rules::IsPrintableAscii(texts.back())) Refuse(name, "is not printable ASCII");
    }
    return texts;
  }

  void Refuse(std::string_view name, std::string_view what) {
    if (status_.ok()) status_ = Damaged(absl::StrCat(where_, ".", std::string(name)), what);
  }
  const absl::Status& status() const { return status_; }

 private:
  const Json* Find(const char* name) {
    const auto found = object_.find(name);
    if (found != object_.end()) return &*found;
    Refuse(name, "is missing");
    return nullptr;
  }

  const Json& object_;
  const std::string where_;
  absl::Status status_;
};

// Gives what notes the first name that an object has twice. Json would keep the last one, whoever
// reads the file perhaps the first.
Json::parser_callback_t NotingWhatIsTwice(std::string* twice) {
  return [twice, names = std::vector<std::set<std::string>>()](
             int /*depth*/, Json::parse_event_t event, Json& parsed) mutable {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key && twice->empty() &&
        !names.back().insert(parsed.get<std::string>()).second) {
      *twice = parsed.get<std::string>();
    }
    return true;
  };
}

absl::StatusOr<StoredToken> ParseToken(const Json& object, const std::string& where) {
  if (!object.is_object()) return Damaged(where, "is no object");
  Reader reader(object, where);
  StoredToken token;
  token.id = reader.Text("id");
  if (!IsHex(token.id, kIdDigits)) reader.Refuse("id", "is not eight hexadecimal digits");
  token.hash = reader.Text("sha256");
  if (!IsHex(token.hash, kHashDigits)) reader.Refuse("sha256", "is not 64 hexadecimal digits");
  const std::optional<Role> role = RoleOf(reader.Text("role"));
  if (role) token.role = *role;
  if (!role) reader.Refuse("role", "is none of metrics, viewer, operator, admin");
  token.owner = reader.Text("owner");
  // Whoever has no owner is believed to be whom he says.
  if (token.owner.empty() && token.role != Role::kAdmin) reader.Refuse("owner", "is empty");
  token.groups = reader.Texts("groups");
  token.created = reader.Time("created");
  token.expires = reader.Time("expires");
  token.revoked = reader.Time("revoked");
  token.is_first = reader.Flag("first");
  if (!reader.status().ok()) return reader.status();
  return token;
}

}  // namespace

std::string FormatTokens(const std::vector<StoredToken>& tokens) {
  Json list = Json::array();
  for (const StoredToken& token : tokens) {
    list.push_back({{"id", token.id},
                    {"sha256", token.hash},
                    {"role", std::string(RoleName(token.role))},
                    {"owner", token.owner},
                    {"groups", token.groups},
                    {"created", token.created},
                    {"expires", token.expires},
                    {"revoked", token.revoked},
                    {"first", token.is_first}});
  }
  const Json json = {{"version", kVersion}, {"tokens", std::move(list)}};
  return json.dump(2) + "\n";
}

absl::StatusOr<std::vector<StoredToken>> ParseTokens(std::string_view text) {
  std::string twice;
  const Json json = Json::parse(text, NotingWhatIsTwice(&twice), /*allow_exceptions=*/false);
  if (!twice.empty()) return Damaged(twice, "is there twice in one object");
  if (json.is_discarded() || !json.is_object()) return Damaged("the file", "is no JSON object");
  const auto version = json.find("version");
  if (version == json.end() || !version->is_number_integer()) {
    return Damaged("version", "is missing");
  }
  if (version->get<int64_t>() != kVersion) {
    return Damaged("version", "is another one than 1; it may be a newer descentd's");
  }
  const auto list = json.find("tokens");
  if (list == json.end() || !list->is_array()) return Damaged("tokens", "is missing");
  std::vector<StoredToken> tokens;
  std::set<std::string> ids;
  for (const Json& object : *list) {
    const std::string where = absl::StrCat("tokens[", tokens.size(), "]");
    absl::StatusOr<StoredToken> token = ParseToken(object, where);
    if (!token.ok()) return token.status();
    if (!ids.insert(token->id).second) return Damaged(where + ".id", "is there twice");
    tokens.push_back(*std::move(token));
  }
  return tokens;
}

}  // namespace descent::daemon
