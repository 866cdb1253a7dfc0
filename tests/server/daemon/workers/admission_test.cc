// Tests who is a worker, and of what: what a Hello must bring, and which jobs its worker gets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "server/common/loop.h"
#include "server/daemon/launch/secrets.h"
#include "server/daemon/workers/supervisor.h"
#include "tests/server/daemon/jobs/harness.h"
#include "tests/server/daemon/journal/journal_testing.h"

namespace descent::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using worker::v1::DaemonMessage;
using worker::v1::Hello;

// Here programs of `jobs/loop` bring the secret "sesame".
class FakeHost : public AttemptHost {
 public:
  absl::Status OnProgram(const std::string& job, const std::string& secret) override {
    if (job == "jobs/loop" && secret == "sesame") return absl::OkStatus();
    return absl::UnauthenticatedError("no such program");
  }
  void OnEvents(const WorkerPtr& /*worker*/, worker::v1::EventBatch* /*batch*/,
                const std::function<void()>& taken, const SessionHandler::Resume& resume) override {
    taken();
    resume();
  }
  absl::StatusOr<worker::v1::Welcome> OnReconnect(const WorkerPtr& /*worker*/,
                                                  const Hello& hello) override {
    reconnected.push_back(hello.job());
    return worker::v1::Welcome();
  }
  void OnHeartbeat(const WorkerPtr& /*worker*/) override {}
  void OnUnreadable(const WorkerPtr& /*worker*/, const std::string& /*problem*/,
                    const std::string& /*request_id*/) override {}
  void OnUnstarted(const WorkerPtr& /*worker*/) override {}
  void OnLost(const WorkerPtr& /*worker*/, const std::string& cause, bool /*clean*/) override {
    lost.push_back(cause);
  }

  // These are touched on the loop alone:
  std::vector<std::string> reconnected;
  std::vector<std::string> lost;
};

class AdmissionTest : public testing::Test {
 protected:
  AdmissionTest() { StartDaemon(); }
  ~AdmissionTest() override {
    for (const auto& worker : workers_) worker->Disconnect();
    StopDaemon();
  }

  void StartDaemon() {
    loop_ = std::make_shared<server::Loop>(&clock_);
    supervisor_ = std::make_unique<Supervisor>(
        Supervisor::Options{.socket = folder_.File("w.sock"), .log_dir = folder_.path()},
        *Secrets::Open(folder_.File("key")), &clock_, loop_, &launcher_, &host_);
    ASSERT_TRUE(supervisor_->Start().ok());
  }
  void StopDaemon() {
    supervisor_->StopListening();
    loop_->Stop();
    supervisor_ = nullptr;
  }

  // Runs the task on the loop, after what was posted before.
  template <class Task>
  auto OnLoop(Task task) {
    using Result = decltype(task());
    std::promise<Result> done;
    loop_->Post([&] {
      if constexpr (std::is_void_v<Result>) {
        task();
        done.set_value();
      } else {
        done.set_value(task());
      }
    });
    return done.get_future().get();
  }

  // This job wants a worker of this kind.
  void Acquire(const std::string& job, WorkerKind kind) {
    OnLoop([&] {
      supervisor_->Acquire(job, kind, [this, job](const WorkerPtr& worker) {
        given_.push_back(job);
        worker_of_[job] = worker;
      });
    });
  }
  // The jobs that got a worker, in their order.
  std::vector<std::string> given() {
    OnLoop([] {});  // what this led to was posted after it
    return OnLoop([this] { return given_; });
  }

  std::shared_ptr<FakeWorker> Launched() { return Keep(launcher_.NextLaunched()); }
  std::shared_ptr<FakeWorker> Stranger(const std::string& secret = "") {
    return Keep(launcher_.StartElsewhere(secret));
  }
  std::shared_ptr<FakeWorker> Program(const std::string& secret = "sesame") {
    auto program = Stranger(secret);
    program->program_of = "jobs/loop";
    return program;
  }
  std::shared_ptr<FakeWorker> Keep(std::shared_ptr<FakeWorker> worker) {
    workers_.push_back(worker);
    return worker;
  }
  // Has the Hello say that its worker is this process.
  static void Pretend(const ProcessId& process, Hello* hello) {
    hello->mutable_worker()->set_pid(process.pid);
    hello->mutable_worker()->set_process_start_ticks(process.start_ticks);
  }

  static void Welcome(FakeWorker& worker) {
    worker.Connect();
    EXPECT_TRUE(worker.Await(DaemonMessage::kWelcome).has_welcome());
  }
  static std::string Refusal(FakeWorker& worker) {
    worker.Connect();
    const std::string reason = worker.Await(DaemonMessage::kFenced).fenced().reason();
    EXPECT_FALSE(worker.Has(DaemonMessage::kWelcome));
    return reason;
  }

  TestFolder folder_;
  TestClock clock_;
  FakeLauncher launcher_{folder_.File("w.sock")};
  FakeHost host_;
  std::vector<std::string> given_;              // the loop's
  std::map<std::string, WorkerPtr> worker_of_;  // the loop's
  std::vector<std::shared_ptr<FakeWorker>> workers_;
  std::shared_ptr<server::Loop> loop_;
  std::unique_ptr<Supervisor> supervisor_;
};

TEST_F(AdmissionTest, AStrangerIsNoSpare) {
  Acquire("a", WorkerKind::kLayers);
  auto launched = Launched();
  EXPECT_THAT(Refusal(*Stranger()), HasSubstr("has not launched"));
  EXPECT_THAT(Refusal(*Stranger("sesame")), HasSubstr("has not launched"));
  auto liar = Stranger();
  liar->change_hello = [&](Hello* hello) { Pretend(launched->process(), hello); };
  EXPECT_THAT(Refusal(*liar), HasSubstr("has not launched"));
  EXPECT_THAT(given(), IsEmpty());
  Welcome(*launched);
  EXPECT_THAT(given(), ElementsAre("a"));
}

TEST_F(AdmissionTest, AStrangerRunsNoAttempt) {
  auto stranger = Stranger();
  stranger->change_hello = [](Hello* hello) {
    hello->set_role(Hello::RANK);
    hello->set_job("jobs/a");
    hello->set_attempt(1);
  };
  EXPECT_THAT(Refusal(*stranger), HasSubstr("has not launched"));
  EXPECT_TRUE(OnLoop([this] { return host_.reconnected.empty(); }));
}

TEST_F(AdmissionTest, RolesSayWhatTheyMust) {
  auto spare = Launched();
  spare->change_hello = [](Hello* hello) { hello->set_job("jobs/a"); };
  EXPECT_THAT(Refusal(*spare), HasSubstr("A spare has no job"));
  spare->change_hello = [](Hello* hello) { hello->set_role(Hello::RANK); };
  EXPECT_THAT(Refusal(*spare), HasSubstr("A rank has a job"));
  spare->change_hello = nullptr;
  Welcome(*spare);
}

// A worker of the version before has neither role nor secret: it is known by its process, which
// this daemon has launched.
TEST_F(AdmissionTest, ALaunchedWorkerOfTheVersionBeforeIsWelcomeAsASpare) {
  Acquire("a", WorkerKind::kLayers);
  auto old = Launched();
  old->protocol_version = 1;
  old->change_hello = [](Hello* hello) {
    hello->clear_role();
    hello->clear_secret();
  };
  old->Connect();
  EXPECT_EQ(old->Await(DaemonMessage::kWelcome).welcome().protocol_version(), 1);
  EXPECT_THAT(given(), ElementsAre("a"));
}

TEST_F(AdmissionTest, NobodyStepsBackBehindASecretThatWasBrought) {
  auto spare = Launched();
  Welcome(*spare);
  auto liar = Stranger();
  liar->protocol_version = 1;
  liar->change_hello = [&](Hello* hello) { Pretend(spare->process(), hello); };
  EXPECT_THAT(Refusal(*liar), HasSubstr("has not launched"));
}

TEST_F(AdmissionTest, TheNextDaemonKnowsTheWorkersOfTheOneBefore) {
  auto spare = Launched();
  Welcome(*spare);
  spare->Disconnect();
  StopDaemon();
  StartDaemon();
  Acquire("a", WorkerKind::kLayers);
  Welcome(*spare);
  EXPECT_THAT(given(), ElementsAre("a"));
}

TEST_F(AdmissionTest, AProgramGetsItsJobAndNoOther) {
  Acquire("a", WorkerKind::kLayers);
  auto program = Program();
  program->capabilities.set_evaluate(false);
  Welcome(*program);
  EXPECT_THAT(given(), IsEmpty());
  Acquire("loop", WorkerKind::kProgram);
  EXPECT_THAT(given(), ElementsAre("loop"));
  const auto can = OnLoop([this] { return worker_of_["loop"]->capabilities(); });
  EXPECT_TRUE(can.checkpoint());
  EXPECT_FALSE(can.evaluate());
}

TEST_F(AdmissionTest, ASpareGetsNoProgramsJob) {
  Acquire("loop", WorkerKind::kProgram);
  auto spare = Launched();
  Welcome(*spare);
  EXPECT_THAT(given(), IsEmpty());
  EXPECT_EQ(launcher_.launches(), 1);  // the one that there always is: none for the program
  Acquire("a", WorkerKind::kLayers);
  EXPECT_THAT(given(), ElementsAre("a"));
  Welcome(*Program());
  EXPECT_THAT(given(), ElementsAre("a", "loop"));
}

TEST_F(AdmissionTest, AProgramWithoutItsSecretGetsNothing) {
  Acquire("loop", WorkerKind::kProgram);
  EXPECT_EQ(Refusal(*Program("")), "no such program");
  EXPECT_EQ(Refusal(*Program("wrong")), "no such program");
  auto old = Program();
  old->protocol_version = 1;
  EXPECT_THAT(Refusal(*old), HasSubstr("version 2"));
  EXPECT_THAT(given(), IsEmpty());
}

TEST_F(AdmissionTest, ASecondProgramWaitsForTheFirstToEnd) {
  Acquire("loop", WorkerKind::kProgram);
  auto first = Program();
  Welcome(*first);
  Welcome(*Program());
  EXPECT_THAT(given(), ElementsAre("loop"));
  first->Disconnect();
  launcher_.Exit(*first, {});
  EXPECT_EQ(OnLoop([this] { return host_.lost.size(); }), 1U);
  Acquire("loop", WorkerKind::kProgram);
  EXPECT_THAT(given(), ElementsAre("loop", "loop"));
}

// Somebody may look at the program with a debugger, and nobody else could start another.
TEST_F(AdmissionTest, ASilentProgramIsWaitedForAsLongAsItsProcessLives) {
  Acquire("loop", WorkerKind::kProgram);
  auto program = Program();
  Welcome(*program);
  EXPECT_THAT(given(), ElementsAre("loop"));
  for (int i = 0; i < 8; ++i) {
    clock_.Advance(5'000'000'000);
    loop_->Wake();
    OnLoop([] {});
  }
  EXPECT_TRUE(OnLoop([this] { return host_.lost.empty(); }));
  launcher_.Exit(*program, {});
  EXPECT_THAT(OnLoop([this] { return host_.lost; }), ElementsAre(HasSubstr("is gone")));
}

// A notebook's cell that is run again does so.
TEST_F(AdmissionTest, AProgramThatBeginsAnewLeavesWhatItWas) {
  Acquire("loop", WorkerKind::kProgram);
  auto program = Program();
  Welcome(*program);
  EXPECT_THAT(given(), ElementsAre("loop"));
  Welcome(*program);
  EXPECT_THAT(OnLoop([this] { return host_.lost; }), ElementsAre(HasSubstr("began anew")));
  Acquire("loop", WorkerKind::kProgram);
  EXPECT_THAT(given(), ElementsAre("loop", "loop"));
}

TEST_F(AdmissionTest, AProgramThatWaitsForAJobThatIsOverIsSentAway) {
  auto program = Program();
  Welcome(*program);
  OnLoop([this] { supervisor_->CancelAcquire("loop"); });
  EXPECT_THAT(program->Await(DaemonMessage::kFenced).fenced().reason(), HasSubstr("over"));
}

TEST_F(AdmissionTest, AProgramIsNotAskedToLeaveWithTheDaemon) {
  auto spare = Launched();
  Welcome(*spare);
  auto program = Program();
  Welcome(*program);
  std::thread shutdown([this] {
    supervisor_->Shutdown(std::chrono::steady_clock::now() + std::chrono::seconds(20));
  });
  EXPECT_TRUE(spare->Await(DaemonMessage::kLeave).has_leave());
  spare->Disconnect();
  launcher_.Exit(*spare, {.known = true});
  shutdown.join();
  EXPECT_FALSE(program->Has(DaemonMessage::kLeave));
}

}  // namespace
}  // namespace descent::daemon
