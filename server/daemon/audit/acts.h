// What people did to a job, as its journal has it. Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_AUDIT_ACTS_H_
#define DESCENT_SERVER_DAEMON_AUDIT_ACTS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "descent/v1/audit_service.pb.h"
#include "server/daemon/journal/journal.h"

namespace descent::daemon {

// Gives the job's creation, then its commands with what came of each, in order. Errors are the
// journal's: NOT_FOUND if the job was deleted, DATA_LOSS. Blocks.
absl::StatusOr<std::vector<v1::AuditEntry>> ActsOf(JobJournal& journal);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_AUDIT_ACTS_H_
