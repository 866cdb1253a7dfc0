// Tests what spares do besides running jobs, and when the next is launched.

#include "server/daemon/workers/spare_work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "server/common/clock.h"
#include "server/daemon/security/caller.h"
#include "server/daemon/workers/launch_backoff.h"

namespace descent::daemon {
namespace {

using server::kSecond;
using ::testing::ElementsAre;

struct Piece {
  Caller caller;
  int number = 0;
};

Piece Of(const std::string& principal, int number) {
  return {.caller = {.principal = principal}, .number = number};
}

// Begins all pieces that may begin, by workers named after them.
std::vector<int> BeginAll(SpareWork<Piece>* work) {
  std::vector<int> begun;
  while (std::optional<Piece> piece = work->Pop()) {
    begun.push_back(piece->number);
    work->Begin(std::to_string(piece->number), *std::move(piece));
  }
  return begun;
}

TEST(SpareWork, OnePrincipalLeavesRoomForAnother) {
  SpareWork<Piece> work(3);
  for (int i = 1; i <= 4; ++i) work.Push(Of("ada", i));
  EXPECT_THAT(BeginAll(&work), ElementsAre(1, 2));
  EXPECT_FALSE(work.Any());
  work.Push(Of("bob", 5));
  work.Push(Of("bob", 6));
  EXPECT_TRUE(work.Any());
  EXPECT_THAT(BeginAll(&work), ElementsAre(5));
  EXPECT_EQ(work.End("1")->number, 1);
  EXPECT_THAT(BeginAll(&work), ElementsAre(3));
}

TEST(SpareWork, OneAtATimeIsAnybodys) {
  SpareWork<Piece> work(1);
  work.Push(Of("ada", 1));
  work.Push(Of("ada", 2));
  EXPECT_THAT(BeginAll(&work), ElementsAre(1));
  work.End("1");
  EXPECT_THAT(BeginAll(&work), ElementsAre(2));
}

TEST(SpareWork, KnowsWhoHasWhat) {
  SpareWork<Piece> work(3);
  work.Push(Of("ada", 1));
  BeginAll(&work);
  EXPECT_EQ(work.Of("1")->number, 1);
  EXPECT_EQ(work.Of("2"), nullptr);
  EXPECT_EQ(work.WorkerOf([](const Piece& piece) { return piece.number == 1; }), "1");
  EXPECT_EQ(work.WorkerOf([](const Piece& piece) { return piece.number == 2; }), "");
  EXPECT_EQ(work.End("1")->number, 1);
  EXPECT_EQ(work.End("1"), std::nullopt);
}

TEST(SpareWork, WhatIsNotWantedGoesAndWhatWasLostHasItsTurnAgain) {
  SpareWork<Piece> work(3);
  for (int i = 1; i <= 4; ++i) work.Push(Of("ada", i));
  EXPECT_THAT(BeginAll(&work), ElementsAre(1, 2));
  work.EraseWaiting([](const Piece& piece) { return piece.number == 3; });
  work.PushFront(*work.End("2"));
  EXPECT_THAT(BeginAll(&work), ElementsAre(2));
  std::vector<int> all;
  for (const Piece& piece : work.TakeAll()) all.push_back(piece.number);
  EXPECT_THAT(all, ElementsAre(4, 1, 2));
  EXPECT_FALSE(work.Any());
}

TEST(LaunchBackoff, WaitsTheLongerTheMoreFail) {
  LaunchBackoff backoff;
  EXPECT_LE(backoff.Wait(5), 0);
  backoff.Ended(/*was_healthy=*/false, 0);
  EXPECT_EQ(backoff.Wait(0), kSecond / 10);
  backoff.Ended(/*was_healthy=*/false, 0);
  EXPECT_EQ(backoff.Wait(0), kSecond / 5);
  EXPECT_EQ(backoff.Wait(kSecond), -kSecond * 4 / 5);
  for (int i = 0; i < 100; ++i) backoff.Failed(0);
  EXPECT_EQ(backoff.Wait(0), 10 * kSecond);
  backoff.FailedForDescriptors(0);
  EXPECT_EQ(backoff.Wait(0), kSecond / 10);
}

TEST(LaunchBackoff, BeginsAnewAfterAHealthyOne) {
  LaunchBackoff backoff;
  for (int i = 0; i < 5; ++i) backoff.Ended(/*was_healthy=*/false, 0);
  backoff.Ended(/*was_healthy=*/true, 0);
  backoff.Ended(/*was_healthy=*/false, 100 * kSecond);
  EXPECT_EQ(backoff.Wait(100 * kSecond), kSecond / 10);
  backoff.Used();
  backoff.Ended(/*was_healthy=*/false, 200 * kSecond);
  EXPECT_EQ(backoff.Wait(200 * kSecond), kSecond / 10);
}

}  // namespace
}  // namespace descent::daemon
