"""Writes optimizer_trajectories.txt: what torch.optim does in 200 steps, in float64.

Two problems: a small MLP with a smooth activation (3-4-2, tanh, mean squared error) and Rosenbrock's
function from (-1.2, 1). One line a tensor: its name, its shape, its numbers. The problems' own
tensors come first; optimizer_trajectories_optax.py reads them from here.

    python tests/data/optimizer_trajectories.py > tests/data/optimizer_trajectories.txt
"""

import torch
from torch.optim import _muon as muon

STEPS = (1, 2, 10, 50, 100, 200)


def show(name, tensor):
    shape = ",".join(str(size) for size in tensor.shape)
    print(name, shape, *(repr(x) for x in tensor.detach().flatten().tolist()))


def optimizers(step_size):
    o = torch.optim
    return {
        "gradient_descent": lambda p: o.SGD(p, lr=step_size),
        "heavy_ball": lambda p: o.SGD(p, lr=step_size, momentum=0.9),
        "adam": lambda p: o.Adam(p, lr=0.01),
        "sgd": lambda p: o.SGD(p, lr=step_size, momentum=0.8, dampening=0.3),
        "sgd_nesterov": lambda p: o.SGD(p, lr=step_size, momentum=0.9, nesterov=True),
        "adagrad": lambda p: o.Adagrad(p, lr=0.02, lr_decay=0.01, initial_accumulator_value=0.1),
        "adadelta": lambda p: o.Adadelta(p),
        "rmsprop": lambda p: o.RMSprop(p, lr=0.001, momentum=0.9),
        "rmsprop_centered": lambda p: o.RMSprop(p, lr=0.002, centered=True),
        "adamw": lambda p: o.AdamW(p, lr=0.01, weight_decay=0.1),
        "amsgrad": lambda p: o.Adam(p, lr=0.01, amsgrad=True),
        "adamax": lambda p: o.Adamax(p, lr=0.01),
        "nadam": lambda p: o.NAdam(p, lr=0.01),
        "radam": lambda p: o.RAdam(p, lr=0.01),
        "rprop": lambda p: o.Rprop(p, lr=0.01),
        "adafactor": lambda p: o.Adafactor(p, lr=0.02, weight_decay=0.1),
        "asgd": lambda p: o.ASGD(p, lr=step_size, lambd=0.01, t0=20),
    }


def run(problem, step_size, start, objective):
    for name, tensor in start.items():
        show(f"{problem}/start/{name}", tensor)
    for optimizer_name, make in optimizers(step_size).items():
        parameters = {name: t.clone().requires_grad_() for name, t in start.items()}
        optimizer = make(list(parameters.values()))
        for step in range(1, max(STEPS) + 1):
            optimizer.zero_grad()
            objective(parameters).backward()
            optimizer.step()
            if step in STEPS:
                for name, tensor in parameters.items():
                    show(f"{problem}/{optimizer_name}/{step}/{name}", tensor)
                    if optimizer_name == "asgd":
                        average = optimizer.state[tensor]["ax"]
                        show(f"{problem}/asgd_average/{step}/{name}", average)


def zeropower(gradient, ns_coefficients, ns_steps, eps):
    """torch.optim.Muon's Newton-Schulz iteration, but in the gradient's precision."""
    a, b, c = ns_coefficients
    x = gradient.T if gradient.size(0) > gradient.size(1) else gradient
    x = x / x.norm().clamp(min=eps)
    for _ in range(ns_steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if gradient.size(0) > gradient.size(1) else x


def run_muon(start, objective):
    muon._zeropower_via_newtonschulz = zeropower
    parameters = {name: t.clone().requires_grad_() for name, t in start.items()}
    matrices = {name: t for name, t in parameters.items() if t.dim() == 2}
    optimizer = torch.optim.Muon(list(matrices.values()), lr=0.005)
    for step in range(1, max(STEPS) + 1):
        optimizer.zero_grad()
        objective(parameters).backward()
        optimizer.step()
        if step in STEPS:
            for name, tensor in matrices.items():
                show(f"mlp/muon/{step}/{name}", tensor)


def run_groups(start, objective):
    """Groups with step sizes of their own and decoupled decay; weight2 is frozen."""
    o = torch.optim
    kinds = {
        "radam_groups": lambda groups: o.RAdam(groups, decoupled_weight_decay=True),
        "nadam_groups": lambda groups: o.NAdam(groups, decoupled_weight_decay=True),
        "adamw_groups": o.AdamW,
    }
    for name, make in kinds.items():
        parameters = {n: t.clone().requires_grad_(n != "weight2") for n, t in start.items()}
        optimizer = make(
            [
                {"params": [parameters["weight1"]], "lr": 0.01, "weight_decay": 0.3},
                {"params": [parameters["bias1"]], "lr": 0.05, "weight_decay": 0.3},
                {"params": [parameters["bias2"]], "lr": 0.05, "weight_decay": 0.3},
            ]
        )
        for step in range(1, max(STEPS) + 1):
            optimizer.zero_grad()
            objective(parameters).backward()
            optimizer.step()
            if step in STEPS:
                for n, tensor in parameters.items():
                    show(f"mlp/{name}/{step}/{n}", tensor)


def main():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    print("# Made by optimizer_trajectories.py with torch", torch.__version__.split("+")[0])
    x, y = torch.randn(8, 3), torch.randn(8, 2)
    show("mlp/inputs", x)
    show("mlp/targets", y)
    start = {
        "weight1": torch.randn(4, 3) / 2,
        "bias1": torch.randn(4) / 2,
        "weight2": torch.randn(2, 4) / 2,
        "bias2": torch.randn(2) / 2,
    }

    def mlp(p):
        hidden = torch.tanh(torch.nn.functional.linear(x, p["weight1"], p["bias1"]))
        output = torch.nn.functional.linear(hidden, p["weight2"], p["bias2"])
        return torch.nn.functional.mse_loss(output, y)

    run("mlp", 0.05, start, mlp)
    run_muon(start, mlp)
    run_groups(start, mlp)

    def rosenbrock(p):
        return 100 * (p["x"][1] - p["x"][0] ** 2) ** 2 + (1 - p["x"][0]) ** 2

    run("rosenbrock", 2e-4, {"x": torch.tensor([-1.2, 1.0])}, rosenbrock)


if __name__ == "__main__":
    main()
