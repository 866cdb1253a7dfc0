// What an exception says to people. A free function; any thread.
#ifndef DESCENT_CORE_TEXT_EXCEPTION_TEXT_H_
#define DESCENT_CORE_TEXT_EXCEPTION_TEXT_H_

#include <exception>
#include <string>

namespace descent {

// Gives one line of valid UTF-8 without its full stop. LibTorch's own text goes on with the frames
// of its stack, with the place in its sources, and with advice to its developers; none of that is
// for somebody who has submitted a job. Memory that could not be had is said in one way, whoever
// says so: `there is not enough memory: 40.0 GB were asked for at once`.
std::string ExceptionText(const std::exception& error);

}  // namespace descent

#endif  // DESCENT_CORE_TEXT_EXCEPTION_TEXT_H_
