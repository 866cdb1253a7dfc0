// The part of the supervisor that takes what sessions bring, on gRPC's threads, to where it
// belongs: events to the host, the rest to the loop.

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc_status.h"
#include "proto/rules/reasons.h"
#include "server/daemon/workers/supervisor.h"

namespace descent::daemon {
namespace {

using server::MutexLock;

}  // namespace

void Supervisor::OnHello(ConnectionPtr connection, worker::v1::Hello hello, Resume resume) {
  loop_->Post([this, connection = std::move(connection), hello = std::move(hello),
               resume = std::move(resume)] {
    Greet(connection, hello);
    resume();
  });
}

void Supervisor::OnMessage(ConnectionPtr connection, worker::v1::WorkerMessage message,
                           Resume resume) {
  const WorkerPtr& worker = connection->worker;
  if (worker == nullptr) return resume();  // it was not greeted
  worker->heard_nanos_.store(clock_->MonotonicNanos(), std::memory_order_relaxed);
  if (worker->fenced()) {
    connection->Fence("Another attempt has taken over");
    return resume();
  }
  switch (message.kind_case()) {
    case worker::v1::WorkerMessage::kEvents: {
      ++worker->held_back_;
      ++*held_back_;
      const Resume release = [worker, count = held_back_, resume = std::move(resume)] {
        --worker->held_back_;
        --*count;
        resume();
      };
      const auto taken = [this, worker] {
        if (worker->fenced()) ++fenced_count_;
      };
      return host_->OnEvents(worker, message.mutable_events(), taken, release);
    }
    case worker::v1::WorkerMessage::kValidated:
      loop_->Post([this, worker, validated = std::move(*message.mutable_validated())] {
        OnValidated(worker, validated);
      });
      return resume();
    case worker::v1::WorkerMessage::kPrediction: {
      // Copied by a std::function otherwise.
      auto prediction =
          std::make_shared<worker::v1::Prediction>(std::move(*message.mutable_prediction()));
      loop_->Post([this, worker, prediction] { OnPrediction(worker, std::move(*prediction)); });
      return resume();
    }
    case worker::v1::WorkerMessage::kHeartbeat:
      loop_->Post([this, worker] {
        if (worker->state_ == Worker::State::kAssigned) host_->OnHeartbeat(worker);
      });
      return resume();
    case worker::v1::WorkerMessage::kUnreadable:
      loop_->Post([this, worker, unreadable = std::move(*message.mutable_unreadable())] {
        EndUnreadable(
            worker, absl::StrCat("its worker was sent what it can't read: ", unreadable.problem()),
            unreadable.request_id());
      });
      return resume();
    default:
      return resume();
  }
}

void Supervisor::OnUnreadable(ConnectionPtr connection, std::string problem, Resume resume) {
  const WorkerPtr& worker = connection->worker;
  if (worker == nullptr) return resume();  // it was not greeted
  worker->heard_nanos_.store(clock_->MonotonicNanos(), std::memory_order_relaxed);
  loop_->Post([this, worker, problem = std::move(problem), resume = std::move(resume)] {
    EndUnreadable(worker, absl::StrCat("its worker sent what can't be read: ", problem), "");
    resume();
  });
}

void Supervisor::OnClosed(ConnectionPtr connection) {
  // The worker may come back, or its process ends, or its lease does: one of them tells.
  if (const WorkerPtr& worker = connection->worker; worker != nullptr) {
    MutexLock lock(worker->mutex_);
    if (worker->connection_ == connection) worker->connection_ = nullptr;
  }
  loop_->Post([this] { Count(); });
}

void Supervisor::EndUnreadable(const WorkerPtr& worker, const std::string& problem,
                               const std::string& request_id) {
  if (worker->fenced()) return;
  if (worker->state_ == Worker::State::kAssigned) {
    host_->OnUnreadable(worker, problem, request_id);
    if (worker->fenced()) ++fenced_count_;
    return Maintain();
  }
  const auto status = [&](const char* what) {
    return MakeError(absl::StatusCode::kInternal, absl::StrCat(what, problem),
                     reason::kUnreadableMessage);
  };
  EndValidation(worker, status("The spec could not be validated: "));
  EndPrediction(worker, status("The prediction failed: "));
  CountFailure(worker);
  Replace(worker, problem);
}

}  // namespace descent::daemon
