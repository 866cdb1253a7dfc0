// Shows a job's events as they come: what `descent watch` and `--follow` do.
#ifndef DESCENT_CLIENT_CLI_FOLLOW_H_
#define DESCENT_CLIENT_CLI_FOLLOW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/context.h"
#include "client/cpp/client.h"

namespace descent::cli {

struct FollowOptions {
  v1::Job job;  // as it is now
  int64_t after_revision = 0;
  std::vector<v1::EventKind> kinds = {};
  int64_t every = 0;
  // This is for where there is no terminal to draw a live line on: every iteration is a line of its
  // own, or one every few seconds.
  bool every_iteration = true;
  // On a terminal, what happened before is told without reading its iterations.
  bool skip_old_iterations = false;
};

// Shows a job's events until it is final: on a terminal a live line, and lines of their own for all
// but iterations; JSON lines with --json. SIGINT detaches and says how to come back. Lost
// connections are told and made up for. Gives the exit code; `final_state`, if given, receives the
// state that the job ended in.
int Follow(const Context& context, const client::Client& client, const FollowOptions& options,
           v1::JobState* final_state = nullptr);

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_FOLLOW_H_
