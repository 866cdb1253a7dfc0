// The log: lines on stderr.
#ifndef DESCENT_SERVER_COMMON_LOG_H_
#define DESCENT_SERVER_COMMON_LOG_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace descent::server {

enum class Severity { kInfo, kWarning, kError };

// Writes one line to stderr, in one piece whatever the thread:
//   2026-11-21T10:00:00.123Z INFO jobs/mnist: attempt 2 starts from 0-4690
// `where` is what the line is about, best a resource name or a part of the program (`journal`).
// Line breaks in `text` are shown as `\n`. Thread-safe.
void Log(Severity severity, std::string_view where, std::string_view text);

inline void LogInfo(std::string_view where, std::string_view text) {
  Log(Severity::kInfo, where, text);
}
inline void LogWarning(std::string_view where, std::string_view text) {
  Log(Severity::kWarning, where, text);
}
inline void LogError(std::string_view where, std::string_view text) {
  Log(Severity::kError, where, text);
}

// Gives the line as Log writes it, with its line end.
std::string LogLine(int64_t wall_nanos, Severity severity, std::string_view where,
                    std::string_view text);

// Sends lines elsewhere, for tests; with an empty function, back to stderr.
void SetLogSink(std::function<void(const std::string& line)> sink);

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_LOG_H_
