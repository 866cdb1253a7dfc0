#include "proto/rules/trace_context.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <vector>

namespace descent::rules {
namespace {

// `00-{32}-{16}-{2}`
constexpr size_t kTraceId = 3;
constexpr size_t kParentId = 36;
constexpr size_t kFlags = 53;
constexpr size_t kParentBytes = 55;

constexpr size_t kMaxMembers = 32;
constexpr size_t kMaxKey = 256;
constexpr size_t kMaxValue = 256;
constexpr size_t kMaxState = 512;
constexpr size_t kLongMember = 128;  // longer ones go first

bool IsHex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

// Gives the parent in the form of version 00, or nothing.
std::string ReadParent(std::string_view text) {
  if (text.size() < kParentBytes) return "";
  const std::string_view version = text.substr(0, 2);
  const std::string_view flags = text.substr(kFlags, 2);
  if (!IsHex(version) || version == "ff") return "";
  const bool is_known = version == "00";
  if (text.size() > kParentBytes && (is_known || text[kParentBytes] != '-')) return "";
  if (text[2] != '-' || text[kParentId - 1] != '-' || text[kFlags - 1] != '-') return "";
  const std::string_view trace_id = text.substr(kTraceId, 32);
  const std::string_view parent_id = text.substr(kParentId, 16);
  if (!IsHex(trace_id) || IsZero(trace_id)) return "";
  if (!IsHex(parent_id) || IsZero(parent_id)) return "";
  if (!IsHex(flags)) return "";
  if (is_known) return std::string(text);
  // Of another version's flags `sampled`, the lowest, is the one that is known.
  const char low = flags[1];
  const int digit = low <= '9' ? low - '0' : low - 'a' + 10;
  std::string parent = "00";
  parent.append(text.substr(2, kFlags - 2));
  return parent + (digit % 2 == 1 ? "01" : "00");
}

bool IsKeyCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' ||
         c == '/' || c == '@';
}

bool IsKey(std::string_view key) {
  if (key.empty() || key.size() > kMaxKey) return false;
  const bool begins = (key[0] >= 'a' && key[0] <= 'z') || (key[0] >= '0' && key[0] <= '9');
  return begins && std::ranges::all_of(key, IsKeyCharacter) && std::ranges::count(key, '@') <= 1 &&
         key.back() != '@';
}

bool IsValue(std::string_view value) {
  if (value.empty() || value.size() > kMaxValue || value.back() == ' ') return false;
  return std::ranges::all_of(value,
                             [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

std::string_view Stripped(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string Joined(const std::vector<std::string_view>& members) {
  std::string state;
  for (const std::string_view member : members) {
    if (!state.empty()) state += ',';
    state += member;
  }
  return state;
}

std::string ReadState(std::string_view text) {
  std::vector<std::string_view> members;
  std::set<std::string_view> keys;
  while (true) {
    const size_t comma = text.find(',');
    // An empty member is allowed, and says nothing.
    if (const std::string_view member = Stripped(text.substr(0, comma)); !member.empty()) {
      const size_t equals = member.find('=');
      if (equals == std::string_view::npos) return "";
      const std::string_view key = member.substr(0, equals);
      if (!IsKey(key) || !IsValue(member.substr(equals + 1))) return "";
      if (!keys.insert(key).second || keys.size() > kMaxMembers) return "";
      members.push_back(member);
    }
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  std::string state = Joined(members);
  if (state.size() <= kMaxState) return state;
  std::erase_if(members, [](std::string_view member) { return member.size() > kLongMember; });
  for (state = Joined(members); state.size() > kMaxState; state = Joined(members)) {
    members.pop_back();
  }
  return state;
}

}  // namespace

TraceContext ReadTraceContext(std::string_view parent, std::string_view state) {
  TraceContext context{.parent = ReadParent(parent)};
  if (!context.empty()) context.state = ReadState(state);
  return context;
}

std::string_view TraceIdOf(std::string_view parent) {
  return parent.size() == kParentBytes ? parent.substr(kTraceId, 32) : "";
}

}  // namespace descent::rules
