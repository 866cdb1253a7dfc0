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

struct Defaults {
  std::string job = {};
  int64_t attempt = 0;
  std::string trace = {};
};

struct Sink {
  Mutex mutex;
  LogFormat format ABSL_GUARDED_BY(mutex) = LogFormat::kText;
  Defaults defaults ABSL_GUARDED_BY(mutex);
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

// Gives the time as RFC 3339 has it.
std::string TimeText(int64_t wall_nanos) {
  const std::time_t seconds = static_cast<std::time_t>(wall_nanos / 1'000'000'000);
  const int millis = static_cast<int>(wall_nanos % 1'000'000'000 / 1'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char time[64];
  std::snprintf(time, sizeof time, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, millis);
  return time;
}

// Gives the text in one line. The lines are read in terminals, and the last one of a worker becomes
// a reason, so what they quote must neither break them nor act on what shows them.
std::string OneLine(std::string_view text, std::string_view line_break) {
  std::string line;
  while (true) {
    const size_t end = text.find('\n');
    line += Printable(text.substr(0, end));
    if (end == std::string_view::npos) return line;
    line += line_break;
    text.remove_prefix(end + 1);
  }
}

// Gives a JSON string.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : OneLine(text, "\n")) {
    if (c == '\n') {
      quoted += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

// Calls `take` with each value that there is, under its name.
template <class Take>
void ForEachId(const LogAbout& about, Take take) {
  if (about.revision != 0) take("revision", std::to_string(about.revision));
  if (!about.request_id.empty()) take("request_id", about.request_id);
  if (!about.principal.empty()) take("principal", about.principal);
  if (!about.trace.empty()) take("trace", about.trace);
}

std::string JsonLine(const std::string& time, Severity severity, const LogAbout& about,
                     std::string_view text) {
  std::string line = "{\"time\":\"" + time + "\",\"severity\":\"" + Name(severity) + '"';
  if (!about.source.empty()) line += ",\"source\":" + Quoted(about.source);
  if (!about.job.empty()) line += ",\"job\":" + Quoted(about.job);
  if (about.attempt != 0) line += ",\"attempt\":" + std::to_string(about.attempt);
  ForEachId(about, [&](std::string_view name, std::string_view value) {
    line.append(",\"").append(name).append("\":");
    line += name == "revision" ? std::string(value) : Quoted(value);
  });
  return line + ",\"message\":" + Quoted(text) + "}\n";
}

std::string TextLine(const std::string& time, Severity severity, const LogAbout& about,
                     std::string_view text) {
  std::string line = time + " " + Name(severity) + " ";
  line.append(about.job.empty() ? about.source : about.job).append(": ");
  line += OneLine(text, "\\n");
  std::string ids;
  ForEachId(about, [&](std::string_view name, std::string_view value) {
    const bool is_word = value.find_first_of(" \"[]=") == std::string_view::npos;
    ids.append(ids.empty() ? " [" : " ").append(name).append("=");
    ids += is_word ? OneLine(value, "\\n") : Quoted(value);
  });
  return line + ids + (ids.empty() ? "\n" : "]\n");
}

}  // namespace

bool ParseLogFormat(std::string_view word, LogFormat* format) {
  if (word != "text" && word != "json") return false;
  *format = word == "json" ? LogFormat::kJson : LogFormat::kText;
  return true;
}

void SetLogFormat(LogFormat format) {
  Sink& sink = TheSink();
  MutexLock lock(sink.mutex);
  sink.format = format;
}

void SetLogDefaults(std::string job, int64_t attempt, std::string trace) {
  Sink& sink = TheSink();
  MutexLock lock(sink.mutex);
  sink.defaults = {.job = std::move(job), .attempt = attempt, .trace = std::move(trace)};
}

std::string LogLine(LogFormat format, int64_t wall_nanos, Severity severity, const LogAbout& about,
                    std::string_view text) {
  const std::string time = TimeText(wall_nanos);
  return format == LogFormat::kJson ? JsonLine(time, severity, about, text)
                                    : TextLine(time, severity, about, text);
}

void Log(Severity severity, const LogAbout& about, std::string_view text) {
  const int64_t now = Clock::Real()->WallNanos();
  Sink& sink = TheSink();
  MutexLock lock(sink.mutex);
  LogAbout whole = about;
  if (sink.format == LogFormat::kJson) {
    if (whole.job.empty()) whole.job = sink.defaults.job;
    if (whole.attempt == 0) whole.attempt = sink.defaults.attempt;
    if (whole.trace.empty()) whole.trace = sink.defaults.trace;
  }
  const std::string line = LogLine(sink.format, now, severity, whole, text);
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
