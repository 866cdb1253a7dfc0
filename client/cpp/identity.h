// Who a client is, and what it calls jobs. Free functions; any thread.
#ifndef DESCENT_CLIENT_CPP_IDENTITY_H_
#define DESCENT_CLIENT_CPP_IDENTITY_H_

#include <string>
#include <string_view>

#include "proto/rules/trace_context.h"

namespace descent::client {

// Gives `user@host` of this process, for which a daemon on loopback takes a client. It is a claim,
// not a proof.
std::string LocalPrincipal();

// Gives the trace that this process was started in, by $TRACEPARENT and $TRACESTATE; none if that
// is malformed.
rules::TraceContext LocalTrace();

// Gives a random UUID (version 4), from the kernel's generator.
std::string DrawRequestId();

// Give `jobs/x`, the name that the API wants, for `x` and for `jobs/x`; and `x`, which people type.
std::string JobName(std::string_view job);
std::string JobId(std::string_view name);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_IDENTITY_H_
