// Runs a real descent-worker against a fake daemon: what the tests of one attempt begin with.
#ifndef DESCENT_TESTS_SERVER_WORKER_SESSION_ATTEMPT_FIXTURE_H_
#define DESCENT_TESTS_SERVER_WORKER_SESSION_ATTEMPT_FIXTURE_H_

#include <gtest/gtest.h>

#include <string>

#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {

namespace api = ::descent::v1;

class AttemptTest : public ::testing::Test {
 protected:
  FakeDaemon daemon_;
  const std::string table_ = WriteTable(daemon_.folder(), 100);
};

// The start is paused at iteration 10, so that a test can talk to it at leisure.
inline v1::DaemonMessage PausedAt10(const FakeDaemon& daemon, const api::Spec& spec) {
  v1::DaemonMessage start = StartOf(daemon, spec);
  *start.mutable_start()->add_unresolved() =
      Request("pause-10", "commands { pause {} } at_iteration: 10");
  return start;
}

}  // namespace descent::worker

#endif  // DESCENT_TESTS_SERVER_WORKER_SESSION_ATTEMPT_FIXTURE_H_
