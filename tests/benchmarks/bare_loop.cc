#include "tests/benchmarks/bare_loop.h"

#include <ATen/Parallel.h>

#include <chrono>
#include <cstdlib>
#include <utility>
#include <variant>

#include "core/train/trainer.h"
#include "server/worker/bridge/data_cache.h"
#include "server/worker/bridge/prepare.h"
#include "tests/benchmarks/cpu.h"

namespace descent::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;

class BareLoopImpl : public BareLoop {
 public:
  explicit BareLoopImpl(std::unique_ptr<Trainer> trainer) : trainer_(std::move(trainer)) {}

  Slice Run(double seconds) override {
    int64_t iterations = 0;
    const double cpu = ThreadCpuSeconds();
    const auto start = Clock::now();
    double passed = 0;
    do {
      const auto boundary = trainer_->Current();
      if (!boundary.ok() || !trainer_->Advance().ok()) std::abort();
      seen_ += boundary->value + boundary->gradient_norm;
      ++iterations;
      passed = std::chrono::duration<double>(Clock::now() - start).count();
    } while (passed < seconds);
    const auto count = static_cast<double>(iterations);
    return {count / passed, (ThreadCpuSeconds() - cpu) / count};
  }

 private:
  const std::unique_ptr<Trainer> trainer_;
  double seen_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BareLoop>> BareLoop::Create(const v1::Spec& spec) {
  at::set_num_threads(1);
  worker::DataCache cache;
  auto result = worker::Prepare(spec, &cache);
  if (const auto* violations = std::get_if<worker::Violations>(&result)) {
    return absl::InvalidArgumentError(violations->list().front().description);
  }
  auto trainer = worker::MakeTrainer(std::move(std::get<worker::Prepared>(result)));
  if (!trainer.ok()) return trainer.status();
  return std::make_unique<BareLoopImpl>(*std::move(trainer));
}

}  // namespace descent::benchmarks
