#include "core/data/synthetic.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "core/data/random_seed.h"
#include "core/text/exception_text.h"

namespace descent {
namespace {

constexpr double kPi = 3.14159265358979323846;
// So many numbers are in one table at most; more is a slip of the keyboard.
constexpr int64_t kMaxNumbers = int64_t{1} << 36;

absl::Status CheckSize(int64_t examples, int64_t numbers) {
  int64_t all = 0;
  if (!__builtin_mul_overflow(examples, numbers, &all) && all <= kMaxNumbers) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("examples: more than 2^36 numbers");
}

// Draws from a normal distribution, by another stream for each purpose.
at::Tensor Normal(at::IntArrayRef shape, uint64_t seed, const char* purpose) {
  return at::randn(shape, at::detail::createCPUGenerator(DeriveSeed(seed, purpose, 0)),
                   at::TensorOptions(at::kDouble));
}

absl::StatusOr<Examples> Make(const char* kind, at::IntArrayRef inputs, at::IntArrayRef targets,
                              at::ScalarType target_type, absl::FunctionRef<void(Examples*)> fill) {
  try {
    Examples made;
    made.inputs = at::empty(inputs, at::kDouble);
    made.targets = at::empty(targets, at::TensorOptions(target_type));
    made.inputs_origin = Origin(absl::StrCat("The synthetic data `", kind, "`"));
    made.targets_origin = made.inputs_origin;
    fill(&made);
    return made;
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("Cannot make the data `", kind, "`: ", ExceptionText(error), "."));
  }
}

}  // namespace

absl::Status LinearData::Check() const {
  if (absl::Status status = CheckSize(examples, inputs); !status.ok()) return status;
  if (absl::Status status = CheckSize(inputs, outputs); !status.ok()) return status;
  return CheckSize(examples, outputs);
}

absl::StatusOr<Examples> LinearData::Read(const ReadOptions& options) const {
  const uint64_t base = seed.value_or(options.seed);
  return Make(kind, {0}, {0}, at::kDouble, [&](Examples* made) {
    made->inputs = Normal({examples, inputs}, base, "linear.x");
    const at::Tensor weights = Normal({inputs, outputs}, base, "linear.w");
    made->targets = made->inputs.mm(weights);
    made->targets.add_(Normal({outputs}, base, "linear.b"));
    made->targets.add_(Normal({examples, outputs}, base, "linear.e"), noise);
  });
}

absl::Status SpiralsData::Check() const {
  if (classes > examples) {
    return absl::InvalidArgumentError("classes: there are more of them than examples");
  }
  return CheckSize(examples, 2);
}

absl::StatusOr<Examples> SpiralsData::Read(const ReadOptions& options) const {
  const uint64_t base = seed.value_or(options.seed);
  return Make(kind, {examples, 2}, {examples}, at::kLong, [&](Examples* made) {
    const at::Tensor noises = Normal({examples}, base, "spirals");
    const auto* e = noises.const_data_ptr<double>();
    auto* x = made->inputs.mutable_data_ptr<double>();
    auto* y = made->targets.mutable_data_ptr<int64_t>();
    const int64_t per_arm = examples / classes;
    for (int64_t i = 0; i < examples; ++i) {
      const int64_t step = i / classes;
      y[i] = i % classes;
      const double radius = static_cast<double>(step) / static_cast<double>(per_arm);
      const double angle = 4 * radius +
                           2 * kPi * static_cast<double>(y[i]) / static_cast<double>(classes) +
                           noise * e[i];
      x[2 * i] = radius * std::sin(angle);
      x[2 * i + 1] = radius * std::cos(angle);
    }
  });
}

absl::Status MoonsData::Check() const { return CheckSize(examples, 2); }

absl::StatusOr<Examples> MoonsData::Read(const ReadOptions& options) const {
  const uint64_t base = seed.value_or(options.seed);
  return Make(kind, {examples, 2}, {examples}, at::kLong, [&](Examples* made) {
    const at::Tensor noises = Normal({examples, 2}, base, "moons");
    const auto* e = noises.const_data_ptr<double>();
    auto* x = made->inputs.mutable_data_ptr<double>();
    auto* y = made->targets.mutable_data_ptr<int64_t>();
    const double last = static_cast<double>(std::max<int64_t>((examples + 1) / 2 - 1, 1));
    for (int64_t i = 0; i < examples; ++i) {
      const int64_t step = i / 2;
      const double t = kPi * std::min(static_cast<double>(step) / last, 1.0);
      y[i] = i % 2;
      x[2 * i] = (y[i] == 0 ? std::cos(t) : 1 - std::cos(t)) + noise * e[2 * i];
      x[2 * i + 1] = (y[i] == 0 ? std::sin(t) : 0.5 - std::sin(t)) + noise * e[2 * i + 1];
    }
  });
}

}  // namespace descent
