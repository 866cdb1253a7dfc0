// Runs a real descent-worker that predicts, against a fake daemon.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {
namespace {

using ::testing::HasSubstr;
using Header = ::descent::v1::PredictionHeader;

template <class T>
std::vector<T> Numbers(const std::string& bytes) {
  std::vector<T> numbers(bytes.size() / sizeof(T));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

class PredictTest : public ::testing::Test {
 protected:
  // Trains a small job to its end in a worker of its own, and gives its last evaluation's accuracy.
  double Train(const std::string& optimizer = "adam { step_size { constant: 0.05 } }") {
    WorkerProcess worker(daemon_);
    daemon_.WaitForHello(++hellos_);
    v1::DaemonMessage message;
    message.mutable_validate()->set_id("1");
    *message.mutable_validate()->mutable_spec() = SmallSpec(table_, 60, optimizer);
    daemon_.Send(message);
    valid_ = daemon_.WaitForValidated("1").valid();
    v1::DaemonMessage start = StartOf(daemon_, valid_.spec());
    *start.mutable_start()->mutable_summary() = valid_.summary();
    daemon_.Send(start);
    const Events events = daemon_.WaitForEvents(Ended);
    EXPECT_EQ(worker.Wait(), 0);
    checkpoint_ = LastCheckpoint(events);
    double accuracy = -1;
    for (const Event& event : events) {
      if (event.has_evaluation()) accuracy = event.evaluation().metrics(1).value();
    }
    return accuracy;
  }

  v1::Predict Request(const std::string& id) {
    v1::Predict predict;
    predict.set_id(id);
    *predict.mutable_spec() = valid_.spec();
    *predict.mutable_summary() = valid_.summary();
    predict.set_checkpoint_dir(daemon_.folder() + "/checkpoints");
    predict.set_checkpoint(checkpoint_.checkpoint());
    predict.set_checkpoint_sha256(checkpoint_.sha256());
    predict.set_credits(1000);
    return predict;
  }

  void Send(const v1::Predict& predict) {
    v1::DaemonMessage message;
    *message.mutable_predict() = predict;
    daemon_.Send(message);
  }
  std::vector<v1::Prediction> Answer(const v1::Predict& predict) {
    Send(predict);
    return daemon_.WaitForPrediction(predict.id());
  }

  // Starts a spare, and waits until it says Hello.
  std::unique_ptr<WorkerProcess> Spare() {
    auto worker = std::make_unique<WorkerProcess>(daemon_);
    daemon_.WaitForHello(++hellos_);
    return worker;
  }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = daemon_.folder() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  FakeDaemon daemon_;
  const std::string table_ = WriteTable(daemon_.folder(), 100);
  int hellos_ = 0;
  v1::Valid valid_;
  ::descent::v1::CheckpointSaved checkpoint_;
};

std::string Joined(const std::vector<v1::Prediction>& answers, bool classes) {
  std::string bytes;
  for (const v1::Prediction& answer : answers) {
    bytes += classes ? answer.response().rows().classes() : answer.response().rows().values();
  }
  return bytes;
}

// Gives the numbers in the table's last column.
std::vector<int64_t> Labels(const std::string& table) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);
  std::vector<int64_t> labels;
  while (std::getline(file, line)) labels.push_back(std::stoll(line.substr(line.rfind(',') + 1)));
  return labels;
}

TEST_F(PredictTest, OnItsTestDataItIsAsRightAsTheEvaluation) {
  for (const char* optimizer : {"adam { step_size { constant: 0.05 } }",
                                "adam { step_size { constant: 0.05 } } "
                                "wrappers { ema { decay { constant: 0.9 } } }"}) {
    daemon_.NextAttempt();
    const double accuracy = Train(optimizer);
    const auto worker = Spare();
    const auto answers = Answer(Request(optimizer));
    ASSERT_TRUE(answers.front().response().has_header()) << answers.front().DebugString();
    const Header& header = answers.front().response().header();
    EXPECT_EQ(header.checkpoint(), checkpoint_.checkpoint());
    EXPECT_EQ(header.iteration(), 60);
    EXPECT_EQ(header.rows(), 100);
    EXPECT_EQ(header.dtype(), "float32");
    ASSERT_EQ(header.shape_size(), 1);
    EXPECT_EQ(header.shape(0), 3);
    EXPECT_TRUE(header.has_classes());
    EXPECT_EQ(header.class_shape_size(), 0);
    EXPECT_EQ(answers.back().end().code(), 0);
    EXPECT_EQ(Numbers<float>(Joined(answers, false)).size(), 300u);
    const std::vector<int64_t> classes = Numbers<int64_t>(Joined(answers, true));
    const std::vector<int64_t> labels = Labels(table_);
    int right = 0;
    for (size_t i = 0; i < labels.size(); ++i) right += classes.at(i) == labels[i];
    EXPECT_EQ(right / 100.0, accuracy);
  }
}

TEST_F(PredictTest, ReadsOtherDataByTheColumnsNames) {
  Train();
  const auto worker = Spare();
  v1::Predict predict = Request("1");
  predict.mutable_data()->mutable_csv()->set_path(
      Write("new.csv", "note,c,b,a\nx,0.3,0.2,0.1\ny,0.1,0.2,0.3\n"));
  predict.set_form(::descent::v1::PredictJobRequest::PROBABILITIES);
  const auto other = Answer(predict);
  ASSERT_EQ(other.back().end().code(), 0) << other.back().DebugString();
  predict.set_id("2");
  predict.mutable_data()->mutable_csv()->set_path(
      Write("same.csv", "a,b,c,label\n0.1,0.2,0.3,7\n0.3,0.2,0.1,7\n"));
  const auto same = Answer(predict);
  EXPECT_EQ(Joined(other, false), Joined(same, false));
  const std::vector<float> p = Numbers<float>(Joined(same, false));
  ASSERT_EQ(p.size(), 6u);
  EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-6);
  predict.set_id("3");
  predict.set_form(::descent::v1::PredictJobRequest::CLASSES);
  const auto classes = Answer(predict);
  EXPECT_EQ(classes.front().response().header().dtype(), "int64");
  EXPECT_EQ(Joined(classes, false), Joined(same, true));
  EXPECT_EQ(Joined(classes, true), "");
}

TEST_F(PredictTest, RowsSayWhereTheyComeFrom) {
  Train();
  const auto worker = Spare();
  v1::Predict predict = Request("1");
  auto* csv = predict.mutable_data()->mutable_csv();
  csv->mutable_missing()->mutable_drop();
  csv->set_path(Write("gaps.csv", "a,b,c\n,1,1\n1,2,3\n1,NA,3\n3,2,1\n"));
  const auto answers = Answer(predict);
  ASSERT_TRUE(answers.front().response().has_header()) << answers.front().DebugString();
  const Header& header = answers.front().response().header();
  EXPECT_EQ(header.rows(), 2);
  EXPECT_TRUE(header.has_places());
  EXPECT_FALSE(header.has_files());
  ASSERT_EQ(header.notes_size(), 1);
  EXPECT_THAT(header.notes(0), HasSubstr("2 of 4 rows are left out"));
  EXPECT_THAT(answers[1].response().rows().places(), ::testing::ElementsAre(1, 3));
  predict.set_id("2");
  csv->set_path(Write("whole.csv", "a,b,c\n1,2,3\n3,2,1\n"));
  const auto whole = Answer(predict);
  EXPECT_FALSE(whole.front().response().header().has_places());
  EXPECT_EQ(whole[1].response().rows().places_size(), 0);
  EXPECT_EQ(Joined(whole, false), Joined(answers, false));
}

TEST_F(PredictTest, RefusalsNameTheFieldAndTheWorkerGoesOn) {
  Train();
  const auto worker = Spare();
  v1::Predict predict = Request("1");
  predict.mutable_data()->mutable_csv()->set_path("/nowhere.csv");
  v1::PredictionEnd end = Answer(predict).back().end();
  EXPECT_EQ(end.code(), 3);
  EXPECT_EQ(end.violations(0).field(), "data.csv.path");
  EXPECT_EQ(end.violations(0).reason(), "FILE_NOT_FOUND");

  predict.set_id("2");
  predict.mutable_data()->mutable_csv()->set_path(Write("narrow.csv", "a,b\n1,2\n"));
  end = Answer(predict).back().end();
  EXPECT_THAT(end.violations(0).description(), HasSubstr("has no column \"c\""));

  predict.set_id("3");
  predict.mutable_data()->mutable_spirals()->set_examples(4);
  end = Answer(predict).back().end();
  EXPECT_EQ(end.code(), 3);
  EXPECT_EQ(end.violations(0).reason(), "SHAPE_MISMATCH");
  EXPECT_THAT(end.violations(0).description(), HasSubstr("[2]"));
  EXPECT_THAT(end.violations(0).description(), HasSubstr("[3]"));

  predict = Request("4");
  predict.set_checkpoint_sha256(std::string(64, '0'));
  end = Answer(predict).back().end();
  EXPECT_NE(end.code(), 0);
  EXPECT_EQ(end.reason(), "CHECKPOINT_UNREADABLE");
  EXPECT_THAT(end.message(), HasSubstr(checkpoint_.checkpoint()));

  predict = Request("5");
  predict.set_checkpoint("0-59");
  end = Answer(predict).back().end();
  EXPECT_EQ(end.code(), 15) << end.DebugString();

  EXPECT_EQ(Answer(Request("6")).back().end().code(), 0);
}

TEST_F(PredictTest, NamesOfClassesThatDoNotFitIntoOneMessageFollow) {
  Train();
  const auto worker = Spare();
  v1::Predict predict = Request("1");
  // Its classes are called what the summary says.
  predict.mutable_spec()->mutable_data()->mutable_train()->mutable_image_folder()->set_path(
      "/none");
  std::vector<std::string> names;
  for (const char letter : {'a', 'b', 'c'}) names.emplace_back(size_t{300} << 10, letter);
  predict.mutable_summary()->mutable_class_names()->Assign(names.begin(), names.end());
  predict.mutable_data()->mutable_csv()->set_path(Write("few.csv", "a,b,c\n0.1,0.2,0.3\n"));
  const auto answers = Answer(predict);
  ASSERT_TRUE(answers.front().response().has_header()) << answers.front().DebugString();
  std::vector<std::string> told(answers[0].response().header().class_names().begin(),
                                answers[0].response().header().class_names().end());
  EXPECT_EQ(told.size(), 1u);
  size_t at = 1;
  for (; at < answers.size() && answers[at].response().has_class_names(); ++at) {
    const auto& more = answers[at].response().class_names().class_names();
    told.insert(told.end(), more.begin(), more.end());
  }
  EXPECT_EQ(at, 3u);
  EXPECT_TRUE(told == names);
  for (const auto& answer : answers) EXPECT_LT(answer.ByteSizeLong(), size_t{1} << 20);
  EXPECT_EQ(Numbers<float>(Joined(answers, false)).size(), 3u);
  EXPECT_EQ(answers.back().end().code(), 0) << answers.back().DebugString();
}

TEST_F(PredictTest, SendsNoMoreThanItMayUntilItIsAllowedOrEnded) {
  Train();
  const auto worker = Spare();
  std::string many = "a,b,c\n";
  for (int i = 0; i < 60'000; ++i) many += "0.1,0.2,0.3\n";  // more than a MiB of answers
  v1::Predict predict = Request("1");
  predict.mutable_data()->mutable_csv()->set_path(Write("many.csv", many));
  predict.set_credits(2);
  Send(predict);
  EXPECT_EQ(daemon_.WaitForPrediction("1", 2).size(), 2u);
  v1::DaemonMessage more;
  more.mutable_predict_more()->set_id("1");
  more.mutable_predict_more()->set_credits(1);
  daemon_.Send(more);
  EXPECT_EQ(daemon_.WaitForPrediction("1", 3).size(), 3u);
  v1::DaemonMessage cancel;
  cancel.mutable_cancel_predict()->set_id("1");
  daemon_.Send(cancel);
  const auto cancelled = daemon_.WaitForPrediction("1");
  EXPECT_EQ(cancelled.size(), 4u);
  EXPECT_EQ(cancelled.back().end().code(), 1);

  // Whatever else it is told to do ends one too.
  predict.set_id("2");
  Send(predict);
  EXPECT_EQ(daemon_.WaitForPrediction("2", 2).size(), 2u);
  EXPECT_EQ(Answer(Request("3")).back().end().code(), 0);
  EXPECT_EQ(daemon_.WaitForPrediction("2", 2).size(), 2u);

  // And so does a new connection.
  predict.set_id("4");
  Send(predict);
  daemon_.WaitForPrediction("4", 2);
  daemon_.DropConnection();
  daemon_.WaitForHello(++hellos_);
  EXPECT_EQ(Answer(Request("5")).back().end().code(), 0);

  v1::DaemonMessage leave;
  leave.mutable_leave()->set_reason("test");
  predict.set_id("6");
  Send(predict);
  daemon_.WaitForPrediction("6", 2);
  daemon_.Send(leave);
  EXPECT_EQ(worker->Wait(), 0);
}

}  // namespace
}  // namespace descent::worker
