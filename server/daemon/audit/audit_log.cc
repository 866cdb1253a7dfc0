#include "server/daemon/audit/audit_log.h"

#include <fcntl.h>
#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/text/utf8.h"
#include "server/common/errno_text.h"
#include "server/common/log.h"
#include "server/common/regular_file.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

// Gives how much of the text is whole lines: what follows was cut short, and never told anybody.
size_t WholeLines(std::string_view text) {
  const size_t end = text.rfind('\n');
  return end == std::string_view::npos ? 0 : end + 1;
}

// Writes all of it at the file's end; an errno, or 0.
int WriteAll(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return fdatasync(file) == 0 ? 0 : errno;
}

// Gives so many bytes of the file's beginning; nothing if they can't be read.
std::optional<std::string> ReadAll(int file, int64_t size) {
  std::string text(static_cast<size_t>(size), '\0');
  size_t read = 0;
  while (read < text.size()) {
    const ssize_t some =
        pread(file, text.data() + read, text.size() - read, static_cast<off_t>(read));
    if (some < 0 && errno == EINTR) continue;
    if (some <= 0) return std::nullopt;
    read += static_cast<size_t>(some);
  }
  return text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const std::string& path,
                                                         const server::Clock* clock) {
  const absl::StatusOr<int> file =
      server::OpenRegularFile(path, O_CREAT | O_RDWR | O_APPEND, S_IRUSR | S_IWUSR);
  if (!file.ok()) {
    return absl::Status(file.status().code(),
                        absl::StrCat(path, ": ", std::string(file.status().message())));
  }
  struct stat status{};
  std::optional<std::string> text;
  if (fstat(*file, &status) == 0) text = ReadAll(*file, status.st_size);
  if (!text) {
    absl::Status failure =
        absl::UnavailableError(absl::StrCat(path, ": ", server::ErrnoText(errno)));
    close(*file);
    return failure;
  }
  const size_t whole = WholeLines(*text);
  if (whole < text->size() && ftruncate(*file, static_cast<off_t>(whole)) != 0) {
    absl::Status failure =
        absl::UnavailableError(absl::StrCat(path, ": ", server::ErrnoText(errno)));
    close(*file);
    return failure;
  }
  return std::unique_ptr<AuditLog>(new AuditLog(path, *file, static_cast<int64_t>(whole), clock));
}

AuditLog::~AuditLog() {
  writing_.Stop();
  {
    MutexLock lock(mutex_);
    for (const auto& [key, refusal] : refused_) {
      if (refusal.untold == 0) continue;
      Record record;
      *record.add_entries() = Told(refusal);
      Keep(std::move(record));
    }
  }
  Write();
  close(file_);
}

void AuditLog::Add(Record record) {
  {
    MutexLock lock(mutex_);
    Keep(std::move(record));
  }
  Write();
}

void AuditLog::Add(v1::AuditEntry entry) {
  Record record;
  *record.add_entries() = std::move(entry);
  Add(std::move(record));
}

void AuditLog::AddRefusal(v1::AuditEntry entry) {
  entry.set_outcome(v1::AuditEntry::REFUSED);
  entry.set_time_unix_nanos(static_cast<uint64_t>(clock_->WallNanos()));
  const int64_t now = clock_->MonotonicNanos();
  MutexLock lock(mutex_);
  Refusal& refusal = RefusalOf(entry, now);
  refusal.last = std::move(entry);
  ++refusal.untold;
  if (refusal.told_nanos != 0 && now - refusal.told_nanos < kRefusalNanos) return;
  Record record;
  *record.add_entries() = Told(refusal);
  refusal.untold = 0;
  refusal.told_nanos = now;
  Keep(std::move(record));
  writing_.Post([this] { Write(); });
}

v1::AuditEntry AuditLog::Told(const Refusal& refusal) {
  v1::AuditEntry entry = refusal.last;
  entry.set_count(refusal.untold);
  return entry;
}

AuditLog::Refusal& AuditLog::RefusalOf(const v1::AuditEntry& entry, int64_t now) {
  const std::pair<std::string, std::string> key(entry.principal(), entry.method());
  if (const auto known = refused_.find(key); known != refused_.end()) return known->second;
  if (refused_.size() >= kMaxRefused) {
    std::erase_if(refused_, [&](const auto& other) {
      return other.second.untold == 0 && now - other.second.told_nanos >= kRefusalNanos;
    });
  }
  return refused_.size() < kMaxRefused ? refused_[key] : refused_[{}];
}

std::string AuditLog::LineOf(Record record) const {
  const auto now = static_cast<uint64_t>(clock_->WallNanos());
  for (v1::AuditEntry& entry : *record.mutable_entries()) {
    if (entry.time_unix_nanos() == 0) entry.set_time_unix_nanos(now);
    entry.set_from(ValidUtf8(entry.from()));
    entry.set_message(ValidUtf8(entry.message()));
  }
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string line;
  const auto printed = google::protobuf::util::MessageToJsonString(record, &line, options);
  if (!printed.ok()) {
    server::LogError("audit", absl::StrCat("a record can't be written down: ", printed.ToString()));
    return "";
  }
  return line + "\n";
}

void AuditLog::Keep(Record record) {
  std::string line = LineOf(std::move(record));
  if (line.empty()) return;
  if (unwritten_.size() >= kMaxUnwritten) {
    server::LogError("audit",
                     absl::StrCat("lost, as ", path_, " can't be written: ", unwritten_.front()));
    unwritten_.pop_front();
  }
  unwritten_.push_back(std::move(line));
}

void AuditLog::Write() {
  MutexLock lock(mutex_);
  if (unwritten_.empty()) return;
  std::string text;
  for (const std::string& line : unwritten_) text += line;
  if (const int error = WriteAll(file_, text); error != 0) {
    // What is half there would spoil the next line.
    if (ftruncate(file_, static_cast<off_t>(size_)) != 0 || !failing_) {
      server::LogWarning("audit",
                         absl::StrCat(path_, " can't be written: ", server::ErrnoText(error),
                                      "; what was done is kept in memory until it can be: ", text));
    }
    failing_ = true;
    return;
  }
  if (failing_) server::LogInfo("audit", absl::StrCat(path_, " is written again"));
  failing_ = false;
  size_ += static_cast<int64_t>(text.size());
  unwritten_.clear();
}

absl::Status AuditLog::Read(const std::vector<std::string>& words,
                            absl::FunctionRef<void(Record&&)> take) const {
  std::string text;
  std::vector<Record> waiting;
  {
    MutexLock lock(mutex_);
    std::optional<std::string> file = ReadAll(file_, size_);
    if (!file) return absl::UnavailableError(absl::StrCat(path_, " can't be read"));
    text = *std::move(file);
    for (const std::string& line : unwritten_) text += line;
    for (const auto& [key, refusal] : refused_) {
      if (refusal.untold > 0) *waiting.emplace_back().add_entries() = Told(refusal);
    }
  }
  std::string_view rest = text;
  for (int64_t number = 1; !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const bool is_wanted = std::ranges::all_of(
        words, [&](const std::string& word) { return line.find(word) != std::string_view::npos; });
    if (!is_wanted) continue;
    Record record;
    if (const auto parsed = google::protobuf::util::JsonStringToMessage(std::string(line), &record);
        !parsed.ok()) {
      return absl::DataLossError(absl::StrCat("line ", number, " of ", path_,
                                              " can't be read: ", parsed.ToString(),
                                              "; put the file back from a copy, or take the line "
                                              "out"));
    }
    take(std::move(record));
  }
  for (Record& record : waiting) take(std::move(record));
  return absl::OkStatus();
}

}  // namespace descent::daemon
