"""Writes sequences.txt: what optax's and PyTorch's schedules give at every step, in float64.

One line a sequence: its name and its numbers from position 0 on.

    python tests/data/sequences.py > tests/data/sequences.txt

with torch, optax and jax installed.
"""

import math
import warnings

import jax
import optax
import torch

jax.config.update("jax_enable_x64", True)
warnings.filterwarnings("ignore")

POSITIONS = 100


def show(name, numbers):
    print(name, *(repr(float(x)) for x in numbers))


def from_optax(name, schedule):
    show(name, [schedule(k) for k in range(POSITIONS)])


def from_torch(name, initial, make, positions=POSITIONS):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=initial)
    scheduler = make(optimizer)
    numbers = []
    for k in range(positions):
        numbers.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if k + 1 < positions:
            scheduler.step()
    show(name, numbers)


def plateau(name, values, **options):
    """The step size for each step, the scheduler told the value before it."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, eps=0, **options)
    numbers = []
    for value in values:
        scheduler.step(value)
        numbers.append(optimizer.param_groups[0]["lr"])
    show(name, numbers)


def main():
    print(
        "# Made by sequences.py with torch",
        torch.__version__.split("+")[0],
        "and optax",
        optax.__version__,
    )
    lr = torch.optim.lr_scheduler

    from_optax("cosine", optax.cosine_decay_schedule(0.1, 60, alpha=0.05))
    from_optax("linear", optax.linear_schedule(0.1, 0.01, 50, transition_begin=7))
    from_torch(
        "linear_torch",
        0.1,
        lambda o: lr.LinearLR(o, start_factor=1 / 3, end_factor=1.0, total_iters=40),
    )
    from_optax(
        "polynomial",
        optax.polynomial_schedule(0.1, 0.01, power=2.5, transition_steps=70, transition_begin=5),
    )
    from_torch("polynomial_torch", 0.1, lambda o: lr.PolynomialLR(o, total_iters=80, power=0.5))
    from_optax(
        "exponential",
        optax.exponential_decay(0.1, transition_steps=9, decay_rate=0.7, transition_begin=4),
    )
    from_optax(
        "exponential_clipped",
        optax.exponential_decay(0.1, transition_steps=9, decay_rate=0.7, end_value=0.02),
    )
    from_torch("exponential_torch", 0.1, lambda o: lr.ExponentialLR(o, gamma=0.97))
    from_torch("staircase_torch", 0.1, lambda o: lr.StepLR(o, step_size=13, gamma=0.5))
    # transformers.get_inverse_sqrt_schedule(optimizer, num_warmup_steps=20)
    from_torch(
        "inverse_square_root",
        0.1,
        lambda o: lr.LambdaLR(
            o, lambda k: k / 20 if k < 20 else 1.0 / math.sqrt((k + 20 - 20) / 20)
        ),
    )
    from_optax(
        "piecewise_constant", optax.piecewise_constant_schedule(0.1, {20: 0.5, 50: 0.1, 51: 2.0})
    )
    from_torch(
        "piecewise_constant_torch", 0.1, lambda o: lr.MultiStepLR(o, milestones=[30, 60], gamma=0.1)
    )
    for kind in ("linear", "cosine"):
        from_optax(
            f"piecewise_{kind}",
            optax.piecewise_interpolate_schedule(kind, 0.1, {20: 0.5, 50: 4.0, 80: 0.1}),
        )
    from_optax(
        "warmup_cosine",
        optax.warmup_cosine_decay_schedule(0.01, 0.1, 15, decay_steps=80, end_value=0.001),
    )
    from_torch("one_cycle", 0.1, lambda o: lr.OneCycleLR(o, max_lr=0.1, total_steps=POSITIONS))
    from_torch(
        "one_cycle_linear",
        0.1,
        lambda o: lr.OneCycleLR(
            o,
            max_lr=0.2,
            total_steps=90,
            pct_start=0.35,
            div_factor=10,
            final_div_factor=100,
            anneal_strategy="linear",
        ),
        positions=90,
    )
    from_torch(
        "one_cycle_three_phase",
        0.1,
        lambda o: lr.OneCycleLR(o, max_lr=0.1, total_steps=POSITIONS, three_phase=True),
    )
    from_torch(
        "warm_restarts",
        0.1,
        lambda o: lr.CosineAnnealingWarmRestarts(o, T_0=10, T_mult=2, eta_min=0.001),
    )
    from_torch("warm_restarts_equal", 0.1, lambda o: lr.CosineAnnealingWarmRestarts(o, T_0=17))
    from_optax(
        "joined",
        optax.join_schedules(
            [
                optax.linear_schedule(0.0, 0.1, 10),
                optax.constant_schedule(0.1),
                optax.exponential_decay(0.1, transition_steps=10, decay_rate=0.5),
            ],
            [10, 40],
        ),
    )
    # A triangle repeated.
    from_torch(
        "repeated",
        0.01,
        lambda o: lr.CyclicLR(
            o, base_lr=0.01, max_lr=0.1, step_size_up=8, step_size_down=12, cycle_momentum=False
        ),
    )

    values = [2 + math.exp(-k / 15) + 0.02 * math.sin(3 * k) for k in range(POSITIONS)]
    show("plateau_values", values)
    plateau("plateau", values, factor=0.5, patience=3)
    plateau("plateau_cooldown", values, factor=0.1, patience=2, cooldown=5, min_lr=1e-3)
    plateau(
        "plateau_absolute", values, factor=0.3, patience=1, threshold=0.05, threshold_mode="abs"
    )
    plateau(
        "plateau_max",
        [-x for x in values],
        factor=0.5,
        patience=3,
        mode="max",
        threshold_mode="abs",
    )


if __name__ == "__main__":
    main()
