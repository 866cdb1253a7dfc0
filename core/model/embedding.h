// An embedding looks whole numbers up in a table: the words, characters or categories that a
// network reads.
#ifndef DESCENT_CORE_MODEL_EMBEDDING_H_
#define DESCENT_CORE_MODEL_EMBEDDING_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/initializer.h"
#include "core/model/layer.h"

namespace descent {

// y[…] = weight[x[…]], where x is [batch, …] of int64 in [0, num_embeddings) and y [batch, …,
// embedding_dim]. The parameter `weight` [num_embeddings, embedding_dim] is drawn from a normal
// distribution with standard deviation 1, as torch.nn.Embedding does. An index out of range throws
// std::invalid_argument (in a plan) or c10::Error.
struct Embedding {
  static constexpr std::string_view kind = "embedding";
  static constexpr bool takes_indices = true;

  int64_t num_embeddings = 0;
  int64_t embedding_dim = 0;
  std::optional<Initializer> weight_init = {};

  void Describe(FieldList& fields) {
    fields(Count("num_embeddings", 1), num_embeddings);
    fields(Count("embedding_dim", 1), embedding_dim);
    fields(Named("weight_init"), weight_init);
  }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

// y = x + weight[0..time), which tells the network at which place each row is; x and y are [batch,
// time, features]. The parameter `weight` [max_length, features] is drawn from a normal
// distribution with standard deviation 0.02 (Radford et al. 2019).
struct PositionalEmbedding {
  static constexpr std::string_view kind = "positional_embedding";

  std::optional<int64_t> max_length = {};  // ≥ the inputs' time, which is the default
  std::optional<Initializer> weight_init = {};

  void Describe(FieldList& fields) {
    fields(Count("max_length", 1), max_length);
    fields(Named("weight_init"), weight_init);
  }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_EMBEDDING_H_
