#include "client/cli/context.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/cli/contexts.h"
#include "client/cli/environment.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/local_daemon.h"
#include "client/cpp/numbers.h"
#include "client/cpp/stub.h"
#include "core/text/utf8.h"
#include "proto/rpc_status.h"

namespace descent::cli {
namespace {

// A server that does not answer is tried again for so long: one that was started by the line before
// this one needs a second or more until it listens.
constexpr absl::Duration kAway = absl::Seconds(5);

constexpr size_t kMaxFileBytes = 1 << 20;

// Gives the last part of gRPC's chain of causes: `Connection refused`.
std::string Cause(const absl::Status& status) {
  const std::string message(status.message());
  const size_t colon = message.rfind(": ");
  return colon == std::string::npos ? message : message.substr(colon + 2);
}

// Gives the socket of this user's daemon, or the service's, which asks for no token. One that is
// only starting will have it where it usually is.
std::string LocalServer() {
  const std::optional<LocalDaemon> local = FindLocalDaemon(DaemonFolders());
  if (local.has_value()) return absl::StrCat("unix:", local->client_socket);
  const std::string folder = UsualFolder();
  return folder.empty() ? client::Target().server : absl::StrCat("unix:", folder, "/client.sock");
}

// Gives a word as a shell reads it back.
std::string ShellWord(const std::string& word) {
  const bool plain = std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("_-./:@%+=,", std::string(1, c));
  });
  return plain ? word : absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

}  // namespace

absl::Status NamingOptions(const absl::Status& status,
                           const std::vector<std::pair<std::string, std::string>>& options) {
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) {
    std::string& told = lines.emplace_back(line.data(), line.size());
    for (const auto& [field, option] : options) {
      if (!told.starts_with(field + ": ")) continue;
      told.replace(0, field.size(), option);
      break;
    }
  }
  absl::Status named(status.code(), absl::StrJoin(lines, "\n"));
  SetErrorDetail(GetErrorDetail(status), &named);
  return named;
}

CLI::Validator WholeNumber(int64_t least) {
  return CLI::Validator(
      [least](const std::string& text) -> std::string {
        double value = 0;
        const client::NumberError error = client::ParseDouble(text, &value);
        if (error == client::NumberError::kLeadingZero)
          return client::LeadingZero(text, /*octal=*/false);
        if (error != client::NumberError::kNone) {
          return absl::StrCat("`", text, "` is not a number in decimal digits");
        }
        int64_t number = 0;
        if (!absl::SimpleAtoi(text, &number)) {
          return absl::StrCat("`", text, "` is not a whole number in decimal digits");
        }
        if (number < least) return absl::StrCat("must be at least ", least, ", not ", number);
        return "";
      },
      "", "WholeNumber");
}

CLI::Validator Seconds(bool or_zero) {
  return CLI::Validator(
      [or_zero](const std::string& text) -> std::string {
        double value = 0;
        if (client::ParseDouble(text, &value) != client::NumberError::kNone || std::isnan(value)) {
          return absl::StrCat("`", text, "` is not a number of seconds");
        }
        if (value > 0 || (or_zero && value == 0)) return "";
        return absl::StrCat("must be ", or_zero ? "0 or more" : "more than 0", ", not ", text);
      },
      "", "Seconds");
}

CLI::Validator Utf8() {
  return CLI::Validator(
      [](const std::string& text) -> std::string {
        if (IsUtf8(text)) return "";
        return absl::StrCat("`", ShortUtf8(text, 64), "` is not UTF-8");
      },
      "", "Utf8");
}

absl::StatusOr<std::string> ReadOptionFile(const std::string& option, const std::string& path) {
  if (std::error_code error; std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat(option, ": ", path, " is a folder"));
  }
  std::ifstream file(path, std::ios::binary);
  // None of them is long; a device would have no end.
  std::string text(kMaxFileBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (!file.bad() && !text.empty() && text.size() < kMaxFileBytes) return text;
  return absl::InvalidArgumentError(absl::StrCat(
      option, ": ", path, text.empty() ? " can't be read, or is empty" : " is too long"));
}

absl::StatusOr<std::string> ReadToken(const std::string& option, const std::string& path) {
  absl::StatusOr<std::string> text = ReadOptionFile(option, path);
  if (text.ok()) absl::StripAsciiWhitespace(&*text);
  return text;
}

absl::StatusOr<std::string> ReadCertificates(const std::string& option, const std::string& path) {
  absl::StatusOr<std::string> text = ReadOptionFile(option, path);
  if (!text.ok() || absl::StrContains(*text, "-----BEGIN CERTIFICATE-----")) return text;
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": ", path, " holds no certificate in PEM"));
}

void Context::WarnOfOthers(const std::string& option, const std::string& path) const {
  struct stat about = {};
  constexpr mode_t kOthers = S_IRGRP | S_IROTH;
  // Whose it isn't can't change it: secrets that are mounted belong to root.
  if (stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode) || about.st_uid != geteuid() ||
      (about.st_mode & kOthers) == 0) {
    return;
  }
  Say(absl::StrCat(option, ": others can read ", path, "; `chmod 600` keeps the token yours"));
}

absl::Status CheckAddress(const std::string& server) {
  if (!absl::StartsWith(server, "http://") && !absl::StartsWith(server, "https://")) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(server,
                   " is a URL; --server and $DESCENT_SERVER want the address of descentd's gRPC "
                   "alone: HOST:PORT, or unix:PATH"));
}

absl::Status Context::ReadTarget() {
  if (!server.empty() && !context.empty()) {
    return absl::InvalidArgumentError("--server and --context both say where; give one of them");
  }
  target = {.server = server, .insecure = insecure};
  if (target.server.empty() && context.empty()) target.server = Env("DESCENT_SERVER");
  std::string token_option = "--token_file";
  std::string token_path = token_file;
  bool in_context = false;
  if (target.server.empty()) {
    const absl::StatusOr<Contexts> contexts = ReadContexts(ContextsPath());
    if (!contexts.ok()) return contexts.status();
    const std::string& name = context.empty() ? contexts->current : context;
    if (!name.empty()) {
      const SavedContext* found = contexts->Find(name);
      if (found == nullptr) return NoSuchContext(name, *contexts);
      in_context = true;
      target.server = found->server;
      target.ca = found->ca;
      if (token_path.empty()) {
        target.token = found->token;
        token_path = found->token_file;
        token_option = absl::StrCat("the token of context ", name);
      }
    }
  }
  if (target.server.empty()) target.server = LocalServer();
  if (absl::Status status = CheckAddress(target.server); !status.ok()) return status;
  if (token_path.empty() && !in_context) {
    token_path = Env("DESCENT_TOKEN_FILE");
    token_option = "$DESCENT_TOKEN_FILE";
  }
  if (!ca_file.empty()) {
    absl::StatusOr<std::string> read = ReadCertificates("--ca", ca_file);
    if (!read.ok()) return read.status();
    target.ca = *std::move(read);
  }
  if (!token_path.empty()) {
    absl::StatusOr<std::string> read = ReadToken(token_option, token_path);
    if (!read.ok()) return read.status();
    target.token = *std::move(read);
    WarnOfOthers(token_option, token_path);
  }
  return client::CheckTarget(target);
}

client::Client Context::Connect(absl::Duration call_timeout) const {
  const client::Client::Options options = {
      .target = target, .principal = {}, .call_timeout = call_timeout, .retry_for = kAway};
  return client::Client(options, client::MakeGrpcStub(options.target), io.clock);
}

std::string Context::ServerOption() const {
  std::string options;
  for (const auto& [option, value] :
       {std::pair(" --server ", &server), std::pair(" --context ", &context),
        std::pair(" --token_file ", &token_file), std::pair(" --ca ", &ca_file)}) {
    if (!value->empty()) absl::StrAppend(&options, option, ShellWord(*value));
  }
  return absl::StrCat(options, insecure ? " --insecure" : "");
}

void Context::Print(const std::string& line) const { io.out << Wrap(line, Columns(io), 0) << "\n"; }

void Context::Say(const std::string& message) const {
  io.out.flush();
  for (const absl::string_view line : absl::StrSplit(message, '\n')) {
    io.err << "descent: " << Visible({line.data(), line.size()}) << "\n";
  }
  io.err.flush();
}

int Context::Usage(const std::string& message) const {
  Say(message);
  return kUsage;
}

int Context::Fail(const absl::Status& status) const {
  // A server that says so itself is there.
  const bool said_by_server = !GetErrorDetail(status).reason.empty();
  if (absl::IsUnavailable(status) && !said_by_server) {
    if (absl::StrContains(status.message(), "http1.x server")) {
      Say(absl::StrCat(target.server,
                       " speaks HTTP/1: that is the dashboard's port, it seems; --server ",
                       "and $DESCENT_SERVER want that of descentd's gRPC (7600 if nothing else was "
                       "said)"));
      return kUnreachable;
    }
    Say(absl::StrCat("no answer from ", target.server, " (", Cause(status),
                     "); is descentd running",
                     client::UsesTls(target) ? " with TLS, and a certificate signed by --ca's" : "",
                     "? --server or $DESCENT_SERVER say where"));
    return kUnreachable;
  }
  // These are gRPC's own words; what a command gave up itself says more.
  if (absl::IsDeadlineExceeded(status) && status.message() == "Deadline Exceeded") {
    Say(absl::StrCat("no answer from ", target.server, " in time"));
    return kRefused;
  }
  if (absl::IsUnauthenticated(status) && target.token.empty()) {
    Say(absl::StrCat(std::string(status.message()),
                     "\n--token_file brings a token; `descent login` keeps one, with the address"));
    return kRefused;
  }
  Say(status.message().empty() ? absl::StatusCodeToString(status.code())
                               : std::string(status.message()));
  return kRefused;
}

void Context::AddCommonOptions(CLI::App* command) {
  command->add_option("--server", server, "HOST:PORT or unix:PATH of descentd ($DESCENT_SERVER)")
      ->type_name("ADDRESS")
      ->group("Common options");
  command
      ->add_option("--context", context,
                   "a daemon that `descent login` knows, with what is brought there; default: the "
                   "current one, unless $DESCENT_SERVER is set")
      ->type_name("NAME")
      ->group("Common options");
  command
      ->add_option("--token_file", token_file,
                   "file with the token that lets you in ($DESCENT_TOKEN_FILE); the daemon's user "
                   "needs none over its socket")
      ->type_name("FILE")
      ->group("Common options");
  command
      ->add_option("--ca", ca_file,
                   "certificate (PEM) that the server's must be signed by; it is spoken to over "
                   "TLS then, as every other machine is")
      ->type_name("FILE")
      ->group("Common options");
  command
      ->add_flag("--insecure", insecure,
                 "no TLS, and send the token all the same, to whoever is on the way")
      ->group("Common options");
  command->add_flag("--json", json, "JSON, one object a line, for programs")
      ->group("Common options");
}

}  // namespace descent::cli
