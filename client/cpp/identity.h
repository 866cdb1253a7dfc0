#ifndef DESCENT_CLIENT_CPP_IDENTITY_H_
#define DESCENT_CLIENT_CPP_IDENTITY_H_

#include <string>
#include <string_view>

namespace descent::client {

// `user@host` of this process: who a daemon on loopback takes a client for. A claim, not a proof.
std::string LocalPrincipal();

// The metadata key under which a client sends its principal.
inline constexpr char kPrincipalKey[] = "x-descent-principal";

// A random UUID (version 4), from the kernel's generator.
std::string DrawRequestId();

// `x` and `jobs/x` to `jobs/x`, the name the API wants; and back to what people type.
std::string JobName(std::string_view job);
std::string JobId(std::string_view name);

}  // namespace descent::client

#endif  // DESCENT_CLIENT_CPP_IDENTITY_H_
