// Runs a real descent-worker without a job, against a fake daemon.

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/proto/every_string.h"
#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {
namespace {

class SpareTest : public ::testing::Test {
 protected:
  v1::Validated Validate(const std::string& id, const ::descent::v1::Spec& spec) {
    v1::DaemonMessage message;
    message.mutable_validate()->set_id(id);
    *message.mutable_validate()->mutable_spec() = spec;
    daemon_.Send(message);
    return daemon_.WaitForValidated(id);
  }

  FakeDaemon daemon_;
  const std::string table_ = WriteTable(daemon_.folder(), 100);
};

TEST_F(SpareTest, ValidatesAnyNumberOfSpecsThenRunsOne) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  const v1::Validated valid = Validate("1", SmallSpec(table_, 50));
  ASSERT_TRUE(valid.has_valid()) << valid.DebugString();
  EXPECT_EQ(valid.valid().summary().parameters(), 3 * 8 + 8 + 8 * 3 + 3);
  EXPECT_EQ(valid.valid().summary().dials(0), "optimizer.adam.step_size");

  ::descent::v1::Spec wrong = SmallSpec(table_, 50);
  wrong.mutable_data()->mutable_train()->mutable_csv()->set_path("/nowhere.csv");
  const v1::Validated invalid = Validate("2", wrong);
  ASSERT_TRUE(invalid.has_invalid());
  EXPECT_EQ(invalid.invalid().violations(0).field(), "data.train.csv.path");
  EXPECT_EQ(invalid.invalid().violations(0).reason(), "FILE_NOT_FOUND");

  v1::DaemonMessage start = StartOf(daemon_, valid.valid().spec());
  *start.mutable_start()->mutable_summary() = valid.valid().summary();
  daemon_.Send(start);
  EXPECT_EQ(Iterations(daemon_.WaitForEvents(Ended)).size(), 51u);
  EXPECT_EQ(worker.Wait(), 0);
}

TEST_F(SpareTest, LeavesWhenAskedOrTerminated) {
  WorkerProcess asked(daemon_);
  daemon_.WaitForHello(1);
  v1::DaemonMessage leave;
  leave.mutable_leave()->set_reason("test");
  daemon_.Send(leave);
  EXPECT_EQ(asked.Wait(), 0);

  WorkerProcess terminated(daemon_);
  daemon_.WaitForHello(2);
  terminated.Signal(SIGTERM);
  EXPECT_EQ(terminated.Wait(), 0);
}

TEST_F(SpareTest, LeavesWhenTheDaemonIsGone) {
  WorkerProcess worker(daemon_, {"--spare_grace", "0.2"});
  daemon_.WaitForHello(1);
  daemon_.Die();
  EXPECT_EQ(worker.Wait(), 0);
}

TEST_F(SpareTest, ComesBackToADaemonThatWasRestarted) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  daemon_.Die();
  daemon_.Live();
  daemon_.WaitForHello(2);
  EXPECT_TRUE(Validate("1", SmallSpec(table_, 50)).has_valid());
}

// Whatever the daemon says, it hears that it can't be read, and the worker works on.
TEST_F(SpareTest, SaysOfEveryMessageThatItCantRead) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  int sent = 0;
  EveryString(v1::DaemonMessage(), "caf\xE9",
              [&](const google::protobuf::Message& message, const std::string& path) {
                SCOPED_TRACE(path);
                // These end it in any case.
                if (path.starts_with("fenced") || path.starts_with("leave")) return;
                v1::DaemonMessage poison;
                poison.CopyFrom(message);
                daemon_.Send(poison);
                EXPECT_EQ(daemon_.WaitForUnreadable(++sent).problem(),
                          "a DaemonMessage can't be read: " + path + " is not UTF-8");
              });
  EXPECT_GT(sent, 50);
  v1::DaemonMessage command;
  command.mutable_command()->mutable_request()->set_request_id("r1");
  command.mutable_command()->mutable_request()->set_principal("caf\xE9");
  daemon_.Send(command);
  EXPECT_EQ(daemon_.WaitForUnreadable(++sent).request_id(), "r1");
  EXPECT_TRUE(Validate("1", SmallSpec(table_, 50)).has_valid());
  EXPECT_EQ(daemon_.hellos(), 1);
}

TEST_F(SpareTest, SaysOfAWelcomeThatItCantRead) {
  daemon_.change_welcome = [](v1::Welcome* welcome) {
    welcome->add_unresolved()->set_principal("caf\xE9");
  };
  WorkerProcess worker(daemon_);
  EXPECT_EQ(daemon_.WaitForUnreadable(1).problem(),
            "a DaemonMessage can't be read: welcome.unresolved.principal is not UTF-8");
  EXPECT_EQ(daemon_.hellos(), 1);
}

// What is wrong with a spec quotes the spec, its files and their names: the answer can be read,
// whatever bytes those are.
TEST_F(SpareTest, AnswersAboutTextOfAnyBytes) {
  WorkerProcess worker(daemon_);
  daemon_.WaitForHello(1);
  const auto write = [&](const std::string& name, const std::string& bytes) {
    const std::string path = daemon_.folder() + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  };
  const auto of_csv = [&](const std::string& name, const std::string& bytes) {
    ::descent::v1::Spec spec = SmallSpec(table_, 50);
    spec.mutable_data()->mutable_train()->mutable_csv()->set_path(write(name, bytes));
    spec.mutable_data()->clear_test();
    return spec;
  };
  std::vector<::descent::v1::Spec> specs;
  specs.push_back(of_csv("latin1.csv", "a,b,z,caf\xE9\n1,2,0,1\n"));
  specs.push_back(of_csv("twice.csv", "caf\xE9,caf\xE9,label\n1,2,0\n"));
  specs.push_back(of_csv("cell.csv", "a,label\ncaf\xE9,0\n"));
  specs.push_back(of_csv("long.csv", "a,label\n这是一个很长的备注字段没有被忽略,0\n"));
  specs.push_back(of_csv("utf16.csv", std::string("\xFF\xFE") + std::string("a\0,\0y\0\n\0", 8)));
  specs.push_back(of_csv("binary.csv", std::string("\x00\x01\x80\xFF,label\n\xFE,\xC3\n", 15)));
  // Two layers beside each other have one long name.
  specs.push_back(SmallSpec(table_, 50));
  std::string umlauts = "x";
  for (int i = 0; i < 60; ++i) umlauts += "ä";
  for (int i : {0, 2}) {
    specs.back().mutable_model()->mutable_sequential()->mutable_layers(i)->set_name(umlauts);
  }
  // These are names of groups, of dials, of metrics and of devices.
  specs.push_back(SmallSpec(table_, 50));
  specs.back().mutable_optimizer()->add_groups()->set_name(umlauts);
  specs.push_back(SmallSpec(table_, 50));
  specs.back().mutable_execution()->set_device(umlauts);
  // These files are none of their kind.
  const std::string npy = write("a.npy", std::string("\x93NUMPY\x01\x00\x36\x00", 10) +
                                             "{'descr': '\xE9\xFF', 'fortran_order': False, "
                                             "'shape': (1,), }\n");
  specs.push_back(SmallSpec(table_, 50));
  specs.back().mutable_data()->clear_test();
  specs.back().mutable_data()->mutable_train()->mutable_npy()->set_inputs(npy);
  specs.back().mutable_data()->mutable_train()->mutable_npy()->set_targets(npy);
  const std::string tensors =
      write("a.safetensors", std::string("\x10\0\0\0\0\0\0\0", 8) + "{\"caf\xE9\":\"x\"}   ");
  specs.push_back(SmallSpec(table_, 50));
  specs.back().mutable_data()->clear_test();
  auto* safetensors = specs.back().mutable_data()->mutable_train()->mutable_safetensors();
  safetensors->set_path(tensors);
  safetensors->set_inputs("x");
  safetensors->set_targets("y");
  // The name of the class is in latin-1, and in it is what is no picture.
  write("pictures/caf\xE9/no.txt", "x");
  specs.push_back(SmallSpec(table_, 50));
  specs.back().mutable_data()->clear_test();
  specs.back().mutable_data()->mutable_train()->mutable_image_folder()->set_path(daemon_.folder() +
                                                                                 "/pictures");
  for (size_t i = 0; i < specs.size(); ++i) {
    const v1::Validated answer = Validate(std::to_string(i), specs[i]);
    EXPECT_TRUE(answer.has_invalid()) << specs[i].ShortDebugString();
    EXPECT_GT(answer.invalid().violations_size(), 0);
  }
  EXPECT_TRUE(Validate("last", SmallSpec(table_, 50)).has_valid());
  EXPECT_EQ(daemon_.hellos(), 1);  // one connection carried it all
}

}  // namespace
}  // namespace descent::worker
