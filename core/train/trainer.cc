#include "core/train/trainer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/train/model_trainer.h"

namespace descent {

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(TrainerOptions options) {
  return ModelTrainer::Create(std::move(options));
}

absl::StatusOr<SavedFile> Trainer::Save(const std::string& path, int64_t branch,
                                        const RunState& snapshot) const {
  return SaveCheckpoint(path, {.branch = branch, .iteration = index_, .spec = spec_}, snapshot);
}

absl::StatusOr<int64_t> Trainer::Load(const std::string& path, const std::string& expected_sha256) {
  absl::StatusOr<Checkpoint> checkpoint = LoadCheckpoint(path, expected_sha256);
  if (!checkpoint.ok()) return checkpoint.status();
  const int64_t iteration = checkpoint->info.iteration;
  if (absl::Status status = LoadState(iteration, std::move(checkpoint->state)); !status.ok()) {
    return absl::Status(
        status.code(),
        absl::StrCat(path, " is no checkpoint of this job: ", std::string(status.message())));
  }
  index_ = iteration;
  return index_;
}

}  // namespace descent
