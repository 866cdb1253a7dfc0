#include "server/daemon/security/token_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/digest/sha256.h"
#include "proto/rpc_status.h"
#include "server/common/clock.h"
#include "server/daemon/security/secret_text.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class TokenStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<TokenStore> Open() {
    auto store = TokenStore::Open(path_, &clock_);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  std::string Text() const {
    std::stringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  // Gives why a store of this text is refused.
  std::string Refusal(const std::string& text) {
    std::ofstream(path_) << text;
    const auto store = TokenStore::Open(path_, &clock_);
    EXPECT_EQ(store.status().code(), absl::StatusCode::kDataLoss);
    return std::string(store.status().message());
  }

  TestFolder folder_;
  const std::string path_ = folder_.File("tokens.json");
  TestClock clock_;
};

TEST_F(TokenStoreTest, ASecretIs256BitsAndItsFileHasTheHashAlone) {
  const auto store = Open();
  const auto made = store->Create({.role = Role::kOperator, .owner = "ana", .groups = {"lab"}}, 0);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT(made->secret, MatchesRegex("descent_[A-Za-z0-9_-]{43}"));
  EXPECT_THAT(made->token.id, MatchesRegex("[0-9a-f]{8}"));
  EXPECT_THAT(Text(), Not(HasSubstr(made->secret.substr(8))));
  EXPECT_EQ(nlohmann::json::parse(Text())["tokens"][0]["sha256"], Sha256Hex(made->secret));
  EXPECT_NE(store->Create({.role = Role::kAdmin}, 0)->secret, made->secret);
}

TEST_F(TokenStoreTest, TheFileIsItsOwnersAlone) {
  ASSERT_TRUE(Open()->Create({.role = Role::kAdmin}, 0).ok());
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(path_).permissions(), perms::owner_read | perms::owner_write);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(TokenStoreTest, TheNextDaemonKnowsWhatWasMadeAndRevoked) {
  auto store = Open();
  const auto kept = store->Create({.role = Role::kViewer, .owner = "ana", .groups = {"lab"}}, 60);
  const auto revoked = store->Create({.role = Role::kAdmin}, 0);
  ASSERT_TRUE(store->Revoke(revoked->token.id).ok());
  store = Open();
  const auto known = store->Find(kept->secret);
  ASSERT_TRUE(known.has_value());
  EXPECT_EQ(known->id, kept->token.id);
  EXPECT_EQ(known->role, Role::kViewer);
  EXPECT_EQ(known->owner, "ana");
  EXPECT_EQ(known->groups, std::vector<std::string>{"lab"});
  EXPECT_TRUE(known->IsGood(clock_.WallNanos()));
  EXPECT_FALSE(store->Find(revoked->secret)->IsGood(clock_.WallNanos()));
}

TEST_F(TokenStoreTest, AnotherSecretFindsNothing) {
  const auto store = Open();
  const std::string secret = store->Create({.role = Role::kAdmin}, 0)->secret;
  std::string wrong = secret;
  wrong.back() = wrong.back() == 'A' ? 'B' : 'A';
  for (const std::string& other : {wrong, secret + "A", secret.substr(1), std::string(), wrong}) {
    EXPECT_FALSE(store->Find(other).has_value()) << other;
  }
  EXPECT_TRUE(store->Find(secret).has_value());
}

TEST_F(TokenStoreTest, ATokenIsGoodUntilItsTimeAndNotAtIt) {
  const auto store = Open();
  const auto made = store->Create({.role = Role::kAdmin}, 60);
  clock_.Advance(60 * server::kSecond - 1);
  EXPECT_TRUE(store->Get(made->token.id)->IsGood(clock_.WallNanos()));
  clock_.Advance(1);
  EXPECT_FALSE(store->Get(made->token.id)->IsGood(clock_.WallNanos()));
}

TEST_F(TokenStoreTest, WhoeverHasNoOwnerBelowAnAdminGetsOneOfItsOwn) {
  const auto store = Open();
  const auto made = store->Create({.role = Role::kOperator}, 0);
  EXPECT_EQ(made->token.owner, "token-" + made->token.id);
  EXPECT_EQ(store->Create({.role = Role::kAdmin}, 0)->token.owner, "");
}

TEST_F(TokenStoreTest, RevokingIsForKnownOnesAndCanBeRepeated) {
  const auto store = Open();
  const auto made = store->Create({.role = Role::kAdmin}, 0);
  EXPECT_TRUE(store->Revoke(made->token.id).ok());
  const int64_t when = store->Get(made->token.id)->revoked;
  clock_.Advance(server::kSecond);
  EXPECT_TRUE(store->Revoke(made->token.id).ok());
  EXPECT_EQ(store->Get(made->token.id)->revoked, when);
  EXPECT_EQ(GetErrorDetail(store->Revoke("00000000")).reason, "TOKEN_NOT_FOUND");
}

TEST_F(TokenStoreTest, WhatCantBeWrittenIsNotMadeButRevokedAllTheSame) {
  const auto store = Open();
  const auto made = store->Create({.role = Role::kAdmin}, 0);
  // A folder in the file's place, with something in it, can't be replaced, by root neither.
  std::filesystem::remove(path_);
  std::filesystem::create_directories(path_ + "/full");
  EXPECT_THAT(std::string(store->Create({.role = Role::kAdmin}, 0).status().message()),
              HasSubstr("No token was made"));
  EXPECT_EQ(store->All().size(), 1U);
  EXPECT_THAT(std::string(store->Revoke(made->token.id).message()), HasSubstr("Revoke it again"));
  EXPECT_FALSE(store->Get(made->token.id)->IsGood(clock_.WallNanos()));
  std::filesystem::remove_all(path_);
  EXPECT_TRUE(store->Revoke(made->token.id).ok());
  EXPECT_FALSE(Open()->Find(made->secret)->IsGood(clock_.WallNanos()));
}

TEST_F(TokenStoreTest, DeadTokensGiveTheirPlacesAndGoodOnesDoNot) {
  nlohmann::json tokens = nlohmann::json::array();
  for (size_t i = 0; i < TokenStore::kMostTokens; ++i) {
    std::stringstream id;
    id << std::hex << 0x10000000 + i;
    tokens.push_back({{"id", id.str()},
                      {"sha256", std::string(64, 'a')},
                      {"role", "admin"},
                      {"owner", ""},
                      {"groups", nlohmann::json::array()},
                      {"created", 1},
                      {"expires", 0},
                      {"revoked", 0},
                      {"first", false}});
  }
  std::ofstream(path_) << nlohmann::json{{"version", 1}, {"tokens", tokens}}.dump();
  const auto store = Open();
  const auto refused = store->Create({.role = Role::kAdmin}, 0);
  EXPECT_EQ(GetErrorDetail(refused.status()).reason, "TOO_MANY_TOKENS");
  EXPECT_TRUE(store->Create({.role = Role::kAdmin, .is_first = true}, 0).ok());
  ASSERT_TRUE(store->Revoke("10000003").ok());
  ASSERT_TRUE(store->Revoke("10000004").ok());
  EXPECT_TRUE(store->Create({.role = Role::kAdmin}, 0).ok());
  EXPECT_FALSE(store->Get("10000003").has_value());
  EXPECT_EQ(store->All().size(), TokenStore::kMostTokens);
}

TEST_F(TokenStoreTest, DamageIsASentenceWithItsPlace) {
  ASSERT_TRUE(Open()->Create({.role = Role::kViewer, .owner = "ana"}, 0).ok());
  const auto whole = nlohmann::json::parse(Text());
  EXPECT_THAT(Refusal("{"), HasSubstr(path_ + " is damaged: the file: is no JSON object"));
  EXPECT_THAT(Refusal("[]"), HasSubstr("move it away"));
  EXPECT_THAT(Refusal(R"({"version": 2, "tokens": []})"), HasSubstr("newer descentd"));
  EXPECT_THAT(Refusal(R"({"version": 1})"), HasSubstr("tokens: is missing"));
  for (const auto& [member, value] :
       std::vector<std::pair<std::string, nlohmann::json>>{{"id", "1"},
                                                           {"sha256", "abc"},
                                                           {"role", "king"},
                                                           {"owner", ""},
                                                           {"groups", "lab"},
                                                           {"created", -1},
                                                           {"expires", 1.5},
                                                           {"revoked", "no"},
                                                           {"first", 1}}) {
    auto damaged = whole;
    damaged["tokens"][0][member] = value;
    EXPECT_THAT(Refusal(damaged.dump()), HasSubstr("tokens[0]." + member + ": ")) << member;
    damaged["tokens"][0].erase(member);
    EXPECT_THAT(Refusal(damaged.dump()), HasSubstr("tokens[0]." + member + ": ")) << member;
  }
  auto twice = whole;
  twice["tokens"].push_back(twice["tokens"][0]);
  EXPECT_THAT(Refusal(twice.dump()), HasSubstr("tokens[1].id: is there twice"));
  std::string role_twice = whole.dump();
  role_twice.insert(role_twice.find("\"role\""), "\"role\": \"admin\", ");
  EXPECT_THAT(Refusal(role_twice), HasSubstr("role: is there twice in one object"));
  EXPECT_THAT(Refusal(std::string((16 << 20) + 1, ' ')), HasSubstr("is longer than it can be"));
  // Cut anywhere, it is damaged, not shorter.
  const std::string text = whole.dump();
  for (size_t size = 0; size < text.size(); size += 7) Refusal(text.substr(0, size));
}

TEST(SecretText, ABearerIsReadAsRfc6750Says) {
  EXPECT_EQ(BearerOf("Bearer abc"), "abc");
  EXPECT_EQ(BearerOf("bearer  abc "), "abc");
  for (const char* other : {"", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "abc"}) {
    EXPECT_EQ(BearerOf(other), std::nullopt) << other;
  }
}

TEST(SecretText, HashesAreComparedAsAWhole) {
  EXPECT_TRUE(SameHash("abcd", "abcd"));
  for (const char* other : {"bbcd", "abcc", "abc", "", "abcde"}) {
    EXPECT_FALSE(SameHash("abcd", other)) << other;
  }
}

}  // namespace
}  // namespace descent::daemon
