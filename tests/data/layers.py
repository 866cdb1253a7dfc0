"""What torch.nn's layers give, float64: outputs, and the gradient of mean(y²).

Run by hand with PyTorch 2.13.0: layers.py > layers.txt. Lines are `CASE/NAME SHAPE NUMBERS`: the
input `x`, the output `y`, and each parameter as `parameter/NAME`, its derivative as `slope/NAME`.
"""

import torch
from torch import nn

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)


class Take(nn.Module):
    """Of a recurrent layer's answer the sequence, or its last step."""

    def __init__(self, layer, last=False):
        super().__init__()
        self.layer, self.last = layer, last

    def forward(self, x):
        y = self.layer(x)[0]
        return y[:, -1] if self.last else y


class Attend(nn.Module):
    def __init__(self, layer, causal):
        super().__init__()
        self.layer, self.causal = layer, causal

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1]) if self.causal else None
        return self.layer(x, x, x, attn_mask=mask, need_weights=False)[0]


def line(name, tensor):
    shape = ",".join(map(str, tensor.shape))
    print(name, shape, *(repr(v) for v in tensor.detach().flatten().tolist()))


def case(name, module, x):
    y = module(x)
    y.square().mean().backward()
    line(f"{name}/x", x)
    line(f"{name}/y", y)
    for parameter, value in module.named_parameters():
        parameter = parameter.removeprefix("layer.")
        line(f"{name}/parameter/{parameter}", value)
        line(f"{name}/slope/{parameter}", value.grad)


print("# Made by layers.py with torch", torch.__version__.split("+")[0])
r = torch.randn
case("conv1d", nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), r(2, 4, 11))
case("conv1d_same", nn.Conv1d(2, 3, 4, padding="same"), r(2, 2, 7))
case("conv2d", nn.Conv2d(2, 3, 3, padding=1), r(2, 2, 5, 6))
case("conv2d_strides", nn.Conv2d(2, 3, (2, 3), (1, 2), (0, 2), (2, 1)), r(2, 2, 6, 5))
case("conv2d_same", nn.Conv2d(1, 2, (4, 3), padding="same", bias=False), r(2, 1, 6, 5))
case("conv2d_point", nn.Conv2d(4, 2, 1, groups=2), r(2, 4, 3, 3))
case("max_pool2d", nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2)), r(2, 1, 6, 7))
case("max_pool1d", nn.Sequential(nn.Conv1d(1, 2, 3), nn.MaxPool1d(3, 2, 1)), r(2, 1, 10))
case("avg_pool2d", nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(3, 2, 1)), r(2, 1, 8, 7))
case("avg_pool1d", nn.Sequential(nn.Conv1d(1, 2, 3), nn.AvgPool1d(2)), r(2, 1, 9))
case(
    "adaptive_avg_pool2d",
    nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d((3, 2))),
    r(2, 1, 7, 7),
)
case("adaptive_avg_pool1d", nn.Sequential(nn.Conv1d(1, 2, 3), nn.AdaptiveAvgPool1d(1)), r(2, 1, 7))
case("attention", Attend(nn.MultiheadAttention(6, 2, batch_first=True), False), r(2, 5, 6))
case("causal", Attend(nn.MultiheadAttention(6, 3, bias=False, batch_first=True), True), r(2, 4, 6))
case("lstm", Take(nn.LSTM(3, 4, batch_first=True)), r(2, 5, 3))
case("lstm_last", Take(nn.LSTM(3, 4, num_layers=2, batch_first=True), last=True), r(2, 5, 3))
case("gru", Take(nn.GRU(3, 4, batch_first=True)), r(2, 5, 3))
case("gru_last", Take(nn.GRU(3, 4, num_layers=2, batch_first=True), last=True), r(2, 5, 3))
