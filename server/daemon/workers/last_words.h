// What a worker's log says of its end. A free function; any thread.
#ifndef DESCENT_SERVER_DAEMON_WORKERS_LAST_WORDS_H_
#define DESCENT_SERVER_DAEMON_WORKERS_LAST_WORDS_H_

#include <string>

namespace descent::daemon {

// Gives the last line of a worker's log that says what is wrong, cut to 300 characters; empty if it
// doesn't complain, or can't be read.
std::string LastWords(const std::string& log_path);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_WORKERS_LAST_WORDS_H_
