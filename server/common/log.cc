#include "server/common/log.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <utility>

#include "core/text/utf8.h"
#include "server/common/clock.h"
#include "server/common/mutex.h"

namespace descent::server {
namespace {

struct Sink {
  Mutex mutex;
  std::function<void(const std::string&)> write ABSL_GUARDED_BY(mutex);
};

Sink& TheSink() {
  static Sink* const sink = new Sink;  // lines may come while static objects are destroyed
  return *sink;
}

const char* Name(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "INFO";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kError:
      return "ERROR";
  }
  return "?";
}

}  // namespace

std::string LogLine(int64_t wall_nanos, Severity severity, std::string_view where,
                    std::string_view text) {
  const std::time_t seconds = static_cast<std::time_t>(wall_nanos / 1'000'000'000);
  const int millis = static_cast<int>(wall_nanos % 1'000'000'000 / 1'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char time[64];
  std::snprintf(time, sizeof time, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ ", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, millis);
  std::string line = time;
  line.append(Name(severity)).append(" ").append(where).append(": ");
  // The lines are read in terminals, and the last one of a worker becomes a reason, so what they
  // quote must neither break them nor act on what shows them.
  while (true) {
    const size_t end = text.find('\n');
    line += Printable(text.substr(0, end));
    if (end == std::string_view::npos) break;
    line += "\\n";
    text.remove_prefix(end + 1);
  }
  line += '\n';
  return line;
}

void Log(Severity severity, std::string_view where, std::string_view text) {
  const std::string line = LogLine(Clock::Real()->WallNanos(), severity, where, text);
  Sink& sink = TheSink();
  MutexLock lock(sink.mutex);
  if (sink.write) {
    sink.write(line);
    return;
  }
  // It is write(2), not stdio: a line must come out whole, and a full pipe's error must not stick.
  size_t written = 0;
  while (written < line.size()) {
    const ssize_t n = ::write(STDERR_FILENO, line.data() + written, line.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    written += static_cast<size_t>(n);
  }
}

void SetLogSink(std::function<void(const std::string&)> write) {
  Sink& sink = TheSink();
  MutexLock lock(sink.mutex);
  sink.write = std::move(write);
}

}  // namespace descent::server
