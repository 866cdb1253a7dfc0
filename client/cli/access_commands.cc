// `descent token` and `descent open`: what lets people in.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/context.h"
#include "client/cli/environment.h"
#include "client/cli/event_text.h"
#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/local_daemon.h"
#include "client/cli/sign_in_page.h"
#include "client/cpp/target.h"
#include "core/files/private_file.h"
#include "descent/v1/token_service.pb.h"
#include "proto/rules/nearest.h"

namespace descent::cli {
namespace {

std::vector<std::string> RoleNames() {
  std::vector<std::string> names;
  for (int role = v1::METRICS; role <= v1::Role_MAX; ++role) {
    names.push_back(absl::AsciiStrToLower(v1::Role_Name(static_cast<v1::Role>(role))));
  }
  return names;
}

struct TokenOptions {
  std::string action, id;
  std::string role, owner, ttl, output;
  std::vector<std::string> groups;
  bool limited = false;    // --ttl was given
  bool into_file = false;  // -o was given
};

// Gives what was typed that the action does nothing with; empty: nothing.
std::string SurplusOf(const TokenOptions& options) {
  if (options.action != "revoke" && !options.id.empty()) return "ID";
  if (options.action == "create") return "";
  if (!options.role.empty()) return "--role";
  if (!options.owner.empty()) return "--owner";
  if (!options.groups.empty()) return "--group";
  if (options.limited) return "--ttl";
  return options.into_file ? "--output" : "";
}

int Create(const Context& context, const TokenOptions& options) {
  v1::Role role = v1::ROLE_UNSPECIFIED;
  if (!v1::Role_Parse(absl::AsciiStrToUpper(options.role), &role) || role == v1::ROLE_UNSPECIFIED) {
    return context.Usage(absl::StrCat(options.role.empty()
                                          ? "--role is missing"
                                          : absl::StrCat("there is no role `", options.role, "`"),
                                      "; give one of ", absl::StrJoin(RoleNames(), ", "),
                                      rules::DidYouMean(options.role, RoleNames())));
  }
  v1::CreateTokenRequest request;
  request.set_role(role);
  request.set_owner(options.owner);
  for (const std::string& group : options.groups) request.add_groups(group);
  if (options.limited) {
    request.set_ttl_seconds(SecondsOf(options.ttl));
    if (request.ttl_seconds() == 0) {
      return context.Usage(
          absl::StrCat("--ttl: `", options.ttl, "` is no time; write 90s, 30m, 12h or 30d"));
    }
  }
  std::optional<NewPrivateFile> file;
  if (options.into_file) {
    if (options.output == "-") {
      return context.Usage("--output: `-` is no file; without it the token is printed");
    }
    file.emplace(options.output);
    if (!file->made().ok()) {
      return context.Fail(absl::FailedPreconditionError(absl::StrCat(
          "--output: cannot make ", options.output, ": ", std::string(file->made().message()))));
    }
  }
  const client::Client client = context.Connect();
  const auto made = client.CreateToken(request);
  if (!made.ok()) {
    return context.Fail(NamingOptions(
        made.status(), {{"owner", "--owner"}, {"groups", "--group"}, {"ttl_seconds", "--ttl"}}));
  }
  const absl::Status written =
      file.has_value() ? file->Write(made->token() + "\n") : absl::OkStatus();
  if (!written.ok()) {
    const std::string end = client.RevokeToken(made->info().id()).ok()
                                ? "it was revoked"
                                : absl::StrCat("revoke it: ", made->info().id());
    return context.Fail(
        absl::InternalError(absl::StrCat("--output: cannot write the token into ", options.output,
                                         ": ", std::string(written.message()), "; ", end)));
  }
  if (context.json) {
    v1::CreateTokenResponse told = *made;
    if (options.into_file) told.clear_token();
    context.io.out << Json(told) << "\n";
    return kOk;
  }
  // The secret stands alone on the output, for `> FILE`.
  if (!options.into_file) context.io.out << made->token() << "\n";
  context.Say(
      absl::StrCat("token ", made->info().id(), ", ", options.role, " for ",
                   made->info().owner().empty() ? "whoever he says he is" : made->info().owner(),
                   options.into_file ? "" : "; it is not shown again", "; `descent token revoke ",
                   made->info().id(), "` ends it"));
  return kOk;
}

std::string Date(uint64_t unix_nanos) {
  if (unix_nanos == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M", absl::FromUnixNanos(static_cast<int64_t>(unix_nanos)),
                          absl::LocalTimeZone());
}

// What became of it: absl::Now() may differ from the daemon's clock, whose word is the refusal.
std::string Standing(const v1::Token& token) {
  if (token.revoke_time_unix_nanos() != 0) return "revoked";
  if (token.expire_time_unix_nanos() == 0) return "good";
  const absl::Time end = absl::FromUnixNanos(static_cast<int64_t>(token.expire_time_unix_nanos()));
  return end <= absl::Now() ? "expired"
                            : absl::StrCat("until ", Date(token.expire_time_unix_nanos()));
}

int ListTokens(const Context& context) {
  const auto listed = context.Connect().ListTokens();
  if (!listed.ok()) return context.Fail(listed.status());
  if (context.json) {
    for (const v1::Token& token : listed->tokens()) context.io.out << Json(token) << "\n";
    return kOk;
  }
  Table table;
  table.Add({"TOKEN", "ROLE", "OWNER", "GROUPS", "STATE", "MADE", "LAST USED"});
  for (const v1::Token& token : listed->tokens()) {
    table.Add({token.id(), absl::AsciiStrToLower(v1::Role_Name(token.role())),
               token.owner().empty() ? "-" : Visible(token.owner()),
               token.groups().empty() ? "-" : absl::StrJoin(token.groups(), ","), Standing(token),
               Date(token.create_time_unix_nanos()), Date(token.last_use_time_unix_nanos())});
  }
  context.io.out << table.Render(Columns(context.io));
  return kOk;
}

int RunToken(const Context& context, const TokenOptions& options) {
  if (const std::string surplus = SurplusOf(options); !surplus.empty()) {
    return context.Usage(absl::StrCat("token ", options.action, " takes no ", surplus));
  }
  if (options.action == "list") return ListTokens(context);
  if (options.action == "create") return Create(context, options);
  if (options.id.empty()) return context.Usage("revoke what? `descent token list` has the names");
  const absl::Status status = context.Connect().RevokeToken(options.id);
  if (!status.ok()) return context.Fail(status);
  context.Print(absl::StrCat("token ", options.id, " lets nobody in any more"));
  return kOk;
}

// ----------------------------------------------------------------------------------------- open

// Gives HOST:PORT of a URL.
std::string HostOf(const std::string& url) {
  const size_t begin = url.find("://") + 3;
  return url.substr(begin, url.find('/', begin) - begin);
}

int Open(const Context& context, const std::string& address, bool print) {
  std::string url = address;
  if (url.empty()) {
    const auto local = FindLocalDaemon(DaemonFolders());
    if (!local.has_value() ||
        context.target.server != absl::StrCat("unix:", local->client_socket)) {
      return context.Usage(
          "--http is missing: the dashboard's address, which descentd prints at its start");
    }
    url = absl::StrCat(local->tls ? "https://" : "http://", local->http, "/");
  }
  if (url.find("://") == std::string::npos) {
    const bool tls =
        !context.insecure && (!client::IsLocal(url) || client::UsesTls(context.target));
    url = absl::StrCat(tls ? "https://" : "http://", url, "/");
  } else if (url.starts_with("http://") && !context.insecure && !client::IsLocal(HostOf(url))) {
    return context.Usage(absl::StrCat("--http: ", url,
                                      " would take the code in plaintext to another machine; give "
                                      "https://, or --insecure"));
  }
  const auto code = context.Connect().CreateLoginCode();
  // With --auth none everybody is in.
  if (!code.ok() && !absl::IsFailedPrecondition(code.status())) return context.Fail(code.status());
  if (code.ok()) absl::StrAppend(&url, "#code=", code->code());
  if (context.json) {
    context.io.out << "{\"url\": \"" << url << "\"}\n";
    return kOk;
  }
  context.io.out << url << "\n";
  context.io.out.flush();
  if (code.ok()) context.Say("good once, for a minute");
  if (print || (Env("DISPLAY").empty() && Env("WAYLAND_DISPLAY").empty())) return kOk;
  const std::string folder = Env("XDG_RUNTIME_DIR");
  const std::string page = WriteSignInPage(folder.empty() ? "/tmp" : folder, url, absl::Now());
  if (page.empty()) return kOk;  // it is printed
  if (fork() == 0) {
    execlp("xdg-open", "xdg-open", page.c_str(), nullptr);
    _exit(127);
  }
  return kOk;
}

}  // namespace

void AddAccessCommands(CLI::App* app, Context* context) {
  CLI::App* token =
      app->add_subcommand("token", "Make, list and revoke what lets others in (for admins)");
  const auto options = std::make_shared<TokenOptions>();
  token->add_option("ACTION", options->action, "create, list or revoke")
      ->required()
      ->type_name("")
      ->check(CLI::IsMember({"create", "list", "revoke"}));
  token->add_option("ID", options->id, "the token that is revoked")->type_name("");
  token
      ->add_option("--role", options->role,
                   absl::StrCat("create: ", absl::StrJoin(RoleNames(), ", ")))
      ->type_name("ROLE");
  token->add_option("--owner", options->owner, "create: whose it is, the name in the journals")
      ->type_name("NAME");
  token
      ->add_option("--group", options->groups,
                   "create: a group of his, whose jobs are his too (any number)")
      ->type_name("GROUP");
  token
      ->add_option("--ttl", options->ttl,
                   "create: how long it is good: 12h, 30d; default: until it is revoked")
      ->type_name("TIME");
  token
      ->add_option("-o,--output", options->output,
                   "create: the file to write it into, for you alone to read")
      ->type_name("FILE");
  context->AddCommonOptions(token);
  token->callback([=] {
    options->limited = token->count("--ttl") > 0;
    options->into_file = token->count("--output") > 0;
    context->action = [=] { return RunToken(*context, *options); };
  });

  CLI::App* command = app->add_subcommand("open", "Open the dashboard in a browser, signed in");
  const auto address = std::make_shared<std::string>();
  const auto print = std::make_shared<bool>(false);
  command
      ->add_option("--http", *address,
                   "the dashboard's address, if the daemon isn't this user's usual one")
      ->type_name("ADDRESS");
  command->add_flag("--print", *print, "print the address, and open no browser");
  context->AddCommonOptions(command);
  command->callback([=] { context->action = [=] { return Open(*context, *address, *print); }; });
}

}  // namespace descent::cli
