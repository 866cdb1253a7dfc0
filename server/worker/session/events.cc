#include "server/worker/session/events.h"

#include <cstddef>
#include <utility>

#include "core/text/utf8.h"

namespace descent::worker {
namespace {

namespace api = ::descent::v1;

constexpr size_t kMaxText = 4096;  // bytes of a reason or a notice

}  // namespace

api::JobState StateBeforeRunning(const v1::Start& start) {
  return start.attempt() <= 1 ? api::PREPARING : api::RECOVERING;
}

api::Event NoticeEvent(api::Notice::Severity severity, const std::string& message) {
  api::Event event;
  event.mutable_notice()->set_severity(severity);
  event.mutable_notice()->set_message(ShortUtf8(message, kMaxText));
  return event;
}

api::Event StateEvent(api::JobState from, api::JobState to, int64_t iteration,
                      const std::string& reason) {
  api::Event event;
  api::StateChanged* change = event.mutable_state_changed();
  change->set_state(to);
  change->set_old_state(from);
  if (iteration >= 0) change->set_iteration(iteration);
  change->set_reason(ShortUtf8(reason, kMaxText));
  return event;
}

api::Event FailedEvent(api::JobState from, int64_t iteration, const std::string& cause,
                       const char* error_reason) {
  api::Event event = StateEvent(from, api::FAILED, iteration, cause);
  event.mutable_state_changed()->set_error_reason(error_reason);
  return event;
}

api::Event AppliedEvent(const api::CommandAccepted& request, int64_t iteration, Effect* effect,
                        std::optional<int64_t> reapplied_from) {
  api::Event event;
  api::CommandApplied* applied = event.mutable_command_applied();
  applied->set_request_id(request.request_id());
  applied->set_iteration(iteration);
  applied->set_principal(request.principal());
  for (api::Change& change : effect->changes) *applied->add_changes() = std::move(change);
  for (std::string& name : effect->commands) applied->add_commands(std::move(name));
  if (reapplied_from) applied->set_reapplied_from(*reapplied_from);
  return event;
}

api::Event RejectedEvent(const api::CommandAccepted& request, const Refusal& refusal) {
  api::Event event;
  api::CommandRejected* rejected = event.mutable_command_rejected();
  rejected->set_request_id(request.request_id());
  rejected->set_principal(request.principal());
  rejected->set_code(refusal.code);
  rejected->set_message(refusal.message);
  rejected->set_reason(refusal.reason);
  rejected->set_field(refusal.field);
  return event;
}

void FillIteration(const Trainer::Boundary& boundary, double elapsed_seconds,
                   api::Iteration* iteration) {
  iteration->set_index(boundary.index);
  iteration->set_value(boundary.value);
  iteration->set_gradient_norm(boundary.gradient_norm);
  iteration->set_samples(boundary.samples);
  iteration->set_epoch(boundary.epoch);
  iteration->set_elapsed_seconds(elapsed_seconds);
  iteration->clear_scalars();
  for (const double scalar : boundary.scalars) iteration->add_scalars(scalar);
  if (boundary.step_size) {
    iteration->set_step_size(*boundary.step_size);
  } else {
    iteration->clear_step_size();
  }
}

}  // namespace descent::worker
