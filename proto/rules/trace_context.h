// W3C Trace Context (https://www.w3.org/TR/trace-context/): in whose trace a request is made.
// Clients pass on what they find in their environment, the daemon what it is sent. Values and pure
// functions; any thread.
#ifndef DESCENT_PROTO_RULES_TRACE_CONTEXT_H_
#define DESCENT_PROTO_RULES_TRACE_CONTEXT_H_

#include <string>
#include <string_view>

namespace descent::rules {

// The metadata keys of gRPC, or headers of HTTP, and the environment variables.
inline constexpr char kTraceParentHeader[] = "traceparent";
inline constexpr char kTraceStateHeader[] = "tracestate";
inline constexpr char kTraceParentVariable[] = "TRACEPARENT";
inline constexpr char kTraceStateVariable[] = "TRACESTATE";

struct TraceContext {
  std::string parent = {};  // empty: there is none, and no state either
  std::string state = {};

  bool empty() const { return parent.empty(); }
};

// Reads the two values. A parent that is malformed is none at all (section 4.3: the trace is then
// left, and no fresh one is begun here); a state that is malformed is left out (3.3.1.5). A parent
// of a version that is not known is read as one of 00, and given as such (2.2.5). Of a state longer
// than 512 characters the longest entries go first, then the last ones (3.3.1.5).
TraceContext ReadTraceContext(std::string_view parent, std::string_view state);

// Gives the 32 digits of a parent that was read; empty of anything else.
std::string_view TraceIdOf(std::string_view parent);

}  // namespace descent::rules

#endif  // DESCENT_PROTO_RULES_TRACE_CONTEXT_H_
