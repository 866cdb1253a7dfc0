#include "server/daemon/jobs/attempt.h"

#include <algorithm>
#include <utility>

namespace descent::daemon {
namespace {

// A stream of iterations is acknowledged this often, or after so many events: an acknowledgement
// wakes threads on both sides, and all that waits for it is the worker's buffer.
constexpr int64_t kAcknowledgeNanos = 10'000'000;
constexpr int64_t kAcknowledgeEvents = 4096;

}  // namespace

// -------------------------------------------------------------------------- What the journal says

void Attempt::Apply(const v1::Event& event) {
  if (event.sequence() > 0 && event.attempt() == newest_.number) {
    newest_.last_sequence = std::max(newest_.last_sequence, event.sequence());
  }
  if (event.has_attempt_started()) {
    newest_ = {event.attempt(), event.revision(), event.attempt_started(), 0};
    fruitless_revisions_.push_back(event.revision());
  } else if (event.has_rewound()) {
    // To go on from a checkpoint is no progress; to have come further than ever before was.
    const v1::Rewound& rewound = event.rewound();
    const bool restarted = rewound.cause() == v1::Rewound::RESTARTED;
    if (restarted && rewound.from_iteration() <= furthest_iteration_) return;
    if (restarted) furthest_iteration_ = rewound.from_iteration();
    fruitless_revisions_.clear();
  } else if (event.has_state_changed()) {
    const v1::JobState state = event.state_changed().state();
    if (state == v1::QUEUED) fruitless_revisions_.clear();
    // A worker that waits for people at the head has computed all that there was to compute.
    if (state == v1::PAUSED && event.attempt() == newest_.number && !fruitless_revisions_.empty() &&
        fruitless_revisions_.back() == newest_.revision) {
      fruitless_revisions_.pop_back();
    }
  }
}

int Attempt::CountFruitless(int64_t head_iteration, int64_t last_iteration_revision) {
  // The iteration was there before: nothing is new.
  if (head_iteration <= furthest_iteration_) last_iteration_revision = 0;
  // Those up to this revision will never count again.
  std::erase_if(fruitless_revisions_,
                [&](int64_t revision) { return revision <= last_iteration_revision; });
  return static_cast<int>(fruitless_revisions_.size());
}

// -------------------------------------------------------------------------------------- Its life

void Attempt::Prepare(const WorkerPtr& worker) {
  run_ = Run{};
  run_.phase = Phase::kPreparing;
  run_.worker = worker;
}

void Attempt::Start(Base base, int64_t head_iteration) {
  run_.phase = Phase::kStarting;
  run_.number = newest_.number + 1;
  run_.recompute_until = head_iteration;
  run_.recomputing = head_iteration > base.iteration;
  run_.comparing = head_iteration >= 0;
  run_.base = std::move(base);
}

bool Attempt::GoLive(int32_t number) {
  if (run_.number != number || run_.phase != Phase::kStarting) return false;
  run_.phase = Phase::kLive;
  return true;
}

void Attempt::Await(const WorkerPtr& worker, Base base, int64_t head_iteration,
                    int64_t last_iteration_revision) {
  const bool nothing_new = last_iteration_revision < newest_.revision;
  run_ = Run{};
  run_.phase = Phase::kAwaited;
  run_.number = newest_.number;
  run_.worker = worker;
  run_.recompute_until = head_iteration;
  run_.recomputing = nothing_new && head_iteration > base.iteration;
  run_.comparing = nothing_new && head_iteration >= 0;
  run_.base = std::move(base);
  run_.taken_sequence = run_.durable_sequence = run_.acknowledged_sequence = newest_.last_sequence;
}

bool Attempt::StartAgain() {
  if (run_.phase != Phase::kAwaited && run_.phase != Phase::kLive) return false;
  run_.phase = Phase::kLive;
  return true;
}

bool Attempt::Reconnect(const WorkerPtr& worker, const worker::v1::Hello& hello) {
  const bool is_its = run_.phase == Phase::kAwaited || (is_live() && run_.worker == worker);
  if (!is_its || hello.attempt() != run_.number) return false;
  run_.phase = Phase::kLive;
  run_.worker = worker;
  // What is before is acknowledged, so it is durable, even if it was only compared.
  const int64_t before = hello.first_unacknowledged_sequence() - 1;
  run_.taken_sequence = std::max(run_.taken_sequence, before);
  run_.durable_sequence = std::max(run_.durable_sequence, before);
  run_.acknowledged_sequence = run_.durable_sequence;
  return true;
}

void Attempt::End() {
  run_.phase = Phase::kIdle;
  run_.worker = nullptr;
  run_.recomputing = run_.comparing = false;
}

// ------------------------------------------------------------------------------------- Its worker

void Attempt::Send(worker::v1::DaemonMessage message) const {
  if (run_.worker != nullptr) run_.worker->Send(std::move(message));
}

void Attempt::SendAck(int64_t sequence) const {
  if (run_.worker != nullptr) run_.worker->SendAck(sequence);
}

void Attempt::Fence(const std::string& reason) const {
  if (run_.worker != nullptr) run_.worker->Fence(reason);
}

bool Attempt::Postpone(const WorkerPtr& worker, std::function<void()> later) {
  const bool waits = is_preparing() || comparisons_ > 0;
  if (!waits || !IsOf(worker)) return false;
  postponed_.push_back(std::move(later));
  return true;
}

std::vector<std::function<void()>> Attempt::TakePostponed() {
  return std::exchange(postponed_, {});
}

// ---------------------------------------------------------------------------------- What it tells

std::optional<int64_t> Attempt::Acknowledge(int64_t sequence, bool all_landed, bool at_once) {
  run_.durable_sequence =
      std::max(run_.durable_sequence, all_landed ? run_.taken_sequence : sequence);
  const int64_t waiting = run_.durable_sequence - run_.acknowledged_sequence;
  if (waiting <= 0 || run_.worker == nullptr) return std::nullopt;
  const int64_t now = clock_->MonotonicNanos();
  if (!at_once && !run_.asks_acknowledgement && waiting < kAcknowledgeEvents &&
      now - run_.acknowledged_nanos < kAcknowledgeNanos) {
    return std::nullopt;
  }
  run_.acknowledged_sequence = run_.durable_sequence;
  run_.acknowledged_nanos = now;
  if (all_landed) run_.asks_acknowledgement = false;
  return run_.durable_sequence;
}

std::optional<int64_t> Attempt::AskAcknowledgement(bool all_landed) {
  run_.asks_acknowledgement = !all_landed;
  return Acknowledge(run_.durable_sequence, all_landed, /*at_once=*/true);
}

}  // namespace descent::daemon
