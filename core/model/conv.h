// Convolution (cross-correlation, as everywhere in this field) over one or two dimensions.
#ifndef DESCENT_CORE_MODEL_CONV_H_
#define DESCENT_CORE_MODEL_CONV_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/fields/fields.h"
#include "core/model/initializer.h"
#include "core/model/layer.h"

namespace descent {

// Declares the fields that Conv1d and Conv2d have alike.
template <class Conv>
void DescribeConv(Conv& conv, FieldList& fields) {
  fields(Count("in_channels", 1), conv.in_channels);
  fields(Count("out_channels", 1), conv.out_channels);
  fields(Count("kernel_size", 1), conv.kernel_size).Required();
  fields(Count("stride", 1), conv.stride);
  fields(Count("padding", 0), conv.padding);
  fields(Count("dilation", 1), conv.dilation);
  fields(Count("groups", 1), conv.groups);
  fields(Flag("bias"), conv.bias);
  fields(Flag("same_padding"), conv.same_padding);
  fields(Named("weight_init"), conv.weight_init);
  fields(Named("bias_init"), conv.bias_init);
}

// y[o, p] = bias[o] + Σ_{c, k} weight[o, c, k] x[c, stride·p + dilation·k − padding], where x is
// zero outside and c runs over the input channels of o's group. x is [batch, in_channels, length],
// y [batch, out_channels, ⌊(length + 2·padding − dilation·(kernel_size − 1) − 1)/stride⌋ + 1]. The
// parameters `weight` [out_channels, in_channels/groups, kernel_size] and `bias` [out_channels] are
// drawn uniformly from ±1/√(in_channels/groups·kernel_size), as torch.nn.Conv1d does.
struct Conv1d {
  static constexpr std::string_view kind = "conv1d";

  std::optional<int64_t> in_channels = {};  // inferred if not given; if given, it must fit
  int64_t out_channels = 0;
  int64_t kernel_size = 0;
  int64_t stride = 1;
  int64_t padding = 0;  // zeros at each end
  int64_t dilation = 1;
  int64_t groups = 1;  // divides the channels of input and output
  bool bias = true;
  // Pads as much as keeps the length (an odd zero goes to the end); needs stride 1 and no padding
  // given.
  bool same_padding = false;
  std::optional<Initializer> weight_init = {};
  std::optional<Initializer> bias_init = {};

  void Describe(FieldList& fields) { DescribeConv(*this, fields); }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

// The same over [batch, in_channels, height, width]. A list has one number for both dimensions, or
// that of the height and that of the width.
struct Conv2d {
  static constexpr std::string_view kind = "conv2d";

  std::optional<int64_t> in_channels = {};
  int64_t out_channels = 0;
  std::vector<int64_t> kernel_size = {};
  std::vector<int64_t> stride = {};    // default 1
  std::vector<int64_t> padding = {};   // default 0
  std::vector<int64_t> dilation = {};  // default 1
  int64_t groups = 1;
  bool bias = true;
  bool same_padding = false;
  std::optional<Initializer> weight_init = {};
  std::optional<Initializer> bias_init = {};

  void Describe(FieldList& fields) { DescribeConv(*this, fields); }
  absl::StatusOr<BuiltLayer> Build(const BuildContext& context) const;
};

}  // namespace descent

#endif  // DESCENT_CORE_MODEL_CONV_H_
