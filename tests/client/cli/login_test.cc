// Tests of `descent login` and `descent context`, and of where commands go by them.
#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/client/cli/cli_fixture.h"
#include "tests/client/fake/certificates.h"
#include "tests/client/fake/fake_service.h"
#include "tests/client/fake/fake_stub.h"

namespace descent::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kToken[] = "descent_secret";

class CliLoginTest : public CliTest {
 protected:
  CliLoginTest() { tls_.RequireToken(kToken); }

  static std::shared_ptr<grpc::ServerCredentials> Credentials() {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back(
        {client::kTestKey, absl::StrCat(client::kTestCertificate, client::kTestCa)});
    return grpc::SslServerCredentials(options);
  }

  std::string contexts() const { return folder_ + "/descent/contexts.yaml"; }
  std::string Saved() const {
    std::ifstream file(contexts());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Save(const std::string& text) const {
    std::filesystem::create_directory(folder_ + "/descent");
    std::ofstream(contexts()) << text;
  }
  Result Login(std::vector<std::string> arguments, const std::string& secret = kToken) const {
    arguments.insert(arguments.begin(), {"login", tls_.address()});
    return RunAt("", arguments, {.secret = secret});
  }

  client::FakeService tls_{Credentials()};
};

TEST_F(CliLoginTest, KeepsWhatIsBroughtAndCommandsGoThere) {
  tls_.AddJob("there");
  const Result login = Login({"--ca", File("ca.pem", client::kTestCa)});
  EXPECT_EQ(login.code, 0) << login.err;
  EXPECT_THAT(login.out, HasSubstr("context 127.0.0.1"));
  EXPECT_THAT(login.out + login.err, Not(HasSubstr(kToken)));
  struct stat about{};
  ASSERT_EQ(stat(contexts().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  // The certificate is kept, not its file's name.
  std::filesystem::remove(Output("ca.pem"));

  const Result listed = RunAt("", {"list"});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("there"));
  EXPECT_EQ(tls_.last_authorization(), absl::StrCat("Bearer ", kToken));
}

TEST_F(CliLoginTest, KnowsADaemonByItsFingerprintOrItsIssuers) {
  const std::string colons =
      absl::StrCat("SHA256:", absl::AsciiStrToUpper(std::string(client::kTestCaFingerprint)));
  for (const std::string& fingerprint :
       {std::string(client::kTestCaFingerprint), std::string(client::kTestCertificateFingerprint),
        colons}) {
    const Result login = Login({"--fingerprint", fingerprint});
    EXPECT_EQ(login.code, 0) << login.err;
    EXPECT_EQ(RunAt("", {"list"}).code, 0);
  }
}

TEST_F(CliLoginTest, SendsNothingToADaemonWithAnotherFingerprint) {
  const std::string other(64, 'a');
  const Result login = Login({"--fingerprint", other});
  EXPECT_EQ(login.code, 1);
  EXPECT_THAT(login.err, AllOf(HasSubstr(other), HasSubstr(client::kTestCertificateFingerprint),
                               HasSubstr("Nothing was sent there")));
  EXPECT_EQ(tls_.lists(), 0);
  EXPECT_FALSE(std::filesystem::exists(contexts()));
}

TEST_F(CliLoginTest, SendsNothingToADaemonThatAnotherAuthoritySigned) {
  client::FakeClock clock;
  const Result login =
      RunAt("", {"login", tls_.address(), "--ca", File("ca.pem", client::kOtherTestCa)},
            {.clock = &clock, .secret = kToken});
  EXPECT_EQ(login.code, 3);
  EXPECT_THAT(login.err, HasSubstr("a certificate signed by --ca's"));
  EXPECT_EQ(tls_.lists(), 0);
  EXPECT_FALSE(std::filesystem::exists(contexts()));
}

TEST_F(CliLoginTest, RemembersNothingIfTheTokenLetsNobodyIn) {
  const Result login = Login({"--ca", File("ca.pem", client::kTestCa)}, "descent_wrong");
  EXPECT_EQ(login.code, 1);
  EXPECT_FALSE(std::filesystem::exists(contexts()));
}

TEST_F(CliLoginTest, RefusesWhatWouldBeBlindTrustBeforeItConnects) {
  const std::string ca = File("ca.pem", client::kTestCa);
  const std::string fingerprint = client::kTestCaFingerprint;
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"--ca", ca, "--fingerprint", fingerprint},
                                             {"--ca", File("empty.pem", "")},
                                             {"--ca", File("not.pem", "certificate")},
                                             {"--ca", Output("nowhere")},
                                             {"--fingerprint", "abc"},
                                             {"--ca", ca, "--name", "two words"},
                                             {"--ca", ca, "--token_file", Output("nowhere")}}) {
    const Result login = Login(arguments);
    EXPECT_EQ(login.code, 2) << ::testing::PrintToString(arguments);
    EXPECT_THAT(login.err, StartsWith("descent: "));
  }
  EXPECT_THAT(Login({}).err, HasSubstr("--fingerprint"));
  EXPECT_EQ(RunAt("", {"login", "https://gpu-box"}).code, 2);
  EXPECT_EQ(RunAt("", {"login", "unix:/x", "--ca", ca}).code, 2);
  EXPECT_EQ(tls_.lists(), 0);
}

TEST_F(CliLoginTest, ReadsATokensFileAnewForEachCommand) {
  const std::string ca = File("ca.pem", client::kTestCa);
  const std::string token = File("token", "descent_secret\n");
  EXPECT_EQ(Login({"--ca", ca, "--token_file", token}, "").code, 0);
  EXPECT_THAT(Saved(), AllOf(HasSubstr(token), Not(HasSubstr(kToken))));
  tls_.RequireToken("descent_renewed");
  EXPECT_EQ(RunAt("", {"list"}).code, 1);
  File("token", "descent_renewed\n");
  EXPECT_EQ(RunAt("", {"list"}).code, 0);
}

TEST_F(CliLoginTest, WhatIsTypedGoesBeforeTheEnvironmentAndThatBeforeTheCurrentContext) {
  service_.AddJob("plain");
  tls_.AddJob("tls");
  EXPECT_EQ(Login({"--ca", File("ca.pem", client::kTestCa), "--name", "lab"}).code, 0);
  EXPECT_THAT(RunAt("", {"list"}).out, HasSubstr("tls"));
  // The context's token is for its server alone.
  EXPECT_THAT(Descent({"list"}).out, HasSubstr("plain"));
  EXPECT_EQ(service_.last_authorization(), "");

  setenv("DESCENT_SERVER", service_.address().c_str(), 1);
  EXPECT_THAT(RunAt("", {"list"}).out, HasSubstr("plain"));
  EXPECT_THAT(RunAt("", {"list", "--context", "lab"}).out, HasSubstr("tls"));
  EXPECT_THAT(RunAt("", {"context", "use", "lab"}).err, HasSubstr("$DESCENT_SERVER is set"));
  // A token of the environment is not for what a context names.
  setenv("DESCENT_TOKEN_FILE", File("other", "descent_other").c_str(), 1);
  EXPECT_EQ(RunAt("", {"list", "--context", "lab"}).code, 0);
  EXPECT_EQ(tls_.last_authorization(), absl::StrCat("Bearer ", kToken));
  EXPECT_EQ(Descent({"list", "--context", "lab"}).code, 2);
}

TEST_F(CliLoginTest, ATokenIsNotSentInPlaintextUnlessThatIsTyped) {
  const std::string token = File("token", kToken);
  const Result refused = Descent({"list", "--token_file", token});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("--insecure"), HasSubstr("--ca"), Not(HasSubstr(kToken))));
  EXPECT_EQ(service_.lists(), 0);
  EXPECT_EQ(Descent({"list", "--token_file", token, "--insecure"}).code, 0);
  EXPECT_EQ(service_.last_authorization(), absl::StrCat("Bearer ", kToken));
}

TEST_F(CliLoginTest, WhoHasNoTokenHearsHowOneIsBrought) {
  const Result refused = RunAt(tls_.address(), {"list", "--ca", File("ca.pem", client::kTestCa)});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("--token_file"), HasSubstr("`descent login`")));
}

TEST_F(CliLoginTest, CommandsThatAreToldNameTheDaemonAsItWasNamed) {
  Save(absl::StrCat("current: a\ncontexts:\n- {name: a, server: \"", service_.address(),
                    "\"}\n- {name: b, server: \"", service_.address(), "\"}\n"));
  const std::string spec = File("s.yaml", "optimizer: {adam: {step_size: 1e-3}}\n");
  EXPECT_THAT(RunAt("", {"submit", spec, "--job_id", "x"}).out, HasSubstr("descent watch x\n"));
  EXPECT_THAT(RunAt("", {"submit", spec, "--job_id", "y", "--context", "b"}).out,
              HasSubstr("descent watch y --context b\n"));
}

TEST_F(CliLoginTest, ContextsAreListedChosenAndForgotten) {
  Save(
      "current: a\ncontexts:\n- {name: a, server: \"a:1\", token: t}\n"
      "- {name: lab, server: \"b:2\"}\n");
  EXPECT_THAT(RunAt("", {"context", "list"}).out, AllOf(HasSubstr("a:1"), HasSubstr("kept")));
  EXPECT_EQ(RunAt("", {"context", "list", "--json"}).out,
            "{\"current\":true,\"name\":\"a\",\"server\":\"a:1\"}\n"
            "{\"current\":false,\"name\":\"lab\",\"server\":\"b:2\"}\n");
  EXPECT_EQ(RunAt("", {"context", "use", "lab"}).code, 0);
  EXPECT_THAT(Saved(), StartsWith("current: lab\n"));
  const Result unknown = RunAt("", {"context", "use", "lap"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, StartsWith("descent: there is no context `lap` (did you mean `lab`?)"));
  EXPECT_EQ(RunAt("", {"list", "--context", "lap"}).err, unknown.err);
  EXPECT_EQ(RunAt("", {"context", "use"}).code, 2);
  EXPECT_EQ(RunAt("", {"__complete", "--", "context", "use", "l"}).out, "lab\tb:2\n");
  EXPECT_EQ(RunAt("", {"__complete", "--", "list", "--context", "l"}).out, "lab\tb:2\n");
  EXPECT_EQ(RunAt("", {"context", "delete", "lab"}).code, 0);
  EXPECT_EQ(Saved(), "contexts:\n  - name: a\n    server: \"a:1\"\n    token: t\n");
}

TEST_F(CliLoginTest, ADamagedFileIsNamedAndKept) {
  for (const char* text : {"contexts: [{name: a, server: b, colour: red}]\n", "contexts: [{}]\n",
                           "- a\n", "current: [", "contexts: [{name: a}]\n", "contexts: 3\n",
                           "contexts: [{name: a, server: b}, {name: a, server: c}]\n"}) {
    Save(text);
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"list"}, {"context", "use", "a"}, {"context", "list"}}) {
      const Result result = RunAt("", arguments);
      EXPECT_NE(result.code, 0) << text;
      EXPECT_THAT(result.err, StartsWith("descent: " + contexts() + ":1:")) << text;
    }
    EXPECT_EQ(Saved(), text);
    // Who says where the daemon is needs none.
    EXPECT_EQ(Descent({"list"}).code, 0);
  }
}

}  // namespace
}  // namespace descent::cli
