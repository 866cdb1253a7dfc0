#include "core/model/initializer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "ATen/CPUGeneratorImpl.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/linalg_qr.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/checkpoint/safetensors.h"

namespace descent {
namespace {

at::Generator GeneratorOf(const Start& start) { return at::detail::createCPUGenerator(start.seed); }

// Draws in float32 and rounds to the parameter's dtype, because LibTorch's generators give each
// dtype numbers of its own. Nothing is drawn for meta tensors.
template <class Draw>
absl::Status FillBy(const Start& start, Draw draw) {
  if (start.values.is_meta()) return absl::OkStatus();
  if (start.values.scalar_type() == at::kFloat) {
    draw(start.values);
    return absl::OkStatus();
  }
  const at::Tensor drawn = at::empty(start.values.sizes(), at::kFloat);
  draw(drawn);
  start.values.copy_(drawn);
  return absl::OkStatus();
}

absl::Status FillUniform(const Start& start, double low, double high) {
  return FillBy(start, [&](const at::Tensor& x) { x.uniform_(low, high, GeneratorOf(start)); });
}

absl::Status FillNormal(const Start& start, double mean, double std) {
  return FillBy(start, [&](const at::Tensor& x) { x.normal_(mean, std, GeneratorOf(start)); });
}

std::string ShapeText(const at::Tensor& tensor) {
  return absl::StrCat("[", absl::StrJoin(tensor.sizes(), ", "), "]");
}

}  // namespace

absl::Status ConstantInitializer::Fill(const Start& start) const {
  start.values.fill_(value);
  return absl::OkStatus();
}

absl::Status UniformInitializer::Fill(const Start& start) const {
  if (low <= high) return FillUniform(start, low, high);
  return absl::InvalidArgumentError(
      absl::StrCat("high: ", high, " is too small; give a number ≥ low, which is ", low));
}

absl::Status NormalInitializer::Fill(const Start& start) const {
  return FillNormal(start, mean, std);
}

// Draws by the inverse of the distribution function: x = √2·erf⁻¹(u), u uniform in ±erf(2/√2).
absl::Status TruncatedNormalInitializer::Fill(const Start& start) const {
  const double bound = std::erf(M_SQRT2);
  return FillBy(start, [&](const at::Tensor& x) {
    x.uniform_(-bound, bound, GeneratorOf(start));
    x.erfinv_().mul_(std * M_SQRT2).add_(mean).clamp_(mean - 2 * std, mean + 2 * std);
  });
}

absl::Status KaimingUniformInitializer::Fill(const Start& start) const {
  const double bound = gain * std::sqrt(3 / (fan_out ? start.fans.out : start.fans.in));
  return FillUniform(start, -bound, bound);
}

absl::Status KaimingNormalInitializer::Fill(const Start& start) const {
  return FillNormal(start, 0, gain / std::sqrt(fan_out ? start.fans.out : start.fans.in));
}

absl::Status XavierUniformInitializer::Fill(const Start& start) const {
  const double bound = gain * std::sqrt(6 / (start.fans.in + start.fans.out));
  return FillUniform(start, -bound, bound);
}

absl::Status XavierNormalInitializer::Fill(const Start& start) const {
  return FillNormal(start, 0, gain * std::sqrt(2 / (start.fans.in + start.fans.out)));
}

absl::Status OrthogonalInitializer::Fill(const Start& start) const {
  const at::Tensor& values = start.values;
  if (values.dim() < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "orthogonal: a tensor of shape ", ShapeText(values), " is no matrix; take another kind"));
  }
  if (values.is_meta()) return absl::OkStatus();
  const int64_t rows = values.size(0), columns = values.numel() / rows;
  const int64_t large = std::max(rows, columns), small = std::min(rows, columns);
  at::Tensor normal = at::empty({large, small}, at::kDouble);
  normal.normal_(0, 1, GeneratorOf(start));
  auto [q, r] = at::linalg_qr(normal);
  // The signs make the distribution uniform over all such matrices (Mezzadri 2007).
  q = q * r.diagonal().sign();
  values.copy_((rows < columns ? q.t() : q).mul(gain).reshape(values.sizes()));
  return absl::OkStatus();
}

absl::Status FileInitializer::Fill(const Start& start) const {
  absl::StatusOr<Safetensors> file = ReadSafetensors(path, /*expected_sha256=*/"");
  if (!file.ok()) return file.status();
  const std::string& name = tensor.empty() ? start.name : tensor;
  const auto found = file->tensors.find(name);
  if (const auto other = file->unreadable.find(name); other != file->unreadable.end()) {
    return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" in ", path, " is of the type ",
                                                   other->second, ", which cannot be read"));
  }
  if (found == file->tensors.end()) {
    return absl::InvalidArgumentError(absl::StrCat(path, " has no tensor \"", name, "\""));
  }
  if (!found->second.sizes().equals(start.values.sizes())) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name, "\" in ", path, " is ", ShapeText(found->second),
                     ", but the parameter is ", ShapeText(start.values)));
  }
  if (!start.values.is_meta()) start.values.copy_(found->second);
  return absl::OkStatus();
}

}  // namespace descent
