// A `RefusalLog` tells the log who was turned away, once a second at most, with how many there
// were: whoever guesses tokens fills no disk, and nobody is locked out. It counts all, by why.
// Thread-safe.
#ifndef DESCENT_SERVER_DAEMON_SECURITY_REFUSAL_LOG_H_
#define DESCENT_SERVER_DAEMON_SECURITY_REFUSAL_LOG_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "server/common/clock.h"
#include "server/common/line_pace.h"
#include "server/common/tally.h"
#include "server/daemon/audit/audit_log.h"

namespace descent::daemon {

// Why somebody is turned away.
enum class Refused {
  kNoToken,
  kMalformed,  // an authorization that is none
  kUnknown,    // a token or a session that is not known
  kExpired,
  kRevoked,
  kBadCode,  // a login code
};

class RefusalLog {
 public:
  // Both must outlive it; `audit`, which is told of them too, may be null.
  RefusalLog(const server::Clock* clock, AuditLog* audit);

  // Somebody, from there, was turned away. `why` holds nothing of what he brought.
  void Add(Refused reason, std::string_view why, std::string_view from);

  // Gives how many, by the reasons' names (`no_token`), also those that there were none of.
  std::map<std::string, int64_t> counts() const;

 private:
  const server::Clock* const clock_;
  AuditLog* const audit_;
  server::LinePace pace_;
  server::Tally<1> counts_;
};

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_SECURITY_REFUSAL_LOG_H_
