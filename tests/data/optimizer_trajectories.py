"""Writes optimizer_trajectories.txt: what torch.optim does in 200 steps, in float64.

Two problems: a small MLP with a smooth activation (3-4-2, tanh, mean squared error) and Rosenbrock's
function from (-1.2, 1). One line a tensor: its name, its shape, its numbers.

    python tests/data/optimizer_trajectories.py > tests/data/optimizer_trajectories.txt
"""

import torch

STEPS = (1, 2, 10, 50, 100, 200)


def show(name, tensor):
    shape = ",".join(str(size) for size in tensor.shape)
    print(name, shape, *(repr(x) for x in tensor.detach().flatten().tolist()))


def optimizers(step_size):
    return {
        "gradient_descent": lambda p: torch.optim.SGD(p, lr=step_size),
        "heavy_ball": lambda p: torch.optim.SGD(p, lr=step_size, momentum=0.9),
        "adam": lambda p: torch.optim.Adam(p, lr=0.01),
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

    def rosenbrock(p):
        return 100 * (p["x"][1] - p["x"][0] ** 2) ** 2 + (1 - p["x"][0]) ** 2

    run("rosenbrock", 2e-4, {"x": torch.tensor([-1.2, 1.0])}, rosenbrock)


if __name__ == "__main__":
    main()
