// Text from outside is made valid UTF-8 where it enters, and cut between characters, by these
// functions.
//
// Such text (cells and headers of files, names of files, messages of libraries, what a client
// sends) may hold any bytes. A string of protobuf must be UTF-8: a message with another one can be
// sent but not be parsed. Well-formed UTF-8 is that of RFC 3629: no overlong forms, no surrogates,
// nothing above U+10FFFF. All functions are pure, linear in the text, and throw nothing but
// bad_alloc; any thread.
#ifndef DESCENT_CORE_TEXT_UTF8_H_
#define DESCENT_CORE_TEXT_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace descent {

// Gives the number of bytes of the character that the text begins with, 1 to 4, or 0 if none begins
// there or the text is empty.
size_t CharacterLength(std::string_view text);

bool IsUtf8(std::string_view text);

// Gives the text, with U+FFFD for what is not well-formed: one for each longest piece that could
// have begun a character, else for each byte (Unicode 15, section 3.9, "U+FFFD substitution of
// maximal subparts", as Python's and the browsers' decoders do).
std::string ValidUtf8(std::string_view text);

// Does what ValidUtf8 does, in at most `limit` bytes: of a longer text it keeps the first whole
// characters and an ellipsis, if the limit has room for one.
std::string ShortUtf8(std::string_view text, size_t limit);

// Does what ValidUtf8 does, without what acts on a terminal or on the line that it is shown in: a
// control character (C0, DEL, C1), a line or paragraph separator, and a mark, embedding, override
// or isolate of bidirectional text (UAX #9) shows as `?`.
std::string Printable(std::string_view text);

}  // namespace descent

#endif  // DESCENT_CORE_TEXT_UTF8_H_
