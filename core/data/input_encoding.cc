#include "core/data/input_encoding.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/data/number_type.h"

namespace descent {
namespace {

using Spread = InputEncoding::Spread;

constexpr double kPixels = 255;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr char kAdvice[] = "Save both in the same type, on the same scale.";

at::ScalarType Stored(const at::Tensor& read) {
  return read.scalar_type() == at::kUInt16 ? at::kByte : read.scalar_type();
}

bool IsInteger(at::ScalarType type) { return at::isIntegralType(type, /*includeBool=*/false); }

std::vector<int64_t> ExampleShape(const at::Tensor& read) { return read.sizes().slice(1).vec(); }

// Leaves out sizes of 1: [1, 28, 28] and [28, 28] hold the same numbers in the same order.
std::vector<int64_t> Squeezed(std::vector<int64_t> shape) {
  std::erase(shape, 1);
  return shape;
}

// True for the same sizes in another order: [32, 32, 3] for [3, 32, 32].
bool Permuted(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  const std::vector<int64_t> left = Squeezed(a);
  const std::vector<int64_t> right = Squeezed(b);
  return left != right && left.size() == right.size() &&
         std::is_permutation(left.begin(), left.end(), right.begin());
}

std::string TypeName(const InputEncoding& encoding) {
  return encoding.type_name.empty() ? NumberTypeName(*encoding.type) : encoding.type_name;
}

std::string TypeName(const Examples& examples) {
  return examples.inputs_type.empty() ? NumberTypeName(Stored(examples.inputs))
                                      : examples.inputs_type;
}

// Looks at floating-point numbers as doubles, a part of them at a time. NaN is no number; gives
// nothing if all are NaN.
std::optional<Spread> FloatingSpread(const at::Tensor& inputs) {
  constexpr int64_t kAtATime = 1 << 18;
  Spread spread{.least = kInfinity, .greatest = -kInfinity, .whole = true};
  const at::Tensor all = inputs.contiguous().reshape({-1});
  for (int64_t first = 0; first < all.numel(); first += kAtATime) {
    const at::Tensor part =
        all.narrow(0, first, std::min(kAtATime, all.numel() - first)).to(at::kDouble);
    for (const double x :
         std::span(part.const_data_ptr<double>(), static_cast<size_t>(part.numel()))) {
      if (std::isnan(x)) continue;
      spread.least = std::min(spread.least, x);
      spread.greatest = std::max(spread.greatest, x);
      spread.whole = spread.whole && x == std::trunc(x);
    }
  }
  if (spread.least > spread.greatest) return std::nullopt;
  return spread;
}

std::optional<Spread> SpreadOf(const at::Tensor& inputs) {
  if (inputs.scalar_type() == at::kBool) return Spread{.least = 0, .greatest = 1, .whole = true};
  if (inputs.is_floating_point()) return FloatingSpread(inputs);
  const at::Tensor numbers = Computable(inputs);
  const double steps = Steps(inputs);
  return Spread{.least = numbers.min().item<double>() / steps,
                .greatest = numbers.max().item<double>() / steps,
                .whole = true};
}

// Gives what is taken for granted of training inputs of which the type alone is known: jobs of
// before kept no more. Integers may be any, of floating-point numbers nothing is known.
Spread Unknown(at::ScalarType type) {
  if (type == at::kBool) return {.least = 0, .greatest = 1, .whole = true};
  if (IsInteger(type)) return {.least = -kInfinity, .greatest = kInfinity, .whole = true};
  return {.least = kInfinity, .greatest = -kInfinity, .whole = false};
}

bool BeyondOne(const Spread& spread) { return spread.least < -1 || spread.greatest > 1; }

// True for numbers that nobody has scaled: scaled pixels are fractions, or all 0 and 1.
bool AreCounts(const Spread& spread) { return spread.whole && BeyondOne(spread); }

// True if numbers of another type can be more of such training inputs, as they are.
bool AreLike(at::ScalarType type, const Spread& other, const Spread& training) {
  if (AreCounts(training) && (IsInteger(type) || AreCounts(other))) return true;
  // Small fractions lie within the range of pixels too, and so do the two numbers of a mask.
  const bool may_be_scaled = !IsInteger(type) && !BeyondOne(other);
  return other.least >= training.least && other.greatest <= training.greatest &&
         !(may_be_scaled && BeyondOne(training));
}

// Gives the first row with a number that no byte is, or −1 if there is none.
int64_t FirstRowNotBytes(const at::Tensor& values) {
  at::Tensor bad = values.lt(0).logical_or(values.gt(kPixels));
  if (values.is_floating_point()) bad = bad.logical_or(values.ne(values.trunc()));
  if (!bad.any().item<bool>()) return -1;
  return bad.reshape({values.size(0), -1}).any(1).nonzero()[0].item<int64_t>();
}

// Gives `, divided by 255`, or nothing.
std::string Divided(const InputEncoding& training) {
  const double divisor = training.divisor.value_or(1);
  return divisor == 1 ? "" : absl::StrCat(", divided by ", divisor);
}

// Gives `int64 from 0 to 9`, as far as the range is known.
std::string Described(at::ScalarType type, const std::string& name,
                      const std::optional<Spread>& spread) {
  if (type == at::kBool) return "true and false";
  const std::string range =
      spread ? absl::StrCat(" from ", spread->least, " to ", spread->greatest) : "";
  return (type == at::kByte ? "unsigned bytes" : name) + range;
}

}  // namespace

double DefaultDivisor(at::ScalarType type) { return type == at::kByte ? kPixels : 1; }

double Steps(const at::Tensor& read) { return read.scalar_type() == at::kUInt16 ? 257 : 1; }

at::Tensor Computable(const at::Tensor& read) {
  return read.scalar_type() == at::kUInt16 ? read.to(at::kInt) : read;
}

absl::StatusOr<InputEncoding> LearnEncoding(const Examples& train, const InputEncoding& given,
                                            bool measured) {
  const at::ScalarType type = Stored(train.inputs);
  const std::vector<int64_t> shape = ExampleShape(train.inputs);
  if (given.type && (*given.type != type || given.shape != shape)) {
    return absl::InvalidArgumentError(
        absl::StrCat(train.inputs_origin.path(), " holds examples of ", TypeName(train), " [",
                     absl::StrJoin(shape, ", "), "], not ", TypeName(given), " [",
                     absl::StrJoin(given.shape, ", "), "] as data.encoding says."));
  }
  return InputEncoding{.divisor = given.divisor.value_or(DefaultDivisor(type)),
                       .type = type,
                       .type_name = TypeName(train),
                       .shape = shape,
                       .spread = measured ? SpreadOf(train.inputs) : std::nullopt};
}

absl::Status CheckEncoding(const InputEncoding& training, const Examples& other) {
  if (!training.type) return absl::OkStatus();
  const Origin& origin = other.inputs_origin;
  const at::ScalarType type = Stored(other.inputs);
  const std::vector<int64_t> shape = ExampleShape(other.inputs);
  if (Permuted(shape, training.shape)) {
    return absl::InvalidArgumentError(absl::StrCat(
        origin.path(), " holds examples of [", absl::StrJoin(shape, ", "),
        "], but those of the training data are [", absl::StrJoin(training.shape, ", "),
        "]: the same dimensions in another order. Save them in the order of the training data."));
  }
  // Of numbers of one kind nothing tells their scale.
  if (type == *training.type || (at::isFloatingType(type) && at::isFloatingType(*training.type))) {
    return absl::OkStatus();
  }
  if (*training.type == at::kByte && type != at::kBool) {
    if (const int64_t row = FirstRowNotBytes(other.inputs); row >= 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          origin.Name(row), ": the training inputs are unsigned bytes", Divided(training),
          ", but these are ", TypeName(other), " and no whole numbers from 0 to 255. ", kAdvice));
    }
  }
  const std::optional<Spread> spread = SpreadOf(other.inputs);
  if (!spread) return absl::OkStatus();  // NaN alone, which is told elsewhere
  if (AreLike(type, *spread, training.spread.value_or(Unknown(*training.type)))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      origin.path(), " holds ", Described(type, TypeName(other), spread),
      ", but the training inputs are ",
      Described(*training.type, TypeName(training), training.spread), Divided(training),
      type == at::kBool || *training.type == at::kBool ? ": what stands for true"
      : at::isFloatingType(type)                       ? ": whether these were scaled"
                                                       : ": whether those were scaled",
      " can't be known. ", kAdvice));
}

}  // namespace descent
