#include "server/worker/session/outbox.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace descent::worker {
namespace {

constexpr size_t kChunkBytes = 256 << 10;  // a batch is at most this and one group of events
constexpr double kSlow = 2'000;            // events a second below which nothing waits
constexpr double kFast = 25'000;
constexpr double kMaxLingerNanos = 20e6;
constexpr int64_t kWindowNanos = 50'000'000;

}  // namespace

void Outbox::Begin(const std::string& job, int32_t attempt) {
  MutexLock lock(mutex_);
  identity_.job = job;
  identity_.attempt = attempt;
}

Outbox::Identity Outbox::identity() const {
  MutexLock lock(mutex_);
  return identity_;
}

void Outbox::AppendLocked(std::string_view event) {
  if (!growing_ || chunks_.back()->bytes.size() >= kChunkBytes) {
    chunks_.push_back(std::make_shared<Chunk>());
    chunks_.back()->first_sequence = next_sequence_;
    growing_ = true;
  }
  Chunk& chunk = *chunks_.back();
  chunk.bytes.append(event);
  chunk.ends.push_back(static_cast<uint32_t>(chunk.bytes.size()));
  bytes_ += event.size();
  ++next_sequence_;
}

void Outbox::WaitForSpace() {
  while (bytes_ > max_bytes_ && !abandoned_) acknowledged_changed_.Wait(mutex_);
}

void Outbox::Append(std::string_view event) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    if (bytes_ > max_bytes_) WaitForSpace();
    AppendLocked(event);
    wake = std::exchange(sender_idle_, false);
  }
  if (wake) wake_sender_.Signal();
}

void Outbox::Append(const std::vector<std::string_view>& events, bool urgent) {
  MutexLock lock(mutex_);
  WaitForSpace();
  // A group must not be divided: what has grown so far may go first.
  if (growing_ && chunks_.back()->bytes.size() >= kChunkBytes / 2) growing_ = false;
  for (size_t i = 0; i < events.size(); ++i) AppendLocked(events[i]);
  urgent_ |= urgent;
  sender_idle_ = false;
  wake_sender_.Signal();
}

void Outbox::Send(v1::WorkerMessage message) {
  MutexLock lock(mutex_);
  messages_.push_back(std::move(message));
  wake_sender_.Signal();
}

bool Outbox::HasUnsent() const { return sent_ + 1 < next_sequence_; }

int64_t Outbox::LingerNanos() const {
  const double share = std::clamp((rate_ - kSlow) / (kFast - kSlow), 0.0, 1.0);
  return static_cast<int64_t>(share * kMaxLingerNanos);
}

void Outbox::CountRate(int64_t now) {
  const int64_t nanos = now - window_start_;
  if (nanos < kWindowNanos) return;
  rate_ = static_cast<double>(next_sequence_ - window_sequence_) * 1e9 / static_cast<double>(nanos);
  window_start_ = now;
  window_sequence_ = next_sequence_;
}

std::shared_ptr<Outbox::Chunk> Outbox::TakeChunk() {
  const auto is_sent = [sent = sent_](const auto& c) { return c->last_sequence() <= sent; };
  const auto chunk = std::partition_point(chunks_.begin(), chunks_.end(), is_sent);
  if (*chunk == chunks_.back()) growing_ = false;
  return *chunk;
}

void Outbox::Fill(const Chunk& chunk, int64_t after, v1::WorkerMessage* message) const {
  v1::EventBatch* batch = message->mutable_events();
  const size_t skip = static_cast<size_t>(std::max<int64_t>(0, after + 1 - chunk.first_sequence));
  batch->set_first_sequence(chunk.first_sequence + static_cast<int64_t>(skip));
  uint32_t begin = skip == 0 ? 0 : chunk.ends[skip - 1];
  for (size_t i = skip; i < chunk.ends.size(); ++i) {
    batch->add_events(chunk.bytes.data() + begin, chunk.ends[i] - begin);
    begin = chunk.ends[i];
  }
}

Outbox::Taken Outbox::Next(int64_t connection, int64_t timeout_nanos, v1::WorkerMessage* message) {
  std::shared_ptr<Chunk> chunk;
  int64_t after = 0;
  message->Clear();
  {
    MutexLock lock(mutex_);
    const int64_t deadline = clock_->MonotonicNanos() + timeout_nanos;
    int64_t unsent_since = 0;
    while (true) {
      if (closed_ || connection != connection_) return Taken::kInterrupted;
      if (!messages_.empty()) {
        *message = std::move(messages_.front());
        messages_.pop_front();
        return Taken::kMessage;
      }
      const int64_t now = clock_->MonotonicNanos();
      int64_t wait_until = deadline;
      if (HasUnsent()) {
        CountRate(now);
        if (unsent_since == 0) unsent_since = now;
        const int64_t due = unsent_since + LingerNanos();
        const bool full = chunks_.back()->first_sequence > sent_ + 1;
        if (urgent_ || full || now >= due) break;
        wait_until = due;  // sender_idle_ stays false: iterations don't interrupt this wait
      } else {
        if (now >= deadline) return Taken::kTimeout;
        sender_idle_ = true;
      }
      wake_sender_.WaitFor(mutex_, std::chrono::nanoseconds(wait_until - now));
      sender_idle_ = false;
    }
    chunk = TakeChunk();
    after = sent_;
    sent_ = chunk->last_sequence();
    if (!HasUnsent()) urgent_ = false;
    message->mutable_events()->set_job(identity_.job);
    message->mutable_events()->set_attempt(identity_.attempt);
  }
  Fill(*chunk, after, message);
  return Taken::kMessage;
}

void Outbox::Acknowledge(int64_t sequence) {
  MutexLock lock(mutex_);
  identity_.first_unacknowledged_sequence =
      std::max(identity_.first_unacknowledged_sequence, sequence + 1);
  while (!chunks_.empty() && chunks_.front()->last_sequence() <= sequence) {
    bytes_ -= chunks_.front()->bytes.size();
    if (chunks_.size() == 1) growing_ = false;
    chunks_.pop_front();
  }
  acknowledged_changed_.SignalAll();
}

int64_t Outbox::NewConnection(int64_t acknowledged) {
  Acknowledge(acknowledged);
  MutexLock lock(mutex_);
  sent_ = std::max(acknowledged, identity_.first_unacknowledged_sequence - 1);
  urgent_ = true;
  messages_.clear();
  wake_sender_.Signal();
  return ++connection_;
}

bool Outbox::WaitAcknowledged(int64_t timeout_nanos) {
  MutexLock lock(mutex_);
  const int64_t deadline = clock_->MonotonicNanos() + timeout_nanos;
  while (identity_.first_unacknowledged_sequence < next_sequence_) {
    const int64_t now = clock_->MonotonicNanos();
    if (now >= deadline || abandoned_) return false;
    acknowledged_changed_.WaitFor(mutex_, std::chrono::nanoseconds(deadline - now));
  }
  return true;
}

void Outbox::Abandon() {
  MutexLock lock(mutex_);
  abandoned_ = true;
  acknowledged_changed_.SignalAll();
}

void Outbox::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  wake_sender_.Signal();
}

}  // namespace descent::worker
