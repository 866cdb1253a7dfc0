// Serves unary methods: a request is read, its caller made out, and both handed to a method of
// Requests or TokenRequests. Free functions; any thread.
#ifndef DESCENT_SERVER_DAEMON_API_UNARY_H_
#define DESCENT_SERVER_DAEMON_API_UNARY_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/common/executor.h"
#include "server/daemon/api/answer.h"
#include "server/daemon/api/callers.h"
#include "server/daemon/api/wire_request.h"
#include "server/daemon/jobs/jobs.h"
#include "server/daemon/security/caller.h"

namespace descent::daemon {

// A call as gRPC hands it over.
struct UnaryCall {
  grpc::CallbackServerContext* context;
  const grpc::ByteBuffer* request;
  grpc::ByteBuffer* response;
};

// Reads the request, then hands it to `call(caller, request, done)`, which keeps no reference to
// it. Nothing may throw past here: gRPC would swallow it and leave the call open.
template <class Request, class Response, class Call>
void AskUnary(const Callers& callers, const UnaryCall& unary, Answer<Response>& answer, Call call) {
  const typename Answer<Response>::Done done = answer.done();
  try {
    // Who is not let in has nothing of his read.
    absl::StatusOr<AdmittedCall> admitted = callers.Admit(*unary.context, unary.request->Length());
    if (!admitted.ok()) return done(admitted.status());
    answer.Hold(std::move(admitted->call), std::move(admitted->bytes));
    Request request;
    if (absl::Status status = ReadRequest(*unary.request, &request); !status.ok()) {
      return done(status);
    }
    call(admitted->caller, request, done);
  } catch (const std::exception& error) {
    done(absl::InternalError(error.what()));
  }
}

// Serves a method that answers later; what it gives (Create and Validate) is called when the client
// goes away before the answer.
template <class Service, class Request, class Response, class Cancel>
grpc::ServerUnaryReactor* ServeLater(const Service& service, const Callers& callers,
                                     const UnaryCall& unary,
                                     Cancel (Service::*method)(const Caller&, const Request&,
                                                               Jobs::Callback<Response>) const) {
  const auto answer = std::make_shared<Answer<Response>>(unary.response);
  AskUnary<Request>(
      callers, unary, *answer,
      [&](const Caller& caller, const Request& request, Jobs::Callback<Response> done) {
        if constexpr (std::is_void_v<Cancel>) {
          (service.*method)(caller, request, std::move(done));
        } else {
          answer->SetCancel((service.*method)(caller, request, std::move(done)));
        }
      });
  return answer->Begin();
}

// Serves a method that answers when it returns, and may block: on `executor`.
template <class Service, class Request, class Response>
grpc::ServerUnaryReactor* ServeOn(server::Executor& executor, const Service& service,
                                  const Callers& callers, const UnaryCall& unary,
                                  absl::StatusOr<Response> (Service::*method)(const Caller&,
                                                                              const Request&)
                                      const) {
  const auto answer = std::make_shared<Answer<Response>>(unary.response);
  AskUnary<Request>(
      callers, unary, *answer,
      [&](const Caller& caller, const Request& request, const Jobs::Callback<Response>& done) {
        executor.Post([service, method, caller, request, done] {
          try {
            done((service.*method)(caller, request));
          } catch (const std::exception& error) {
            done(absl::InternalError(error.what()));
          }
        });
      });
  return answer->Begin();
}

}  // namespace descent::daemon

#endif  // DESCENT_SERVER_DAEMON_API_UNARY_H_
