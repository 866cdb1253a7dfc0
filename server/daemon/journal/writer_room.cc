// The part of the writer that commits as soon as there is room: on a full disk it tries again, and
// answers meanwhile who does not wait.

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "server/daemon/journal/stored_journal.h"
#include "server/daemon/journal/writer.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

// On a full disk the pause between two tries doubles up to this many times Options::retry.
constexpr int kLongestPause = 20;
// Slices of what can wait that are done between two of these tries.
constexpr int kChoresWithoutRoom = 64;

}  // namespace

void Writer::Commit(Operations operations) {
  std::chrono::nanoseconds pause = options_.retry;
  while (!gave_up_) {
    absl::Status status = stall_.failure();
    if (status.ok()) status = TryCommit(operations, /*alone=*/false);
    if (status.ok()) return;
    if (!absl::IsResourceExhausted(status)) {
      if (stall_.failure().ok()) stall_.Fail(status);
      return Refuse(operations, stall_.failure());
    }
    stall_.DiskFull(status);
    const absl::Status full = stall_.status();
    Operations impatient = TakeImpatient(operations);
    if (operations.empty()) stall_.Forget();
    DoWithoutRoom(std::move(impatient), full);
    if (operations.empty()) return;
    // At the end, what is not written was acknowledged to nobody: its senders have it still.
    gave_up_ = !WaitForRoom(pause);
    // What was thinned or deleted may make some room.
    for (int i = 0; i < kChoresWithoutRoom && !gave_up_ && Chore(/*idle=*/false); ++i) {
    }
    pause = std::min(2 * pause, kLongestPause * options_.retry);
  }
  Refuse(operations, stall_.status());
}

bool Writer::IsImpatient(Operation::Kind kind) {
  return kind == Operation::kCreate || kind == Operation::kDelete;
}

Writer::Operations Writer::TakeImpatient(Operations& operations) {
  const auto first = std::stable_partition(
      operations.begin(), operations.end(),
      [](const Operation& operation) { return !IsImpatient(operation.kind); });
  Operations impatient(std::make_move_iterator(first), std::make_move_iterator(operations.end()));
  operations.erase(first, operations.end());
  return impatient;
}

void Writer::DoWithoutRoom(Operations impatient, const absl::Status& full) {
  for (Operation& operation : impatient) {
    Operations one;
    one.push_back(std::move(operation));
    // There may be room for its few pages.
    if (one.front().kind == Operation::kDelete && stall_.failure().ok()) {
      const absl::Status status = TryCommit(one, /*alone=*/true);
      if (status.ok()) continue;
      if (!absl::IsResourceExhausted(status)) stall_.Fail(status);
    }
    Refuse(one, stall_.failure().ok() ? full : stall_.failure());
  }
}

bool Writer::WaitForRoom(std::chrono::nanoseconds pause) {
  const auto end = std::chrono::steady_clock::now() + pause;
  while (true) {
    Operations impatient;
    {
      MutexLock lock(mutex_);
      if (stop_) return false;
      impatient = TakeImpatient(queue_);
      if (impatient.empty()) {
        const auto left = end - std::chrono::steady_clock::now();
        if (left <= std::chrono::nanoseconds(0)) return true;
        waiting_for_room_ = true;
        wake_.WaitFor(mutex_, left);
        waiting_for_room_ = false;
      }
    }
    DoWithoutRoom(std::move(impatient), stall_.status());
    if (!stall_.failure().ok()) return true;
  }
}

}  // namespace descent::daemon
