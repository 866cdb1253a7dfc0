#ifndef DESCENT_CORE_TEXT_UTF8_H_
#define DESCENT_CORE_TEXT_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace descent {

// Text that comes from outside (cells and headers of files, names of files, messages of libraries,
// what a client sends) may hold any bytes. A string of protobuf must be UTF-8: a message with
// another one can be sent but not be parsed. So such text is made valid where it enters, and cut
// between characters, by these functions. All are pure, linear in the text, and throw nothing but
// bad_alloc.
//
// Well-formed UTF-8 is that of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.

// The bytes of the character that the text begins with, 1 to 4; 0: none begins there, or it is
// empty.
size_t CharacterLength(std::string_view text);

bool IsUtf8(std::string_view text);

// The text, with U+FFFD for what is not well-formed: one for each longest piece that could have
// begun a character, else for each byte (Unicode 15, section 3.9, "U+FFFD substitution of maximal
// subparts", as Python's and the browsers' decoders do).
std::string ValidUtf8(std::string_view text);

// As ValidUtf8, in at most `limit` bytes: of a longer text its first whole characters and an
// ellipsis, if the limit has room for one.
std::string ShortUtf8(std::string_view text, size_t limit);

// As ValidUtf8, without what acts on a terminal or on the line that it is shown in: a control
// character (C0, DEL, C1), a line or paragraph separator, and a mark, embedding, override or
// isolate of bidirectional text (UAX #9) shows as `?`.
std::string Printable(std::string_view text);

}  // namespace descent

#endif  // DESCENT_CORE_TEXT_UTF8_H_
