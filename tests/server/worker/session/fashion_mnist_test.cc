// Runs the main job for real: a worker process trains on Fashion-MNIST (Debian's
// dataset-fashion-mnist).

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <iostream>

#include "tests/server/worker/session/fake_daemon.h"
#include "tests/server/worker/session/jobs.h"

namespace descent::worker {
namespace {

constexpr char kFolder[] = "/usr/share/datasets/fashion-mnist/";

::descent::v1::Spec FashionMnist() {
  const auto source = [](const std::string& name) {
    return std::string("{ idx { inputs: '") + kFolder + name + "-images-idx3-ubyte.gz' targets: '" +
           kFolder + name + "-labels-idx1-ubyte.gz' } }";
  };
  ::descent::v1::Spec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(model { sequential {
             layers { flatten {} }
             layers { linear { out_features: 256 } } layers { relu {} }
             layers { linear { out_features: 128 } } layers { relu {} }
             layers { linear { out_features: 10 } } } }
         objective { cross_entropy {} }
         optimizer { adam { step_size { cosine { initial: 0.001 } } } }
         seed: 1 epochs: 5
         data { batch_size: 64 train )" +
          source("train") + " test " + source("t10k") + "}",
      &spec));
  return spec;
}

TEST(FashionMnist, ReachesEightyEightPercent) {
  if (access((std::string(kFolder) + "train-images-idx3-ubyte.gz").c_str(), R_OK) != 0) {
    GTEST_SKIP() << "Debian's dataset-fashion-mnist is not installed";
  }
  using Clock = std::chrono::steady_clock;
  const auto milliseconds = [](Clock::duration d) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
  };
  FakeDaemon daemon;
  WorkerProcess worker(daemon);
  daemon.WaitForHello(1);
  v1::DaemonMessage validate;
  validate.mutable_validate()->set_id("1");
  *validate.mutable_validate()->mutable_spec() = FashionMnist();
  auto since = Clock::now();
  daemon.Send(validate);
  const v1::Validated validated = daemon.WaitForValidated("1");
  ASSERT_TRUE(validated.has_valid()) << validated.DebugString();
  std::cout << "validated in " << milliseconds(Clock::now() - since) << " ms\n";

  v1::DaemonMessage start = StartOf(daemon, validated.valid().spec());
  *start.mutable_start()->mutable_summary() = validated.valid().summary();
  since = Clock::now();
  daemon.Send(start);
  daemon.WaitForEvents(Reached(1));
  std::cout << "start to iteration 1 in " << milliseconds(Clock::now() - since) << " ms\n";
  const Events events = daemon.WaitForEvents(Ended);
  EXPECT_EQ(worker.Wait(), 0);

  ::descent::v1::Evaluated last;
  for (const Event& event : events) {
    if (event.has_evaluation()) last = event.evaluation();
  }
  EXPECT_EQ(last.iteration(), 5 * 938);
  ASSERT_EQ(last.metrics(1).name(), "accuracy");
  EXPECT_GE(last.metrics(1).value(), 0.88);
  const double seconds = Iterations(events).back().elapsed_seconds();
  std::cout << "accuracy " << last.metrics(1).value() << " after " << seconds << " s, "
            << static_cast<double>(last.iteration()) / seconds << " iterations/s\n";
}

}  // namespace
}  // namespace descent::worker
