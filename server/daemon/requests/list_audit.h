// Lists who did what: from the journals of all jobs, and from the list of what they don't have. A
// free function; any thread.
#ifndef DESCENT_SERVER_DAEMON_REQUESTS_LIST_AUDIT_H_
#define DESCENT_SERVER_DAEMON_REQUESTS_LIST_AUDIT_H_

#include "absl/status/statusor.h"
#include "descent/v1/audit_service.pb.h"
#include "server/daemon/audit/audit_log.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

// Gives what `request`, which has been checked, asks for and the caller may see. `audit` may be
// null: then there are the journals alone. A journal that is damaged tells nothing.
// INVALID_ARGUMENT if page_token is none. Blocks: it reads what the journals have of people's acts.
absl::StatusOr<v1::ListAuditEntriesResponse> ListAudit(const Jobs& jobs, const AuditLog* audit,
                                                       const Caller& caller,
                                                       const v1::ListAuditEntriesRequest& request);

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_REQUESTS_LIST_AUDIT_H_
