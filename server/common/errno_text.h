// What an errno means, as text.
#ifndef DESCENT_SERVER_COMMON_ERRNO_TEXT_H_
#define DESCENT_SERVER_COMMON_ERRNO_TEXT_H_

#include <string>
#include <system_error>

namespace descent::server {

// Gives the text: `No such file or directory`. Any thread.
inline std::string ErrnoText(int error) { return std::generic_category().message(error); }

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_ERRNO_TEXT_H_
