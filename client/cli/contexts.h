// Contexts are the daemons that `descent login` has come to know, with what is brought to each, in
// a YAML file for the user alone:
//
//   current: gpu-box
//   contexts:
//     - name: gpu-box
//       server: "gpu-box:7600"
//       ca: "-----BEGIN CERTIFICATE-----\n..."
//       token: descent_...
//
// Free functions; any thread that changes no environment. Of two that write at once the last wins.
#ifndef DESCENT_CLIENT_CLI_CONTEXTS_H_
#define DESCENT_CLIENT_CLI_CONTEXTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace descent::cli {

struct SavedContext {
  std::string name;
  // As client::Target's.
  std::string server;
  std::string ca = {};
  // At most one of both: the token itself, or the absolute path of a file that is read whenever a
  // command needs it, so that whoever renews tokens may replace it.
  std::string token = {};
  std::string token_file = {};
};

struct Contexts {
  // The one that is meant where nothing else is said; empty if none is.
  std::string current = {};
  std::vector<SavedContext> all = {};

  // Null if there is none of that name.
  const SavedContext* Find(std::string_view name) const;
  // Adds it, in place of the one of the same name.
  void Put(SavedContext context);
  // False if there was none. The current one leaves none behind.
  bool Remove(std::string_view name);
};

// Gives $XDG_CONFIG_HOME/descent/contexts.yaml, or ~/.config/descent/contexts.yaml. Empty if the
// environment doesn't say.
std::string ContextsPath();

// Reads the file; none, if it isn't there or `path` is empty. FAILED_PRECONDITION names the file
// and the line that can't be read. What is unknown is refused: writing would lose it.
absl::StatusOr<Contexts> ReadContexts(const std::string& path);

// Replaces the file in one piece, and makes its folders, all for the user alone. UNAVAILABLE or
// FAILED_PRECONDITION says why it can't.
absl::Status WriteContexts(const std::string& path, const Contexts& contexts);

// Says in a sentence that there is no such context, and which may be meant.
absl::Status NoSuchContext(std::string_view name, const Contexts& contexts);

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_CONTEXTS_H_
