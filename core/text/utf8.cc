#include "core/text/utf8.h"

namespace descent {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";     // U+2026

struct Piece {
  size_t bytes = 0;  // those of a character, or those that one U+FFFD stands for
  bool well_formed = false;
};

// Looks at what a text that is not empty begins with (Unicode 15, table 3-7). Only the second
// byte's range depends on the first byte.
Piece First(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {1, true};
  size_t length = 0;
  unsigned low = 0x80, high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;   // below it is overlong
    if (first == 0xED) high = 0x9F;  // above it are the surrogates
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return {1, false};
  }
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size() || byte(i) < low || byte(i) > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true};
}

// Calls visit(bytes) with each character, U+FFFD for what is none, until it returns false.
template <class Visit>
void EachCharacter(std::string_view text, Visit&& visit) {
  while (!text.empty()) {
    const Piece piece = First(text);
    if (!visit(piece.well_formed ? text.substr(0, piece.bytes) : kReplacement)) return;
    text.remove_prefix(piece.bytes);
  }
}

// Gives a well-formed character's code point.
char32_t CodePoint(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0);
  char32_t code = byte(0) & (0xFFu >> (character.size() + 1));
  for (size_t i = 1; i < character.size(); ++i) code = (code << 6) | (byte(i) & 0x3Fu);
  return code;
}

bool ActsOnItsSurroundings(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0)           // controls
         || code == 0x061C || code == 0x200E || code == 0x200F  // marks
         || (code >= 0x2028 && code <= 0x202E)                  // separators, embeddings, overrides
         || (code >= 0x2066 && code <= 0x206F);  // isolates, and what UAX #9 took the place of
}

}  // namespace

size_t CharacterLength(std::string_view text) {
  if (text.empty()) return 0;
  const Piece piece = First(text);
  return piece.well_formed ? piece.bytes : 0;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const Piece piece = First(text);
    if (!piece.well_formed) return false;
    text.remove_prefix(piece.bytes);
  }
  return true;
}

std::string ValidUtf8(std::string_view text) {
  if (IsUtf8(text)) return std::string(text);
  std::string valid;
  valid.reserve(text.size());
  EachCharacter(text, [&](std::string_view character) {
    valid += character;
    return true;
  });
  return valid;
}

std::string ShortUtf8(std::string_view text, size_t limit) {
  std::string valid;
  size_t with_ellipsis = 0;  // so many bytes of it leave room for an ellipsis
  EachCharacter(text, [&](std::string_view character) {
    valid += character;
    if (valid.size() > limit) return false;
    if (valid.size() + kEllipsis.size() <= limit) with_ellipsis = valid.size();
    return true;
  });
  if (valid.size() <= limit) return valid;
  valid.resize(with_ellipsis);
  if (valid.size() + kEllipsis.size() <= limit) valid += kEllipsis;
  return valid;
}

std::string Printable(std::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  EachCharacter(text, [&](std::string_view character) {
    if (ActsOnItsSurroundings(CodePoint(character))) {
      printable += '?';
    } else {
      printable += character;
    }
    return true;
  });
  return printable;
}

}  // namespace descent
