"""The MLP of PEERS, a CNN on 28 x 28 and a 2-layer character transformer: Descent against PyTorch,
in one run.

    networks.py NETWORK_BENCHMARK [--slices N] [--device DEVICE] [--dtype float32|bfloat16]

The two programs take turns in slices of about half a second, one thread each; Adam (PyTorch's fused
one too), the same networks, batches gathered from a larger data set. bfloat16: PyTorch by autocast.
Prints medians of the time of a step, and the median of the ratios of neighbouring slices.
"""

import argparse
import contextlib
import statistics
import subprocess
import time

import torch
from torch import nn

BATCHES = 16
STEP_SIZE = 1e-12  # vanishing: the loss stays what it is, and nothing underflows
SLICE = 0.5  # seconds


class Block(nn.Module):
    def __init__(self, width, heads, time_steps):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.network = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        mask = nn.Transformer.generate_square_subsequent_mask(time_steps)
        self.register_buffer("mask", mask)

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attention(y, y, y, attn_mask=self.mask, is_causal=True, need_weights=False)[0]
        return x + self.network(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self, characters=64, width=64, heads=4, time_steps=64, layers=2):
        super().__init__()
        self.embedding = nn.Embedding(characters, width)
        self.positions = nn.Parameter(0.02 * torch.randn(time_steps, width))
        self.blocks = nn.Sequential(*(Block(width, heads, time_steps) for _ in range(layers)))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, characters)

    def forward(self, x):
        return self.output(self.norm(self.blocks(self.embedding(x) + self.positions)))


def mlp():
    model = nn.Sequential(
        *(nn.Linear(784, 192), nn.ReLU(), nn.Linear(192, 128), nn.ReLU(), nn.Linear(128, 10))
    )
    batch = 128
    inputs = torch.randn(batch * BATCHES, 784)
    return model, inputs, torch.randint(10, (batch * BATCHES,)), batch


def cnn():
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    batch = 64
    inputs = torch.randn(batch * BATCHES, 1, 28, 28)
    return model, inputs, torch.randint(10, (batch * BATCHES,)), batch


def transformer():
    batch = 32
    inputs, targets = (torch.randint(64, (batch * BATCHES, 64)) for _ in range(2))
    return Transformer(), inputs, targets, batch


def steps_of(model, inputs, targets, batch, device, dtype, fused):
    """A function that takes n steps and returns microseconds a step."""
    model, inputs, targets = model.to(device), inputs.to(device), targets.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=STEP_SIZE, fused=fused)
    order = torch.randperm(len(inputs)).to(device)
    if dtype == "bfloat16":
        kind = torch.device(device).type
        precision = lambda: torch.autocast(kind, torch.bfloat16)  # noqa: E731
    else:
        precision = contextlib.nullcontext

    def run(steps):
        start = time.perf_counter()
        for k in range(steps):
            first = k % BATCHES * batch
            rows = order[first : first + batch]
            with precision():
                scores = model(inputs[rows])
                loss = nn.functional.cross_entropy(scores.flatten(0, -2), targets[rows].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
        return (time.perf_counter() - start) / steps * 1e6

    return run


def measure(arguments, name, network):
    ours = subprocess.Popen(
        [arguments.binary, name, arguments.device, arguments.dtype],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask(steps):
        print(steps, file=ours.stdin, flush=True)
        return tuple(map(float, ours.stdout.readline().split()))

    sides = [
        steps_of(*network(), arguments.device, arguments.dtype, fused) for fused in (False, True)
    ]
    for side in sides:
        side(3)
    ask(3)
    steps = max(1, int(SLICE / (sides[0](5) * 1e-6)))
    rows = [(*(side(steps) for side in sides), *ask(steps)) for _ in range(arguments.slices)]
    ours.stdin.close()
    ours.wait()
    pytorch, fused, plan, autograd = (statistics.median(c) for c in zip(*rows, strict=True))
    ratio = [statistics.median(row[0] / row[i] for row in rows) for i in range(4)]
    print(
        f"{name}: PyTorch {pytorch:.0f} us a step, with its fused Adam {fused:.0f}, plan {plan:.0f}, "
        f"autograd {autograd:.0f}; times as fast as PyTorch: its fused Adam {ratio[1]:.2f}, "
        f"plan {ratio[2]:.2f}, autograd {ratio[3]:.2f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--slices", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for name, network in (("mlp", mlp), ("cnn", cnn), ("transformer", transformer)):
        measure(arguments, name, network)


if __name__ == "__main__":
    main()
