#include "server/daemon/security/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "descent/v1/token_service.pb.h"
#include "proto/rpc_status.h"
#include "server/common/clock.h"
#include "server/common/log.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() {
    server::SetLogSink([this](const std::string& line) { log_.push_back(line); });
    Restart();
  }
  ~AccessTest() override { server::SetLogSink(nullptr); }

  void Restart() {
    auto access = Access::Open(folder_.path(), &clock_);
    ASSERT_TRUE(access.ok()) << access.status();
    access_ = *std::move(access);
  }

  std::string AdminToken() const {
    std::string token;
    std::ifstream(folder_.File("admin.token")) >> token;
    return token;
  }

  absl::StatusOr<Caller> Bring(const std::string& secret, const std::string& principal = "") {
    const std::string authorization = "Bearer " + secret;
    return access_->Identify({.authorization = authorization, .principal = principal});
  }

  v1::CreateTokenResponse Make(v1::Role role, const std::string& owner, int64_t ttl = 0) {
    v1::CreateTokenRequest request;
    request.set_role(role);
    request.set_owner(owner);
    request.add_groups("lab");
    request.set_ttl_seconds(ttl);
    return access_->CreateToken(admin_, request).value();
  }

  void Revoke(const std::string& id) {
    v1::RevokeTokenRequest request;
    request.set_id(id);
    ASSERT_TRUE(access_->RevokeToken(admin_, request).ok());
  }

  std::string Log() const { return absl::StrJoin(log_, ""); }

  TestFolder folder_;
  TestClock clock_;
  std::vector<std::string> log_;
  std::unique_ptr<Access> access_;
  const Caller admin_{.principal = "root", .role = Role::kAdmin, .credential = "socket"};
};

TEST_F(AccessTest, TheFirstStartMakesAnAdminsTokenAndTheNextKeepsIt) {
  const std::string token = AdminToken();
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(folder_.File("admin.token")).permissions(),
            perms::owner_read | perms::owner_write);
  Restart();
  EXPECT_EQ(AdminToken(), token);
  const auto caller = Bring(token, "ana@host");
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ(caller->role, Role::kAdmin);
  EXPECT_EQ(caller->principal, "ana@host");
  EXPECT_EQ(Bring(token)->principal, "anonymous");
  EXPECT_EQ(GetErrorDetail(Bring(token, std::string(129, 'x')).status()).reason,
            "INVALID_PRINCIPAL");
}

TEST_F(AccessTest, AnAdminsTokenWhoseFileIsGoneIsMadeAnewAndTheOldOneIsVoid) {
  const std::string before = AdminToken();
  std::filesystem::remove(folder_.File("admin.token"));
  Restart();
  EXPECT_NE(AdminToken(), before);
  EXPECT_TRUE(Bring(AdminToken()).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(Bring(before).status()));
  // So it is if the tokens are gone, or if it was revoked.
  std::filesystem::remove(folder_.File("tokens.json"));
  Restart();
  EXPECT_TRUE(Bring(AdminToken()).ok());
  Revoke(access_->ListTokens(admin_)->tokens(0).id());
  Restart();
  EXPECT_TRUE(Bring(AdminToken()).ok());
}

TEST_F(AccessTest, AFileThatIsTooLongForATokenIsReplacedUnread) {
  std::filesystem::resize_file(folder_.File("admin.token"), uintmax_t{1} << 40);
  Restart();
  EXPECT_LT(std::filesystem::file_size(folder_.File("admin.token")), 100U);
  EXPECT_TRUE(Bring(AdminToken()).ok());
}

TEST_F(AccessTest, ATokensOwnerIsWhoAsksWhateverHeClaims) {
  const auto made = Make(v1::OPERATOR, "ana");
  const auto caller = Bring(made.token(), "bob");
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ(caller->principal, "ana");
  EXPECT_EQ(caller->role, Role::kOperator);
  EXPECT_THAT(caller->groups, ElementsAre("lab"));
  EXPECT_EQ(caller->credential, "token:" + made.info().id());
}

TEST_F(AccessTest, OverTheSocketNothingIsAskedForButATokenCounts) {
  const auto caller = access_->Identify({.over_socket = true, .principal = "ana"});
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ(caller->role, Role::kAdmin);
  EXPECT_EQ(caller->principal, "ana");
  EXPECT_TRUE(access_->Holds(*caller).ok());
  const std::string viewer = "Bearer " + Make(v1::VIEWER, "vic").token();
  EXPECT_EQ(access_->Identify({.over_socket = true, .authorization = viewer})->role, Role::kViewer);
  EXPECT_FALSE(access_->Identify({.over_socket = true, .authorization = "Bearer no"}).ok());
}

TEST_F(AccessTest, WhoeverBringsNothingThatIsGoodHearsWhatToDo) {
  const auto none = access_->Identify({});
  EXPECT_TRUE(absl::IsUnauthenticated(none.status()));
  EXPECT_EQ(GetErrorDetail(none.status()).reason, "UNAUTHENTICATED");
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("descent token create"));
  EXPECT_THAT(std::string(access_->Identify({.authorization = "Basic x"}).status().message()),
              HasSubstr("Bearer TOKEN"));
  const std::string unknown = "descent_" + std::string(43, 'a');
  EXPECT_THAT(std::string(Bring(unknown).status().message()),
              AllOf(HasSubstr("not known"), Not(HasSubstr(unknown))));
}

TEST_F(AccessTest, RevocationAndExpiryEndWhatATokenOpened) {
  for (const bool expires : {false, true}) {
    const auto made = Make(v1::VIEWER, "ana", expires ? 60 : 0);
    const Caller caller = Bring(made.token()).value();
    const std::string session = access_->OpenSession(caller)->session();
    const Caller in_session = Bring(session).value();
    const std::string code = access_->CreateLoginCode(caller)->code();
    EXPECT_TRUE(access_->Holds(caller).ok());
    EXPECT_TRUE(access_->Holds(in_session).ok());
    if (expires) {
      // The code would be as old: a fresh one of before.
      clock_.Advance(59 * server::kSecond);
    } else {
      Revoke(made.info().id());
    }
    const std::string late = access_->CreateLoginCode(caller)->code();
    if (expires) clock_.Advance(server::kSecond);
    EXPECT_TRUE(absl::IsUnauthenticated(access_->Holds(caller)));
    EXPECT_TRUE(absl::IsUnauthenticated(access_->Holds(in_session)));
    const auto refused = Bring(made.token());
    EXPECT_TRUE(absl::IsUnauthenticated(refused.status()));
    EXPECT_THAT(std::string(refused.status().message()),
                HasSubstr(expires ? "has expired" : "was revoked"));
    EXPECT_TRUE(absl::IsUnauthenticated(Bring(session).status()));
    EXPECT_TRUE(absl::IsUnauthenticated(access_->OpenSession(code, "").status()));
    EXPECT_TRUE(absl::IsUnauthenticated(access_->OpenSession(late, "").status()));
  }
}

TEST_F(AccessTest, ACodeOpensOneSessionWithin60Seconds) {
  const Caller ana = Bring(Make(v1::OPERATOR, "ana").token()).value();
  const std::string code = access_->CreateLoginCode(ana)->code();
  clock_.Advance(60 * server::kSecond - 1);
  const auto opened = access_->OpenSession(code, "");
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->principal(), "ana");
  EXPECT_EQ(opened->role(), v1::OPERATOR);
  EXPECT_EQ(opened->expires_in(), 43200);
  EXPECT_TRUE(absl::IsUnauthenticated(access_->OpenSession(code, "").status()));
  const auto caller = Bring(opened->session());
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ(caller->principal, "ana");
  EXPECT_THAT(caller->groups, ElementsAre("lab"));

  const std::string old = access_->CreateLoginCode(ana)->code();
  clock_.Advance(60 * server::kSecond);
  EXPECT_TRUE(absl::IsUnauthenticated(access_->OpenSession(old, "").status()));
  // A code is no token, nor a token a code.
  EXPECT_FALSE(Bring(access_->CreateLoginCode(ana)->code()).ok());
  EXPECT_FALSE(access_->OpenSession(AdminToken(), "").ok());
}

TEST_F(AccessTest, ASessionEndsAfterItsTimeByItsOwnerOrWithTheDaemon) {
  const Caller ana = Bring(Make(v1::VIEWER, "ana").token()).value();
  std::string session = access_->OpenSession(ana)->session();
  clock_.Advance(12 * 3600 * server::kSecond - 1);
  const Caller in_session = Bring(session).value();
  clock_.Advance(1);
  EXPECT_FALSE(Bring(session).ok());
  EXPECT_FALSE(access_->Holds(in_session).ok());

  session = access_->OpenSession(ana)->session();
  access_->CloseSession(Bring(session).value());
  EXPECT_FALSE(Bring(session).ok());
  access_->CloseSession(ana);  // is none, and stays
  EXPECT_TRUE(access_->Holds(ana).ok());

  session = access_->OpenSession(ana)->session();
  Restart();
  EXPECT_FALSE(Bring(session).ok());
}

TEST_F(AccessTest, ASessionBegetsNoOther) {
  const Caller ana = Bring(Make(v1::VIEWER, "ana").token()).value();
  const Caller in_session = Bring(access_->OpenSession(ana)->session()).value();
  EXPECT_TRUE(absl::IsPermissionDenied(access_->OpenSession(in_session).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(access_->CreateLoginCode(in_session).status()));
}

TEST_F(AccessTest, SessionsAndCodesOfOneCredentialAreBounded) {
  const Caller ana = Bring(Make(v1::VIEWER, "ana").token()).value();
  const Caller bob = Bring(Make(v1::VIEWER, "bob").token()).value();
  const std::string bobs = access_->OpenSession(bob)->session();
  const std::string first = access_->OpenSession(ana)->session();
  for (int i = 0; i < 31; ++i) ASSERT_TRUE(access_->OpenSession(ana).ok());
  EXPECT_TRUE(Bring(first).ok());
  ASSERT_TRUE(access_->OpenSession(ana).ok());
  EXPECT_FALSE(Bring(first).ok());
  EXPECT_TRUE(Bring(bobs).ok());
}

TEST_F(AccessTest, TokensAreListedWithoutTheirSecrets) {
  const auto made = Make(v1::OPERATOR, "ana", 60);
  const auto list = access_->ListTokens(admin_);
  ASSERT_EQ(list->tokens_size(), 2);
  const v1::Token& token = list->tokens(1);
  EXPECT_EQ(token.id(), made.info().id());
  EXPECT_EQ(token.owner(), "ana");
  EXPECT_EQ(token.role(), v1::OPERATOR);
  EXPECT_EQ(token.expire_time_unix_nanos() - token.create_time_unix_nanos(), 60U * server::kSecond);
  EXPECT_EQ(token.last_use_time_unix_nanos(), 0U);
  clock_.Advance(5);
  ASSERT_TRUE(Bring(made.token()).ok());
  EXPECT_EQ(access_->ListTokens(admin_)->tokens(1).last_use_time_unix_nanos(),
            token.create_time_unix_nanos() + 5);
}

TEST_F(AccessTest, TheLogHasWhoMadeAndRevokedWhatAndNoSecret) {
  const auto made = Make(v1::OPERATOR, "ana");
  Revoke(made.info().id());
  const std::string code = access_->CreateLoginCode(admin_)->code();
  const std::string session = access_->OpenSession(code, "")->session();
  EXPECT_FALSE(access_->OpenSession(code, "").ok());
  EXPECT_FALSE(Bring(made.token()).ok());
  const std::string log = Log();
  EXPECT_THAT(log, HasSubstr("token " + made.info().id() +
                             " (operator, of ana, groups lab) was made [principal=root]"));
  EXPECT_THAT(log, HasSubstr("token " + made.info().id() + " was revoked [principal=root]"));
  for (const std::string& secret : {made.token(), code, session, AdminToken()}) {
    EXPECT_THAT(log, Not(HasSubstr(secret)));
  }
}

TEST_F(AccessTest, RefusalsAreLoggedOnceASecondWithTheirNumber) {
  log_.clear();
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(access_->Identify({.from = "ipv4:127.0.0.1:4000"}).ok());
  }
  EXPECT_THAT(log_, SizeIs(1));
  EXPECT_THAT(Log(), HasSubstr("turned away: no token, from ipv4:127.0.0.1:4000"));
  clock_.Advance(server::kSecond);
  // Nobody is locked out meanwhile.
  EXPECT_TRUE(Bring(AdminToken()).ok());
  EXPECT_FALSE(access_->Identify({}).ok());
  EXPECT_THAT(log_, SizeIs(2));
  EXPECT_THAT(Log(), HasSubstr("99 others since the line before"));
}

TEST_F(AccessTest, DamagedTokensAreNoReasonToLetAnybodyIn) {
  std::ofstream(folder_.File("tokens.json")) << "{";
  const auto access = Access::Open(folder_.path(), &clock_);
  EXPECT_EQ(access.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(access.status().message()), HasSubstr("is damaged"));
}

}  // namespace
}  // namespace descent::daemon
