#include "core/train/checkpoint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "core/checkpoint/safetensors.h"
#include "core/model/linear.h"
#include "core/optimizer/adam.h"
#include "core/train/trainer.h"
#include "tests/core/data/temporary_folder.h"

namespace descent {
namespace {

class CheckpointTest : public ::testing::Test {
 protected:
  static std::unique_ptr<Trainer> Make() {
    Dataset data;
    data.inputs = at::ones({4, 3});
    data.targets = at::zeros({4}, at::kLong);
    auto built = BuildModel({.root = Linear{.out_features = 2}, .input_shape = {3}});
    EXPECT_TRUE(built.ok()) << built.status();
    auto trainer = Trainer::Create({.starting_point = &built->model,
                                    .optimizer = Adam{},
                                    .loss = cross_entropy(),
                                    .batches = *Batches::Create(data, {.batch_size = 4}),
                                    .test = {},
                                    .agenda = {.iterations = 3},
                                    .dial_path = {},
                                    .spec = "the spec"});
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    EXPECT_TRUE((*trainer)->Current().ok());
    return *std::move(trainer);
  }

  // Gives what a run says to its own checkpoint after a change; empty if it takes it.
  std::string After(const std::function<void(Safetensors*)>& change) {
    auto trainer = Make();
    const std::string path = folder_.path() + "/run.safetensors";
    EXPECT_TRUE(trainer->Save(path, 0, trainer->Snapshot()).ok());
    absl::StatusOr<Safetensors> file = ReadSafetensors(path, "");
    EXPECT_TRUE(file.ok()) << file.status();
    change(&*file);
    EXPECT_TRUE(WriteSafetensors(path, *file).ok());
    const absl::Status status = Make()->Load(path, "").status();
    if (status.ok()) return "";
    EXPECT_NE(status.message().find(path), absl::string_view::npos) << status;
    return std::string(status.message().substr(path.size()));
  }

  const TemporaryFolder folder_;
};

TEST_F(CheckpointTest, ItsOwnIsAccepted) {
  EXPECT_EQ(After([](Safetensors*) {}), "");
}

TEST_F(CheckpointTest, RefusesAnotherVersion) {
  EXPECT_EQ(After([](auto* file) { file->metadata["format"] = "descent.checkpoint.99"; }),
            " is no checkpoint of this version: its format is \"descent.checkpoint.99\", expected "
            "\"descent.checkpoint.1\".");
  EXPECT_NE(After([](auto* file) { file->metadata.clear(); }), "");
}

TEST_F(CheckpointTest, RefusesWhenStateIsMissingOrOfAnotherForm) {
  EXPECT_NE(After([](auto* file) {
              file->tensors.erase("exp_avg/weight");
            }).find("`exp_avg/weight` is missing"),
            std::string::npos);
  EXPECT_NE(After([](auto* file) {
              file->tensors["solution/other"] = at::ones({1});
            }).find("`solution/other` is not part"),
            std::string::npos);
  EXPECT_NE(
      After([](auto* file) { file->tensors["solution/weight"] = at::ones({2, 4}); }).find("[2, 4]"),
      std::string::npos);
  EXPECT_NE(After([](auto* file) {
              file->tensors["solution/weight"] = at::ones({2, 3}, at::kDouble);
            }).find("another dtype"),
            std::string::npos);
}

TEST_F(CheckpointTest, RefusesNumbersThatAreNone) {
  for (const char* field : {"branch", "iteration", "integer/iteration"}) {
    for (const char* bad : {"", "x", "1.5", "99999999999999999999", "-1"}) {
      EXPECT_NE(After([&](auto* file) {
                  ASSERT_EQ(file->metadata.count(field), 1u) << field;
                  file->metadata[field] = bad;
                }),
                "")
          << field << " " << bad;
    }
  }
}

}  // namespace
}  // namespace descent
