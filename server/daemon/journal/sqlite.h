// SQLite, with errors as statuses: a connection and its statements.
#ifndef DESCENT_SERVER_DAEMON_JOURNAL_SQLITE_H_
#define DESCENT_SERVER_DAEMON_JOURNAL_SQLITE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace descent::daemon {

class Statement;

// One connection to a SQLite database. It is used by one thread at a time.
class Connection {
 public:
  enum class Mode { kReadWrite, kReadOnly };

  // Opens a connection; kReadWrite creates the file. `vfs` is the name of a registered SQLite VFS;
  // empty means the default.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, Mode mode,
                                                          const std::string& vfs);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs statements that give no rows.
  absl::Status Execute(const char* sql);
  absl::StatusOr<Statement> Prepare(std::string_view sql);
  // Gives the first column of the first row.
  absl::StatusOr<int64_t> QueryInt(std::string_view sql);

  // Copies the whole database into that of `destination`, which is empty, some MiB at a time.
  // Within a read transaction of this connection it is the database as of its beginning, whoever
  // writes meanwhile; without one a copy begins anew whenever somebody writes. Durable on return.
  // `progress` is called with how many pages are copied, of how many.
  using CopyProgress = std::function<void(int64_t pages, int64_t of)>;
  absl::Status CopyInto(Connection& destination, const CopyProgress& progress);

  // Sets how long a lock of another program is waited for before ABORTED.
  void SetBusyTimeout(int millis);

  int64_t last_insert_rowid() const;
  // Gives how many rows the last INSERT, UPDATE or DELETE changed.
  int64_t changes() const;
  bool in_transaction() const;

  // Gives what went wrong with the last call: DATA_LOSS if the file is damaged, ABORTED if another
  // program has it locked (nothing was done), RESOURCE_EXHAUSTED if the disk is full or a quota
  // used up (what Writer makes of it is told there), else UNAVAILABLE.
  absl::Status Error(std::string_view doing) const;

 private:
  Connection(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}

  sqlite3* const db_;
  const std::string path_;
};

// A prepared statement of a Connection, which must outlive it. Blobs are bound without a copy: they
// must live until the next Reset.
//
//   statement.Reset().Bind(1, job).Bind(2, bytes);
//   while (true) { ok = statement.Step(); if (!ok.ok()) ...; if (!*ok) break; ... }
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  Statement& Reset();
  Statement& Bind(int index, int64_t value);
  Statement& Bind(int index, double value);
  Statement& BindNull(int index);
  Statement& BindBlob(int index, std::string_view bytes);
  Statement& BindText(int index, std::string_view text);

  // Goes on to the next row. True if there is a row to look at, false if it has finished.
  absl::StatusOr<bool> Step();
  // Runs a statement that gives no rows, and resets it.
  absl::Status Run();

  int64_t Int(int column) const;
  double Double(int column) const;
  bool IsNull(int column) const;
  // Valid until the next Step or Reset.
  std::string_view Blob(int column) const;

 private:
  friend class Connection;
  Statement(Connection* connection, sqlite3_stmt* statement)
      : connection_(connection), statement_(statement) {}

  Connection* connection_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

// Resets a statement at the end of a scope, so that no read transaction stays open.
class ScopedReset {
 public:
  explicit ScopedReset(Statement& statement) : statement_(statement) {}
  ~ScopedReset() { statement_.Reset(); }
  ScopedReset(const ScopedReset&) = delete;
  ScopedReset& operator=(const ScopedReset&) = delete;

 private:
  Statement& statement_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_JOURNAL_SQLITE_H_
