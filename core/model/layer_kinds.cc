#include "core/model/layer_kinds.h"

#include <memory>
#include <string_view>
#include <vector>

#include "core/fields/form.h"
#include "core/kinds/kind_list.h"
#include "core/model/attention.h"
#include "core/model/batch_norm.h"
#include "core/model/conv.h"
#include "core/model/dropout.h"
#include "core/model/embedding.h"
#include "core/model/flatten.h"
#include "core/model/gelu.h"
#include "core/model/graph.h"
#include "core/model/group_norm.h"
#include "core/model/layer.h"
#include "core/model/layer_norm.h"
#include "core/model/leaky_relu.h"
#include "core/model/linear.h"
#include "core/model/max_pool.h"
#include "core/model/mean_pool.h"
#include "core/model/recurrent.h"
#include "core/model/relu.h"
#include "core/model/reshape.h"
#include "core/model/residual.h"
#include "core/model/sequential.h"
#include "core/model/sigmoid.h"
#include "core/model/silu.h"
#include "core/model/softmax.h"
#include "core/model/tanh.h"

namespace descent {
namespace {

using AllLayers =
    KindList<LayerForm, MakerOf<LayerOptions>::Form,
             // With parameters.
             Linear, Conv1d, Conv2d, Embedding, PositionalEmbedding, MultiHeadAttention, Lstm, Gru,
             // Pooling.
             MaxPool1d, MaxPool2d, AvgPool1d, AvgPool2d, AdaptiveAvgPool1d, AdaptiveAvgPool2d,
             // Element-wise.
             Relu, LeakyRelu, Gelu, Silu, Tanh, Sigmoid, Softmax, LogSoftmax, Dropout,
             // Shapes.
             Flatten, Reshape,
             // Normalization.
             LayerNorm, GroupNorm, BatchNorm,
             // Containers.
             Sequential, Residual, Graph>;

}  // namespace

std::unique_ptr<LayerForm> NewLayer(std::string_view kind) { return AllLayers::Make(kind); }

std::vector<std::string_view> LayerKinds() { return AllLayers::Names(); }

}  // namespace descent
