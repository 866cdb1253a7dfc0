#include "server/daemon/journal/sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/common/regular_file.h"

namespace descent::daemon {
namespace {

constexpr int kBusyMillis = 10'000;  // somebody looks at the database with another program

// True if a call failed for want of room alone. SQLite says SQLITE_FULL of a write that met ENOSPC;
// what a quota refuses, and a log's index that can't grow, are I/O errors to it. For an fsync it is
// no answer: nobody knows what has reached the disk then.
bool IsForWantOfRoom(int code, int system) {
  if ((code & 0xFF) == SQLITE_FULL) return true;
  if ((code & 0xFF) != SQLITE_IOERR) return false;
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) return false;
  return system == ENOSPC || system == EDQUOT;
}

// Refuses what is no file in place of one: SQLite would wait until somebody writes to a FIFO.
absl::Status CheckFiles(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    const std::string file = path + suffix;
    absl::Status status = server::CheckRegularFile(file);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// True if a database can be read alone as what nobody changes: in a folder that can't be written (a
// snapshot, a backup) SQLite has no place for the log's index, and without a log it needs none.
bool IsImmutable(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  struct stat log{};
  return ::access(folder.empty() ? "." : folder.c_str(), W_OK) != 0 &&
         (::stat((path + "-wal").c_str(), &log) != 0 || log.st_size == 0);
}

// Gives the URI of a database that nobody changes.
std::string ImmutableUri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      absl::StrAppend(&uri, "%", absl::Hex(c, absl::kZeroPad2));
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path, Mode mode,
                                                             const std::string& vfs) {
  if (absl::Status status = CheckFiles(path); !status.ok()) return status;
  sqlite3* db = nullptr;
  const bool immutable = mode == Mode::kReadOnly && IsImmutable(path);
  const int flags = SQLITE_OPEN_NOMUTEX | (immutable ? SQLITE_OPEN_URI : 0) |
                    (mode == Mode::kReadWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                              : SQLITE_OPEN_READONLY);
  const std::string name = immutable ? ImmutableUri(path) : path;
  const int rc = sqlite3_open_v2(name.c_str(), &db, flags, vfs.empty() ? nullptr : vfs.c_str());
  if (db == nullptr) return absl::ResourceExhaustedError("no memory to open a database");
  std::unique_ptr<Connection> connection(new Connection(db, path));
  if (rc != SQLITE_OK) return connection->Error("cannot be opened");
  if (mode == Mode::kReadWrite && sqlite3_db_readonly(db, "main") == 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("database ", path, " is not writable: check the permissions of the file"));
  }
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, kBusyMillis);
  // Otherwise a page of random bytes may pass for one of the tree.
  sqlite3_exec(db, "PRAGMA cell_size_check = ON", nullptr, nullptr, nullptr);
  return connection;
}

Connection::~Connection() { sqlite3_close(db_); }

absl::Status Connection::Execute(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return Error("");
  return absl::OkStatus();
}

absl::StatusOr<Statement> Connection::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &statement, nullptr) != SQLITE_OK) {
    return Error("");
  }
  return Statement(this, statement);
}

absl::StatusOr<int64_t> Connection::QueryInt(std::string_view sql) {
  absl::StatusOr<Statement> statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  absl::StatusOr<bool> row = statement->Step();
  if (!row.ok()) return row.status();
  return *row ? statement->Int(0) : 0;
}

absl::Status Connection::CopyInto(Connection& destination, const CopyProgress& progress) {
  constexpr int kPagesAtATime = 1024;
  sqlite3_backup* backup = sqlite3_backup_init(destination.db_, "main", db_, "main");
  if (backup == nullptr) return destination.Error("copying");
  int rc = SQLITE_OK;
  do {
    rc = sqlite3_backup_step(backup, kPagesAtATime);
    const int total = sqlite3_backup_pagecount(backup);
    if (progress) progress(total - sqlite3_backup_remaining(backup), total);
  } while (rc == SQLITE_OK);
  // An error of the source is noted with the destination too.
  rc = sqlite3_backup_finish(backup);
  return rc == SQLITE_OK ? absl::OkStatus() : destination.Error("copying");
}

void Connection::SetBusyTimeout(int millis) { sqlite3_busy_timeout(db_, millis); }

int64_t Connection::last_insert_rowid() const { return sqlite3_last_insert_rowid(db_); }

int64_t Connection::changes() const { return sqlite3_changes64(db_); }

bool Connection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

absl::Status Connection::Error(std::string_view doing) const {
  const int last = errno;  // after a failed COMMIT SQLite (3.40) notes none
  const int code = sqlite3_extended_errcode(db_);
  const int noted = sqlite3_system_errno(db_);
  const int system = noted == 0 && (code & 0xFF) == SQLITE_IOERR ? last : noted;
  const int kind = code & 0xFF;
  if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB) {  // whatever was being done
    return absl::DataLossError(absl::StrCat(
        "database ", path_, " is damaged: ", sqlite3_errmsg(db_), " (SQLite code ", code, ")"));
  }
  std::string text =
      absl::StrCat("database ", path_, ": ", absl::string_view(doing.data(), doing.size()),
                   doing.empty() ? "" : ": ", sqlite3_errmsg(db_), " (SQLite code ", code);
  if (system != 0) absl::StrAppend(&text, ", errno ", system);
  text += ")";
  if (IsForWantOfRoom(code, system)) return absl::ResourceExhaustedError(text);
  switch (kind) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::AbortedError(text);
    default:
      return absl::UnavailableError(text);
  }
}

Statement::Statement(Statement&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)),
      statement_(std::exchange(other.statement_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(statement_, other.statement_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::Reset() {
  sqlite3_reset(statement_);
  return *this;
}

Statement& Statement::Bind(int index, int64_t value) {
  sqlite3_bind_int64(statement_, index, value);
  return *this;
}

Statement& Statement::Bind(int index, double value) {
  sqlite3_bind_double(statement_, index, value);
  return *this;
}

Statement& Statement::BindNull(int index) {
  sqlite3_bind_null(statement_, index);
  return *this;
}

Statement& Statement::BindBlob(int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement_, index, bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

Statement& Statement::BindText(int index, std::string_view text) {
  sqlite3_bind_text64(statement_, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return connection_->Error("");
  }
}

absl::Status Statement::Run() {
  absl::StatusOr<bool> row = Step();
  Reset();
  return row.ok() ? absl::OkStatus() : row.status();
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::Double(int column) const { return sqlite3_column_double(statement_, column); }

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::string_view Statement::Blob(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return {static_cast<const char*>(data), data == nullptr ? 0 : static_cast<size_t>(size)};
}

}  // namespace descent::daemon
