// `descent login` and `descent context`: the daemons that the command line knows.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/context.h"
#include "client/cli/contexts.h"
#include "client/cli/environment.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/shown_certificates.h"
#include "client/cpp/target.h"
#include "proto/rules/names.h"

namespace descent::cli {
namespace {

constexpr char kPort[] = "7600";

// How long a server may take for one step of showing its certificate.
constexpr absl::Duration kCertificatePatience = absl::Seconds(10);

struct LoginOptions {
  std::string host, fingerprint, name;
};

struct ContextOptions {
  std::string action, name;
};

// Adds the usual port where there is none. More than one colon is an IPv6 address.
std::string WithPort(const std::string& host) {
  if (client::IsUnixSocket(host)) return host;
  const auto colons = std::count(host.begin(), host.end(), ':');
  if (host.starts_with("[")) return host.ends_with("]") ? absl::StrCat(host, ":", kPort) : host;
  if (colons > 1) return absl::StrCat("[", host, "]:", kPort);
  return colons == 1 ? host : absl::StrCat(host, ":", kPort);
}

// Gives `gpu-box` of `gpu-box:7600`.
std::string UsualName(const std::string& server) {
  return client::IsUnixSocket(server) ? "local" : server.substr(0, server.rfind(':'));
}

bool IsName(const std::string& name) {
  return !name.empty() && name[0] != '-' && rules::IsPrintableAscii(name) &&
         !absl::StrContains(name, " ");
}

std::string ContextJson(const SavedContext& context, const Contexts& contexts) {
  return nlohmann::json{{"name", context.name},
                        {"server", context.server},
                        {"current", context.name == contexts.current}}
      .dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

// Gives the certificate that the server shows and that has this fingerprint, in PEM: what the
// server's own must be, or be signed by.
absl::StatusOr<std::string> Pinned(const std::string& server, const std::string& fingerprint) {
  const auto shown = ShownCertificates(server, kCertificatePatience);
  if (!shown.ok()) return shown.status();
  std::string others;
  for (const ShownCertificate& certificate : *shown) {
    if (certificate.fingerprint == fingerprint) return certificate.pem;
    absl::StrAppend(&others, others.empty() ? "" : ", ", certificate.fingerprint);
  }
  return absl::PermissionDeniedError(absl::StrCat(
      server, " is not the daemon with the fingerprint ", fingerprint, ": it shows ", others,
      ". Nothing was sent there. If its certificates were renewed, ask its admin for the new "
      "fingerprint; else somebody stands between"));
}

// Warns of what goes before the current context.
void SayWhatGoesBefore(const Context& context) {
  if (Env("DESCENT_SERVER").empty()) return;
  context.Say("$DESCENT_SERVER is set, and goes before the current context");
}

int Save(const Context& context, SavedContext saved) {
  const std::string path = ContextsPath();
  absl::StatusOr<Contexts> contexts = ReadContexts(path);
  if (!contexts.ok()) return context.Fail(contexts.status());
  contexts->current = saved.name;
  contexts->Put(saved);
  if (const absl::Status status = WriteContexts(path, *contexts); !status.ok()) {
    return context.Fail(status);
  }
  if (context.json) {
    context.io.out << ContextJson(saved, *contexts) << "\n";
  } else {
    context.Print(absl::StrCat("commands go to ", Visible(saved.server), " now: context ",
                               saved.name, ", kept in ", Visible(path)));
  }
  SayWhatGoesBefore(context);
  return kOk;
}

// Reads the token and where it is kept: a file is remembered by its path.
absl::Status ReadTokenOf(const Context& context, SavedContext* saved, std::string* token) {
  const bool typed = !context.token_file.empty();
  const std::string path = typed ? context.token_file : Env("DESCENT_TOKEN_FILE");
  if (!path.empty()) {
    absl::StatusOr<std::string> read =
        ReadToken(typed ? "--token_file" : "$DESCENT_TOKEN_FILE", path);
    if (!read.ok()) return read.status();
    *token = *std::move(read);
    context.WarnOfOthers(typed ? "--token_file" : "$DESCENT_TOKEN_FILE", path);
    saved->token_file = std::filesystem::absolute(path).lexically_normal();
    return absl::OkStatus();
  }
  // The daemon's own socket asks for none.
  if (client::IsUnixSocket(saved->server)) return absl::OkStatus();
  *token = context.io.secret("Token (empty if the daemon asks for none): ");
  absl::StripAsciiWhitespace(token);
  saved->token = *token;
  return absl::OkStatus();
}

int Login(Context* context, const LoginOptions& options) {
  if (const absl::Status status = CheckAddress(options.host); !status.ok()) {
    return context->Usage(std::string(status.message()));
  }
  SavedContext saved{.name = options.name, .server = WithPort(options.host)};
  if (saved.name.empty()) saved.name = UsualName(saved.server);
  if (!IsName(saved.name)) {
    return context->Usage(
        absl::StrCat("--name: `", saved.name, "` is no name: printable ASCII, without spaces"));
  }
  const bool has_ca = !context->ca_file.empty();
  const bool has_fingerprint = !options.fingerprint.empty();
  if (client::IsUnixSocket(saved.server)) {
    if (has_ca || has_fingerprint) {
      return context->Usage(
          "a socket of this machine has no certificate: leave --ca and "
          "--fingerprint out");
    }
  } else if (has_ca == has_fingerprint) {
    return context->Usage(
        absl::StrCat(has_ca ? "--ca and --fingerprint both say" : "say",
                     " by what the daemon is known: --ca FILE with the certificate that signed its "
                     "own, or --fingerprint with its SHA-256, which `descentd certificate` prints "
                     "on the daemon's machine. Nobody is believed unseen"));
  }
  if (has_ca) {
    absl::StatusOr<std::string> read = ReadCertificates("--ca", context->ca_file);
    if (!read.ok()) return context->Usage(std::string(read.status().message()));
    saved.ca = *std::move(read);
  }
  context->target = {.server = saved.server};
  if (has_fingerprint) {
    const std::string fingerprint = ReadFingerprint(options.fingerprint);
    if (fingerprint.empty()) {
      return context->Usage(absl::StrCat("--fingerprint: `", options.fingerprint,
                                         "` is no SHA-256: 64 hexadecimal digits"));
    }
    absl::StatusOr<std::string> pinned = Pinned(saved.server, fingerprint);
    if (!pinned.ok()) return context->Fail(pinned.status());
    saved.ca = *std::move(pinned);
  }
  context->target.ca = saved.ca;
  absl::Status status = ReadTokenOf(*context, &saved, &context->target.token);
  if (status.ok()) status = client::CheckTarget(context->target);
  if (!status.ok()) return context->Usage(std::string(status.message()));
  // Only now, to a server whose certificate is checked, goes the token. One for metrics alone may
  // list nothing, but is known.
  status = context->Connect().ListJobs("", 1).status();
  if (!status.ok() && !absl::IsPermissionDenied(status)) return context->Fail(status);
  return Save(*context, std::move(saved));
}

// ----------------------------------------------------------------------------------------- context

int List(const Context& context, const Contexts& contexts) {
  if (context.json) {
    for (const SavedContext& saved : contexts.all) {
      context.io.out << ContextJson(saved, contexts) << "\n";
    }
    return kOk;
  }
  Table table;
  table.Add({"CURRENT", "CONTEXT", "SERVER", "TOKEN"});
  for (const SavedContext& saved : contexts.all) {
    table.Add({saved.name == contexts.current ? "*" : "", Visible(saved.name),
               Visible(saved.server),
               !saved.token_file.empty() ? Visible(saved.token_file)
               : saved.token.empty()     ? "-"
                                         : "kept"});
  }
  context.io.out << table.Render(Columns(context.io));
  return kOk;
}

int RunContext(const Context& context, const ContextOptions& options) {
  const std::string path = ContextsPath();
  absl::StatusOr<Contexts> contexts = ReadContexts(path);
  if (!contexts.ok()) return context.Fail(contexts.status());
  if (options.action == "list") return List(context, *contexts);
  if (options.name.empty()) {
    return context.Usage(
        absl::StrCat(options.action, " which one? `descent context list` has the names"));
  }
  if (contexts->Find(options.name) == nullptr) {
    return context.Usage(std::string(NoSuchContext(options.name, *contexts).message()));
  }
  const bool use = options.action == "use";
  if (use) {
    contexts->current = options.name;
  } else {
    contexts->Remove(options.name);
  }
  if (const absl::Status status = WriteContexts(path, *contexts); !status.ok()) {
    return context.Fail(status);
  }
  if (use) {
    context.Print(
        absl::StrCat("commands go to ", Visible(contexts->Find(options.name)->server), " now"));
    SayWhatGoesBefore(context);
  } else {
    context.Print(absl::StrCat("context ", options.name,
                               " is forgotten; its token is good until "
                               "`descent token revoke`"));
  }
  return kOk;
}

}  // namespace

void AddLoginCommands(CLI::App* app, Context* context) {
  CLI::App* login = app->add_subcommand("login", "Sign in to a daemon, and have commands go there");
  const auto options = std::make_shared<LoginOptions>();
  login->add_option("HOST", options->host, "HOST or HOST:PORT of descentd's gRPC, or unix:PATH")
      ->required()
      ->type_name("");
  login
      ->add_option("--ca", context->ca_file,
                   "certificate (PEM) that signed the daemon's; it is kept")
      ->type_name("FILE");
  login
      ->add_option("--fingerprint", options->fingerprint,
                   "SHA-256 of the daemon's certificate or of its issuer's, which `descentd "
                   "certificate` prints")
      ->type_name("SHA256");
  login
      ->add_option("--token_file", context->token_file,
                   "file with the token, read whenever it is needed ($DESCENT_TOKEN_FILE); "
                   "default: it is read from standard input, and kept")
      ->type_name("FILE");
  login->add_option("--name", options->name, "what to call it; default: the host")
      ->type_name("NAME");
  login->add_flag("--json", context->json, "JSON, one object a line, for programs");
  login->callback([=] { context->action = [=] { return Login(context, *options); }; });

  CLI::App* contexts =
      app->add_subcommand("context", "List, choose and forget the daemons that `login` knows");
  const auto chosen = std::make_shared<ContextOptions>();
  contexts->add_option("ACTION", chosen->action, "list, use or delete")
      ->required()
      ->type_name("")
      ->check(CLI::IsMember({"list", "use", "delete"}));
  contexts->add_option("NAME", chosen->name, "the context that is used or deleted")->type_name("");
  contexts->add_flag("--json", context->json, "JSON, one object a line, for programs");
  contexts->callback([=] { context->action = [=] { return RunContext(*context, *chosen); }; });
}

}  // namespace descent::cli
