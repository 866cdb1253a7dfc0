#include "core/data/batches.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/text/exception_text.h"

namespace descent {

namespace {

absl::Status NoMemory(int64_t batch_size, const std::exception& error) {
  return absl::ResourceExhaustedError(
      absl::StrCat("No memory for a batch of ", batch_size, ": ", ExceptionText(error), "."));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Batches>> Batches::Create(Dataset dataset,
                                                         const BatchOptions& options) try {
  absl::StatusOr<BatchMaker> maker = BatchMaker::Create(std::move(dataset), options);
  if (!maker.ok()) return maker.status();
  return Of(*std::move(maker), options.prefetch);
} catch (const std::exception& error) {
  return NoMemory(options.batch_size, error);
}

absl::StatusOr<std::unique_ptr<Batches>> Batches::Others() const try {
  return Of(maker_, /*prefetch=*/0);
} catch (const std::exception& error) {
  return NoMemory(batch_size(), error);
}

std::unique_ptr<Batches> Batches::Of(BatchMaker maker, int64_t prefetch) {
  std::unique_ptr<Batches> batches = absl::WrapUnique(new Batches(std::move(maker)));
  if (!batches->maker_.device().is_cpu()) batches->there_ = batches->maker_.MakeDeviceBuffers();
  if (batches->maker_.views()) return batches;
  if (prefetch > 0) {
    batches->prefetcher_ = std::make_unique<Prefetcher>(batches->maker_, prefetch);
  } else {
    batches->buffers_ = batches->maker_.MakeBuffers();
  }
  return batches;
}

const Batch& Batches::At(int64_t k) {
  const Batch& batch = OnCpu(k);
  if (maker_.device().is_cpu()) return batch;
  // The batch is all of the data, and always the same.
  if (maker_.views() && per_epoch() == 1 && present_.inputs.defined()) return present_;
  present_ = batch.inputs.size(0) == batch_size() ? there_.full : there_.last;
  present_.inputs.copy_(batch.inputs, /*non_blocking=*/true);
  present_.targets.copy_(batch.targets, /*non_blocking=*/true);
  return present_;
}

const Batch& Batches::OnCpu(int64_t k) {
  if (prefetcher_) return prefetcher_->At(k);
  if (!maker_.views()) return maker_.Make(k, &buffers_);
  if (maker_.per_epoch() == 1 && view_.inputs.defined()) return view_;
  view_ = maker_.View(k);
  return view_;
}

int64_t Batches::SamplesBefore(int64_t k) const {
  return k / per_epoch() * samples_per_epoch() +
         std::min(k % per_epoch() * batch_size(), samples_per_epoch());
}

}  // namespace descent
