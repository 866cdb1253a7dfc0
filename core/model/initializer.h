// An `Initializer` says where a parameter starts.
//
// A kind is one struct that declares its fields (core/fields) and fills a tensor, and a line in
// initializer_kinds.cc. Formulas are those of torch.nn.init. Initializers are values; any thread.
#ifndef DESCENT_CORE_MODEL_INITIALIZER_H_
#define DESCENT_CORE_MODEL_INITIALIZER_H_

#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "core/fields/fields.h"
#include "core/sequence/range.h"

namespace descent {

// How many inputs one output of the layer has, and how many outputs one input.
struct Fans {
  double in = 1;
  double out = 1;
};

// A parameter that is to be filled.
struct Start {
  at::Tensor values;  // on CPU; on meta it is only checked
  Fans fans;
  uint64_t seed = 0;  // a function of the model's seed and the name
  std::string name;   // `hidden.weight`
};

// Sets values ← value.
struct ConstantInitializer {
  static constexpr std::string_view kind = "constant";
  double value = 0;
  void Describe(FieldList& fields) { fields(Named("value"), value); }
  absl::Status Fill(const Start& start) const;
};

// Draws uniformly from [low, high).
struct UniformInitializer {
  static constexpr std::string_view kind = "uniform";
  double low = 0;
  double high = 1;
  void Describe(FieldList& fields) {
    fields(Named("low"), low);
    fields(Named("high"), high);
  }
  absl::Status Fill(const Start& start) const;
};

struct NormalInitializer {
  static constexpr std::string_view kind = "normal";
  double mean = 0;
  double std = 1;
  void Describe(FieldList& fields) {
    fields(Named("mean"), mean);
    fields(NonNegative("std"), std);
  }
  absl::Status Fill(const Start& start) const;
};

// Draws from a normal distribution, cut off outside of mean ± 2·std.
struct TruncatedNormalInitializer {
  static constexpr std::string_view kind = "truncated_normal";
  double mean = 0;
  double std = 1;
  void Describe(FieldList& fields) {
    fields(Named("mean"), mean);
    fields(NonNegative("std"), std);
  }
  absl::Status Fill(const Start& start) const;
};

// Draws uniformly from ±gain·√(3/fan)  (He et al. 2015).
struct KaimingUniformInitializer {
  static constexpr std::string_view kind = "kaiming_uniform";
  double gain = M_SQRT2;  // ReLU's gain
  bool fan_out = false;   // else fan_in
  void Describe(FieldList& fields) {
    fields(Positive("gain"), gain);
    fields(Flag("fan_out"), fan_out);
  }
  absl::Status Fill(const Start& start) const;
};

// Draws from a normal distribution with standard deviation gain/√fan  (He et al. 2015).
struct KaimingNormalInitializer {
  static constexpr std::string_view kind = "kaiming_normal";
  double gain = M_SQRT2;  // ReLU's gain
  bool fan_out = false;   // else fan_in
  void Describe(FieldList& fields) {
    fields(Positive("gain"), gain);
    fields(Flag("fan_out"), fan_out);
  }
  absl::Status Fill(const Start& start) const;
};

// Draws uniformly from ±gain·√(6/(fan_in + fan_out))  (Glorot & Bengio 2010).
struct XavierUniformInitializer {
  static constexpr std::string_view kind = "xavier_uniform";
  double gain = 1;
  void Describe(FieldList& fields) { fields(Positive("gain"), gain); }
  absl::Status Fill(const Start& start) const;
};

// Draws from a normal distribution with standard deviation gain·√(2/(fan_in + fan_out))  (Glorot &
// Bengio 2010).
struct XavierNormalInitializer {
  static constexpr std::string_view kind = "xavier_normal";
  double gain = 1;
  void Describe(FieldList& fields) { fields(Positive("gain"), gain); }
  absl::Status Fill(const Start& start) const;
};

// Draws gain times a matrix [d1, d2·d3·…] with orthonormal rows, or columns where it is taller than
// wide (Saxe et al. 2014). Gives INVALID_ARGUMENT for fewer than two dimensions.
struct OrthogonalInitializer {
  static constexpr std::string_view kind = "orthogonal";
  double gain = 1;
  void Describe(FieldList& fields) { fields(Positive("gain"), gain); }
  absl::Status Fill(const Start& start) const;
};

// Takes values from a file. Gives the errors of ReadSafetensors, and INVALID_ARGUMENT if there is
// no such tensor or it has another shape.
struct FileInitializer {
  static constexpr std::string_view kind = "file";
  std::string path;    // a safetensors file
  std::string tensor;  // the tensor's name there; empty: the parameter's
  void Describe(FieldList& fields) {
    fields(Named("path"), path).Required();
    fields(Named("tensor"), tensor).MayBeEmpty();
  }
  absl::Status Fill(const Start& start) const;
};

template <class T>
concept InitializerKind = Declared<T> && requires(const T& initializer, const Start& start) {
  { initializer.Fill(start) } -> std::same_as<absl::Status>;
};

// An initializer of any kind.
class Initializer {
 public:
  template <InitializerKind I>
  Initializer(I initializer)  // NOLINT(google-explicit-constructor): {.weight_init = …}
      : kind_(I::kind), fill_([initializer = std::move(initializer)](const Start& start) {
          const absl::Status status = ValidateFields(initializer);
          return status.ok() ? initializer.Fill(start) : status;
        }) {}

  std::string_view kind() const { return kind_; }
  // Gives INVALID_ARGUMENT naming the field that is out of range, or what the kind has to say.
  absl::Status Fill(const Start& start) const { return fill_(start); }

 private:
  std::string_view kind_;
  std::function<absl::Status(const Start&)> fill_;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_INITIALIZER_H_
