"""Writes optimizer_trajectories_optax.txt: what optax does where PyTorch has no such optimizer.

The problems, starting points and steps are those of optimizer_trajectories.txt, float64.

    python tests/data/optimizer_trajectories_optax.py > tests/data/optimizer_trajectories_optax.txt
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax

STEPS = (1, 2, 10, 50, 100, 200)
SIGN_BASED = ("lion",)  # up to step 50: there roundings decide


def read_problems():
    tensors = {}
    path = pathlib.Path(__file__).with_name("optimizer_trajectories.txt")
    for line in path.read_text().splitlines():
        name, *words = line.split()
        if name.startswith(("mlp/inputs", "mlp/targets", "mlp/start", "rosenbrock/start")):
            shape = [int(size) for size in words[0].split(",")]
            tensors[name] = np.array([float(x) for x in words[1:]]).reshape(shape)
    return tensors


def show(name, array):
    shape = ",".join(str(size) for size in array.shape)
    print(name, shape, *(repr(float(x)) for x in np.asarray(array).flatten()))


OPTIMIZERS = {
    "adabelief": optax.adabelief(0.01),
    "lion": optax.lion(0.002, weight_decay=0.1),
    "lamb": optax.lamb(0.01, weight_decay=0.1),
    "schedule_free_sgd": optax.contrib.schedule_free_sgd(0.002, b1=0.9),
    "schedule_free_adamw": optax.contrib.schedule_free_adamw(0.01, b1=0.9, weight_decay=0.1),
}


def run(problem, start, objective):
    step_function = jax.jit(jax.grad(objective))
    for optimizer_name, optimizer in OPTIMIZERS.items():
        parameters, state = start, optimizer.init(start)
        update = jax.jit(optimizer.update)
        for step in range(1, max(STEPS) + 1):
            updates, state = update(step_function(parameters), state, parameters)
            parameters = optax.apply_updates(parameters, updates)
            if step not in STEPS or (optimizer_name in SIGN_BASED and step > 50):
                continue
            for name, array in parameters.items():
                show(f"{problem}/{optimizer_name}/{step}/{name}", array)
            if optimizer_name.startswith("schedule_free"):
                average = optax.contrib.schedule_free_eval_params(state, parameters)
                for name, array in average.items():
                    show(f"{problem}/{optimizer_name}_average/{step}/{name}", array)


def main():
    jax.config.update("jax_enable_x64", True)
    print("# Made by optimizer_trajectories_optax.py with optax", optax.__version__)
    tensors = read_problems()
    x, y = tensors["mlp/inputs"], tensors["mlp/targets"]

    def mlp(p):
        hidden = jnp.tanh(x @ p["weight1"].T + p["bias1"])
        return jnp.mean((hidden @ p["weight2"].T + p["bias2"] - y) ** 2)

    def rosenbrock(p):
        return 100 * (p["x"][1] - p["x"][0] ** 2) ** 2 + (1 - p["x"][0]) ** 2

    names = ("weight1", "bias1", "weight2", "bias2")
    run("mlp", {name: jnp.array(tensors[f"mlp/start/{name}"]) for name in names}, mlp)
    run("rosenbrock", {"x": jnp.array(tensors["rosenbrock/start/x"])}, rosenbrock)


if __name__ == "__main__":
    main()
