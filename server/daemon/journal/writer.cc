// The writer's thread: what is queued, its transactions, its beginning and end.

#include "server/daemon/journal/writer.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/daemon/journal/stored_journal.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

// How long SQLite tries before it says that another program has the database locked.
constexpr int kBusyMillis = 1000;

}  // namespace

Writer::Writer(std::unique_ptr<Connection> connection, const Journal::Options& options)
    : connection_(std::move(connection)),
      options_(options),
      files_(options.path),
      stall_(options.path, options.free_bytes) {}

absl::Status Writer::Start() {
  absl::StatusOr<std::unique_ptr<WriteStatements>> statements =
      WriteStatements::Prepare(*connection_);
  if (!statements.ok()) return statements.status();
  statements_ = *std::move(statements);
  connection_->SetBusyTimeout(kBusyMillis);
  const absl::StatusOr<int64_t> pages = connection_->QueryInt("PRAGMA page_count");
  if (!pages.ok()) return pages.status();
  const absl::StatusOr<int64_t> unused = statements_->UnusedPages();
  if (!unused.ok()) return unused.status();
  shrinking_ = *unused > *pages / 4;
  if (absl::Status status = files_.Check(); !status.ok()) return status;
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Writer::Enqueue(Operation operation) {
  {
    MutexLock lock(mutex_);
    if (!stopped_) {
      const bool wake = waiting_ || (waiting_for_room_ && IsImpatient(operation.kind));
      queue_.push_back(std::move(operation));
      if (wake) wake_.Signal();
      return;
    }
  }
  if (operation.done) operation.done(absl::UnavailableError("the journal has been closed"));
}

void Writer::Stop() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    wake_.Signal();
  }
  if (thread_.joinable()) thread_.join();
  if (statements_ != nullptr && !moved_heads_.empty() && stall_.failure().ok()) {
    // Nothing that was acknowledged depends on it.
    Transact([&] { return NoteHeads(); }).IgnoreError();
  }
  // Journals hold the writer, and without this both would live for ever.
  thinning_.clear();
  with_tails_.clear();
  moved_heads_.clear();
  statements_.reset();
  connection_.reset();
}

absl::Status Writer::health() {
  if (absl::Status status = stall_.failure(); !status.ok()) return status;
  if (absl::Status status = files_.Check(); !status.ok()) stall_.Fail(status);
  return stall_.status();
}

Journal::Statistics Writer::statistics() const {
  MutexLock lock(mutex_);
  return statistics_;
}

void Writer::Run() {
  bool chores = true;
  while (true) {
    Operations operations;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !chores) {
        if (stop_) {
          stopped_ = true;
          return;
        }
        waiting_ = true;
        chores = !wake_.WaitFor(mutex_, std::chrono::nanoseconds(kSweepNanos));
        waiting_ = false;
      }
      if (stop_ && queue_.empty()) {  // chores go on at the next start
        stopped_ = true;
        return;
      }
      operations.swap(queue_);
    }
    const bool idle = operations.empty();
    if (!idle) Commit(std::move(operations));
    chores = Chore(idle);
  }
}

absl::Status Writer::Transact(absl::FunctionRef<absl::Status()> body) {
  absl::Status status = WaitForLock([&] { return statements_->Begin(); });
  if (status.ok()) status = body();
  if (status.ok()) status = WaitForLock([&] { return statements_->Commit(); });
  if (!status.ok() && connection_->in_transaction()) {
    connection_->Execute("ROLLBACK").IgnoreError();
    if (connection_->in_transaction()) {
      status = absl::UnavailableError(absl::StrCat(
          "a transaction can't be rolled back after this: ", std::string(status.message())));
    }
  }
  // What went to a file that nobody will find again is not durable.
  if (status.ok()) status = files_.Check();
  return status;
}

absl::Status Writer::WaitForLock(absl::FunctionRef<absl::Status()> step) {
  absl::Status status = step();
  if (!absl::IsAborted(status)) return status;
  stall_.Lock(status);
  while (true) {
    status = step();  // takes kBusyMillis
    if (!absl::IsAborted(status)) break;
    MutexLock lock(mutex_);
    if (stop_) break;
  }
  stall_.Over();
  return status;
}

}  // namespace descent::daemon
