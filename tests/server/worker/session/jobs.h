// Makes small jobs for tests of the worker, and finds what one looks for in their events.
#ifndef DESCENT_TESTS_SERVER_WORKER_SESSION_JOBS_H_
#define DESCENT_TESTS_SERVER_WORKER_SESSION_JOBS_H_

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "descent/v1/event.pb.h"
#include "tests/server/worker/session/fake_daemon.h"

namespace descent::worker {

using ::descent::v1::Event;
using Events = FakeDaemon::Events;

inline std::string WriteTable(const std::string& folder, int rows) {
  const std::string path = folder + "/table.csv";
  std::ofstream file(path);
  file << "a,b,c,label\n";
  uint32_t state = 1;
  const auto draw = [&] {
    state = state * 1664525 + 1013904223;
    return static_cast<double>(state >> 8) / (1 << 24) - 0.5;
  };
  for (int i = 0; i < rows; ++i) {
    const double a = draw(), b = draw(), c = draw();
    file << a << "," << b << "," << c << "," << (a + b > 0) + (c > 0.2) << "\n";
  }
  return path;
}

// Gives a job on 100 examples in batches of 16: an epoch has 7 iterations.
inline ::descent::v1::Spec SmallSpec(
    const std::string& table, int64_t iterations,
    const std::string& optimizer = "adam { step_size { cosine { initial: 0.02 } } }") {
  const std::string source = "{ csv { path: '" + table + "' targets: 'label' } }";
  ::descent::v1::Spec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(model { sequential {
             layers { name: 'hidden' linear { out_features: 8 } }
             layers { relu {} }
             layers { linear { out_features: 3 } } } }
         objective { cross_entropy {} }
         optimizer { )" +
          optimizer + R"( }
         data { train )" +
          source + " test " + source + R"( batch_size: 16 }
         seed: 7 checkpoints { every_iterations: 20 }
         iterations: )" +
          std::to_string(iterations),
      &spec));
  return spec;
}

inline v1::DaemonMessage StartOf(const FakeDaemon& daemon, const ::descent::v1::Spec& spec,
                                 int attempt = 1) {
  v1::DaemonMessage message;
  v1::Start* start = message.mutable_start();
  start->set_job("jobs/test");
  start->set_attempt(attempt);
  *start->mutable_spec() = spec;
  start->set_checkpoint_dir(daemon.folder() + "/checkpoints");
  start->set_recompute_until(-1);
  return message;
}

// `commands` is a textproto of CommandAccepted's further fields.
inline ::descent::v1::CommandAccepted Request(const std::string& id, const std::string& text) {
  ::descent::v1::CommandAccepted request;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
  request.set_request_id(id);
  request.set_principal("tester");
  return request;
}

inline v1::DaemonMessage Command(const std::string& id, const std::string& text) {
  v1::DaemonMessage message;
  *message.mutable_command()->mutable_request() = Request(id, text);
  return message;
}

inline bool IsFinal(const Event& event) {
  return event.has_state_changed() && (event.state_changed().state() == ::descent::v1::SUCCEEDED ||
                                       event.state_changed().state() == ::descent::v1::STOPPED ||
                                       event.state_changed().state() == ::descent::v1::FAILED);
}

inline bool Ended(const Events& events) { return !events.empty() && IsFinal(events.back()); }

inline auto Reached(int64_t iteration) {
  return [iteration](const Events& events) {
    for (const Event& event : events) {
      if (event.has_iteration() && event.iteration().index() >= iteration) return true;
    }
    return false;
  };
}

// Gives the answer to a request.
inline const Event* Answer(const Events& events, const std::string& id) {
  for (const Event& event : events) {
    if (event.has_command_applied() && event.command_applied().request_id() == id) return &event;
    if (event.has_command_rejected() && event.command_rejected().request_id() == id) return &event;
  }
  return nullptr;
}

inline auto Answered(const std::string& id) {
  return [id](const Events& events) { return Answer(events, id) != nullptr; };
}

inline std::vector<::descent::v1::Iteration> Iterations(const Events& events) {
  std::vector<::descent::v1::Iteration> iterations;
  for (const Event& event : events) {
    if (event.has_iteration()) iterations.push_back(event.iteration());
  }
  return iterations;
}

inline ::descent::v1::CheckpointSaved LastCheckpoint(const Events& events) {
  ::descent::v1::CheckpointSaved last;
  for (const Event& event : events) {
    if (event.has_checkpoint_saved()) last = event.checkpoint_saved();
  }
  return last;
}

}  // namespace descent::worker

#endif  // DESCENT_TESTS_SERVER_WORKER_SESSION_JOBS_H_
