// The part of Job that ends attempts, and with them, at times, the run (rules 5, 6 and 10 of
// server/README.md).

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rules/names.h"
#include "proto/rules/reasons.h"
#include "server/common/log.h"
#include "server/daemon/jobs/job.h"

namespace descent::daemon {
namespace {

using server::LogWarning;
using server::MutexLock;

constexpr int kMaxFruitlessAttempts = 3;
constexpr int64_t kFirstBackOff = 100'000'000;

}  // namespace

void Job::OnLost(const WorkerPtr& worker, const std::string& cause, bool clean,
                 bool shutting_down) {
  MutexLock lock(mutex_);
  if (attempt_.Postpone(worker, [self = shared_from_this(), worker, cause, clean, shutting_down] {
        self->OnLost(worker, cause, clean, shutting_down);
      })) {
    return;
  }
  if (!attempt_.IsOf(worker)) return;
  if (present().is_final()) return Unbind();
  if (shutting_down) {
    Unbind();
    // The worker saved a checkpoint and left: no attempt was wasted.
    if (!clean) return;
    Draft draft;
    appender_.Add(
        appender_.NewState(v1::QUEUED, "The daemon was stopped; the run goes on when it is back"),
        &draft);
    return Append(std::move(draft));
  }
  EndAttempt(clean ? absl::StrCat(cause, " before the run was over") : cause, Draft{});
}

void Job::Unbind() {
  attempt_.End();
  recomputation_ = Recomputation();
}

void Job::LeaveService(const absl::Status& damage) {
  MutexLock lock(mutex_);
  attempt_.Fence("The job's stored journal is damaged");
  Unbind();
  AnswerAll(damage);
}

void Job::EndAttempt(const std::string& cause, Draft draft) {
  const int fruitless =
      attempt_.CountFruitless(appender_.head_iteration(), appender_.last_iteration_revision());
  checkpoint_suspected_ = fruitless > 0;
  LogWarning({.job = rules::JobName(id_), .attempt = attempt_.number()},
             absl::StrCat("attempt ", attempt_.number(), ": ", cause));
  appender_.Add(appender_.NewNotice(absl::StrCat("Attempt ", attempt_.number(), " ended: ", cause)),
                &draft);
  Unbind();
  if (fruitless >= kMaxFruitlessAttempts) {
    v1::Event end = appender_.NewState(
        v1::FAILED,
        absl::StrCat(fruitless, " attempts without a new iteration; the last one ended: ", cause));
    end.mutable_state_changed()->set_error_reason(reason::kAttemptsExhausted);
    AddFinal(std::move(end), &draft);
    return Append(std::move(draft));
  }
  if (present().state() != v1::RECOVERING) {
    appender_.Add(appender_.NewState(v1::RECOVERING, cause), &draft);
  }
  Append(std::move(draft));
  WantWorker(fruitless <= 1 ? 0 : kFirstBackOff << (fruitless - 1));
}

void Job::Fail(const std::string& cause, const char* error_reason, Draft draft) {
  attempt_.Fence(cause);
  LogWarning({.job = rules::JobName(id_), .attempt = attempt_.number()},
             absl::StrCat("attempt ", attempt_.number(), ": ", cause));
  Unbind();
  if (!present().is_final()) {
    v1::Event end = appender_.NewState(v1::FAILED, absl::StrCat("The run can't go on: ", cause));
    end.mutable_state_changed()->set_error_reason(error_reason);
    AddFinal(std::move(end), &draft);
  }
  Append(std::move(draft));
}

v1::Event Job::NewRewound(const Attempt::Base& base, v1::Rewound::Cause cause,
                          const std::string& detail) const {
  v1::Event event = appender_.NewEvent();
  v1::Rewound& rewound = *event.mutable_rewound();
  rewound.set_to_iteration(base.iteration);
  rewound.set_cause(cause);
  rewound.set_from_branch(appender_.lineage().branch());
  rewound.set_to_branch(present().core().branch() + 1);
  rewound.set_checkpoint(base.checkpoint);
  rewound.set_detail(detail);
  rewound.set_from_iteration(appender_.head_iteration());
  event.set_branch(rewound.to_branch());
  return event;
}

void Job::Diverge(const std::string& difference, Draft draft) {
  appender_.Add(NewRewound(attempt_.base(), v1::Rewound::RECOMPUTED, difference), &draft);
  attempt_.Fence("Its re-computed history differs from the journal: " + difference);
  Unbind();
  if (present().state() != v1::RECOVERING) {
    appender_.Add(appender_.NewState(v1::RECOVERING, "re-computed history differed: " + difference),
                  &draft);
  }
  Append(std::move(draft));
  WantWorker(0);
}

void Job::WantWorker(int64_t delay_nanos) {
  environment_.loop->Post([self = shared_from_this(), delay_nanos] {
    self->environment_.wants_worker(self, delay_nanos);
  });
}

WorkerPtr Job::Abandon(const std::string& reason) {
  MutexLock lock(mutex_);
  WorkerPtr worker = attempt_.worker();
  if (!present().is_final() && damage().ok()) {
    Draft draft;
    AddFinal(appender_.NewState(v1::STOPPED, reason), &draft);
    Append(std::move(draft));
  }
  attempt_.Fence(reason);
  Unbind();
  return worker;
}

}  // namespace descent::daemon
