#include "server/worker/session/checkpointer.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rules/names.h"

namespace descent::worker {

namespace api = ::descent::v1;

void Checkpointer::MakeFolder() const {
  std::error_code ignored;
  std::filesystem::create_directories(start_.checkpoint_dir(), ignored);
}

absl::Status Checkpointer::Load() {
  if (!start_.checkpoint().empty()) {
    const std::string path = rules::CheckpointPath(start_.checkpoint_dir(), start_.checkpoint());
    absl::StatusOr<int64_t> iteration = trainer_->Load(path, start_.checkpoint_sha256());
    if (!iteration.ok()) return iteration.status();
    first_ = *iteration;
    if (start_.checkpoint() == rules::CheckpointName(start_.branch(), first_)) {
      std::error_code ignored;
      saved_iteration_ = first_;
      saved_ = {start_.checkpoint_sha256(),
                static_cast<int64_t>(std::filesystem::file_size(path, ignored))};
    }
  }
  if (start_.script_size() > 0 && start_.script(0).iteration() < first_) {
    return absl::InternalError(absl::StrCat("The script begins at iteration ",
                                            start_.script(0).iteration(),
                                            ", before the checkpoint at ", first_, "."));
  }
  return absl::OkStatus();
}

void Checkpointer::Arrive(int64_t iteration) {
  iteration_ = iteration;
  snapshot_.reset();
}

const RunState& Checkpointer::Snapshot() {
  if (!snapshot_) snapshot_ = trainer_->Snapshot();
  return *snapshot_;
}

absl::StatusOr<api::Event> Checkpointer::Save(const std::string& request_id) {
  const std::string name = rules::CheckpointName(start_.branch(), iteration_);
  if (saved_iteration_ != iteration_) {
    absl::StatusOr<SavedFile> saved = trainer_->Save(
        rules::CheckpointPath(start_.checkpoint_dir(), name), start_.branch(), Snapshot());
    if (!saved.ok()) return saved.status();
    saved_ = *std::move(saved);
    saved_iteration_ = iteration_;
  }
  api::Event event;
  api::CheckpointSaved* checkpoint = event.mutable_checkpoint_saved();
  checkpoint->set_checkpoint(name);
  checkpoint->set_iteration(iteration_);
  checkpoint->set_sha256(saved_.sha256);
  checkpoint->set_bytes(saved_.bytes);
  checkpoint->set_request_id(request_id);
  return event;
}

}  // namespace descent::worker
