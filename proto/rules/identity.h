// The metadata keys of gRPC, or headers of HTTP, in which a client says who it is and proves it.
#ifndef DESCENT_PROTO_RULES_IDENTITY_H_
#define DESCENT_PROTO_RULES_IDENTITY_H_

namespace descent::rules {

// A name, printable ASCII: a claim, not a proof.
inline constexpr char kPrincipalHeader[] = "x-descent-principal";

// `Bearer TOKEN` (RFC 6750); the scheme as it is written here, with the space before the token.
inline constexpr char kAuthorizationHeader[] = "authorization";
inline constexpr char kBearerScheme[] = "Bearer ";

}  // namespace descent::rules

#endif  // DESCENT_PROTO_RULES_IDENTITY_H_
