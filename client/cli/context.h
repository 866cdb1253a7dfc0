// A `Context` is one run of the CLI: what the command line said, for all subcommands. A
// subcommand's file adds it to the parser with a callback that sets `action`, which runs after the
// whole line was parsed. Not thread-safe.
#ifndef DESCENT_CLIENT_CLI_CONTEXT_H_
#define DESCENT_CLIENT_CLI_CONTEXT_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/io.h"
#include "client/cpp/client.h"
#include "client/cpp/target.h"

namespace descent::cli {

struct Context {
  Io& io;
  // What the command line says; empty where it doesn't.
  std::string server = {};
  std::string context = {};
  std::string token_file = {};
  std::string ca_file = {};
  bool insecure = false;
  bool json = false;
  std::function<int()> action = {};
  // Where the daemon is, once ReadTarget has found it.
  client::Target target = {};

  // Gives the options that say where the daemon is, as they were typed, for commands that people
  // are told to type: ` --server ADDRESS`; empty if there are none.
  std::string ServerOption() const;

  // Finds the daemon and what is brought there: --server, else --context, else $DESCENT_SERVER,
  // else the current context, else the socket of this user's daemon. A context brings its own token
  // and certificate; --token_file and --ca go before them. $DESCENT_TOKEN_FILE is for what no
  // context names. An error names the option or the file; or is what CheckTarget gives.
  absl::Status ReadTarget();
  client::Client Connect(absl::Duration call_timeout = absl::Seconds(60)) const;

  // Prints a line for people on stdout, broken where the terminal ends.
  void Print(const std::string& line) const;

  // Says `descent: ...` on stderr, a line for each of the message's, and returns the exit code.
  int Fail(const absl::Status& status) const;
  // Says the same of what is wrong with the command line.
  int Usage(const std::string& message) const;
  void Say(const std::string& message) const;
  // Warns if a file with a token is this user's and others may read it.
  void WarnOfOthers(const std::string& option, const std::string& path) const;

  // Adds --json, --server, --context and what is brought there to a subcommand.
  void AddCommonOptions(CLI::App* command);
};

// Reads a file that an option names: certificates, or a token. INVALID_ARGUMENT names both.
absl::StatusOr<std::string> ReadOptionFile(const std::string& option, const std::string& path);
absl::StatusOr<std::string> ReadToken(const std::string& option, const std::string& path);
absl::StatusOr<std::string> ReadCertificates(const std::string& option, const std::string& path);

// Refuses a URL in the place of an address.
absl::Status CheckAddress(const std::string& server);

// Gives a refusal that calls the request's fields as the command line does: `--classes: …` for
// `form: …`. `options` are pairs of both.
absl::Status NamingOptions(const absl::Status& status,
                           const std::vector<std::pair<std::string, std::string>>& options);

// Checks an option that is a whole number, `least` or more: CLI11 reads them as C does, 010 as
// eight and 0x10 as sixteen.
CLI::Validator WholeNumber(int64_t least);
// Checks an option that is a time in seconds: 0 or more, or more than 0.
CLI::Validator Seconds(bool or_zero);
// Checks an option whose text goes to the server.
CLI::Validator Utf8();

// Adds `submit` and `validate`.
void AddSubmitCommands(CLI::App* app, Context* context);
// Adds `example`.
void AddExampleCommand(CLI::App* app, Context* context);
// Adds `list`, `get`, `wait` and `delete`.
void AddJobCommands(CLI::App* app, Context* context);
// Adds what changes a job while it runs: `set`, `scale`, `release`, `pause` and their like.
void AddSteerCommands(CLI::App* app, Context* context);
// Adds `watch`.
void AddWatchCommand(CLI::App* app, Context* context);
// Adds `predict`.
void AddPredictCommand(CLI::App* app, Context* context);
// Adds `login` and `context`.
void AddLoginCommands(CLI::App* app, Context* context);
// Adds `token` and `open`.
void AddAccessCommands(CLI::App* app, Context* context);
void AddAuditCommand(CLI::App* app, Context* context);
// Adds `dataset`.
void AddDatasetCommand(CLI::App* app, Context* context);
// Adds `completion`, which writes the scripts of shells.
void AddCompletionCommand(CLI::App* app, Context* context);

// Serves `descent __complete -- WORD...`, which the completion scripts call with the words up to
// the cursor: it gives a line a candidate, its description after a tab.
int Complete(Context* context, CLI::App* app, std::vector<std::string> words);

}  // namespace descent::cli

#endif  // DESCENT_CLIENT_CLI_CONTEXT_H_
