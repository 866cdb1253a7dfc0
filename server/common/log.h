// The log: lines on stderr, for people or for programs that collect them.
#ifndef DESCENT_SERVER_COMMON_LOG_H_
#define DESCENT_SERVER_COMMON_LOG_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace descent::server {

enum class Severity { kInfo, kWarning, kError };

// What a line is about, as values, so that nobody has to find them in its text. What does not apply
// is left out.
struct LogAbout {
  std::string_view source = {};  // the part of the program that says it: `journal`
  std::string_view job = {};     // `jobs/mnist`
  int64_t attempt = 0;
  int64_t revision = 0;  // of the event in the job's journal
  std::string_view request_id = {};
  std::string_view principal = {};  // who asked
  std::string_view trace = {};      // the trace id of W3C Trace Context: 32 hexadecimal digits
};

enum class LogFormat {
  // 2026-11-21T10:00:00.123Z INFO jobs/mnist: attempt 2 starts from 0-4690
  // 2026-11-21T10:00:00.123Z INFO jobs/mnist: accepted: set [revision=9 request_id=r1
  // principal=ann]
  // The sentence has the attempt; the ids that it lacks follow it in brackets.
  kText,
  // {"time":"2026-11-21T10:00:00.123Z","severity":"INFO","job":"jobs/mnist","attempt":2,
  //  "message":"attempt 2 starts from 0-4690"}, as one line.
  kJson,
};

// Gives the format of `text` or `json`; false for any other word.
bool ParseLogFormat(std::string_view word, LogFormat* format);

// Says how lines are written from now on; text, until it is called. Thread-safe.
void SetLogFormat(LogFormat format);

// Says what all lines of this process are about as far as they don't say it themselves: for a
// worker, which runs one attempt. Shown as JSON alone, since its log is that attempt's.
// Thread-safe.
void SetLogDefaults(std::string job, int64_t attempt, std::string trace);

// Writes one line to stderr, in one piece whatever the thread. Line breaks in `text` are shown as
// `\n`. Thread-safe.
void Log(Severity severity, const LogAbout& about, std::string_view text);

inline void LogInfo(std::string_view source, std::string_view text) {
  Log(Severity::kInfo, LogAbout{.source = source}, text);
}
inline void LogInfo(const LogAbout& about, std::string_view text) {
  Log(Severity::kInfo, about, text);
}
inline void LogWarning(std::string_view source, std::string_view text) {
  Log(Severity::kWarning, LogAbout{.source = source}, text);
}
inline void LogWarning(const LogAbout& about, std::string_view text) {
  Log(Severity::kWarning, about, text);
}
inline void LogError(std::string_view source, std::string_view text) {
  Log(Severity::kError, LogAbout{.source = source}, text);
}
inline void LogError(const LogAbout& about, std::string_view text) {
  Log(Severity::kError, about, text);
}

// Gives the line as Log writes it, with its line end.
std::string LogLine(LogFormat format, int64_t wall_nanos, Severity severity, const LogAbout& about,
                    std::string_view text);

// Sends lines elsewhere, for tests; with an empty function, back to stderr.
void SetLogSink(std::function<void(const std::string& line)> sink);

}  // namespace descent::server

#endif  // DESCENT_SERVER_COMMON_LOG_H_
