// Halves the step size of a job at iteration 1000, over gRPC, and watches it to its end.
// turn JOB, with descentd at $DESCENT_SERVER.
#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include "descent/v1/training_service.grpc.pb.h"

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: turn JOB\n", 2;
  const std::string job = std::string("jobs/") + argv[1];
  std::string server = "unix:";
  if (const char* address = std::getenv("DESCENT_SERVER")) {
    server = address;
  } else if (const char* home = std::getenv("HOME")) {
    // The socket of this user's daemon lets him in without a token.
    server += std::string(home) + "/.local/share/descent/client.sock";
  }
  auto training = descent::v1::TrainingService::NewStub(
      grpc::CreateChannel(server, grpc::InsecureChannelCredentials()));

  descent::v1::CommandJobRequest halve;
  halve.set_name(job);
  halve.set_request_id("halve");  // the same id again: the same answer, applied once
  halve.set_at_iteration(1000);
  auto* scale = halve.add_commands()->mutable_scale();
  scale->set_path("step_size");
  scale->set_factor(0.5);
  grpc::ClientContext command_context;
  descent::v1::CommandJobResponse answer;
  grpc::Status status = training->CommandJob(&command_context, halve, &answer);
  std::cout << (status.ok() ? answer.event().ShortDebugString() : status.error_message()) << "\n";

  descent::v1::WatchJobRequest request;
  request.set_name(job);
  grpc::ClientContext watch_context;
  auto reader = training->WatchJob(&watch_context, request);
  descent::v1::WatchJobResponse response;
  while (reader->Read(&response)) {
    for (const auto& event : response.events()) {
      if (!event.has_iteration() || event.iteration().index() % 500 != 0) continue;
      std::cout << event.iteration().index() << ": " << event.iteration().value() << ", "
                << event.iteration().step_size() << "\n";
    }
  }
  return reader->Finish().ok() ? 0 : 1;
}
