"""Systems of several models through the whole service."""

import grpc
import numpy as np
import pytest
from descent.v1 import event_pb2

from helpers import process, specs
from helpers.client import kind

BCE = {"binary_cross_entropy_with_logits": {}}


def net(*sizes: int) -> dict:
    layers = []
    for size in sizes:
        layers += [{"linear": {"out_features": str(size)}}, {"tanh": {}}]
    return {"sequential": {"layers": layers[:-1]}}


def gan(**changes) -> dict:
    """Two players: points of half-moons, and what is made of noise."""
    through = ["generator", "discriminator"]
    noise = {"shape": ["2"]}
    return {
        "system": {
            "players": [
                {
                    "name": "discriminator",
                    "model": net(16, 1),
                    "objective": [
                        {"name": "real", "loss": BCE, "constant": 1},
                        {
                            "name": "fake",
                            "noise": noise,
                            "through": through,
                            "loss": BCE,
                            "constant": 0,
                            "weight": {"constant": 1},
                        },
                    ],
                    "optimizer": {"adam": {"step_size": {"cosine": {"initial": 2e-3}}}},
                },
                {
                    "name": "generator",
                    "model": net(16, 2),
                    "objective": [{"noise": noise, "through": through, "loss": BCE, "constant": 1}],
                    "optimizer": {"adam": {"step_size": {"constant": 2e-3}}},
                },
            ]
        },
        "data": {
            "train": {"moons": {"examples": "400"}},
            "split": {"test_fraction": 0.25},
            "batch_size": "32",
        },
        "iterations": "3000",
        "checkpoints": {"every_iterations": "250"},
        "seed": "1",
    } | changes


def outcome(events) -> list[bytes]:
    """The iterations, without times."""
    found = []
    for event in events:
        if kind(event) == "iteration":
            event.iteration.ClearField("elapsed_seconds")
            found.append(event.iteration.SerializeToString(deterministic=True))
    return found


def test_a_killed_worker_changes_no_bit(start_daemon, connect):
    daemon = start_daemon()
    client = connect(daemon.grpc)
    disturbed = client.create(specs.parse(gan())).name
    client.wait_for_iteration(disturbed, 600)
    client.pause(disturbed)
    process.kill(client.worker_pid(disturbed))
    client.resume(disturbed)
    undisturbed = client.create(specs.parse(gan())).name
    for name in (disturbed, undisturbed):
        assert client.wait_until_final(name, timeout=300).state == event_pb2.SUCCEEDED
    events = list(client.watch(disturbed))
    assert len([e for e in events if kind(e) == "attempt_started"]) == 2
    assert not [e for e in events if kind(e) == "rewound"]
    assert outcome(events) == outcome(list(client.watch(undisturbed)))
    assert daemon.tensors(client.get(disturbed)) == daemon.tensors(client.get(undisturbed))


def test_each_player_has_its_dials_series_and_evaluations(client):
    name = client.create(specs.parse(gan())).name
    client.pause(name)
    with pytest.raises(grpc.RpcError, match="may mean"):
        client.set(name, "step_size", 1e-3)
    applied = client.set(name, "generator.step_size", 1e-3).command_applied
    (change,) = applied.changes
    assert change.path == "generator.optimizer.adam.step_size"
    assert (change.old_value, change.new_value) == (2e-3, 1e-3)
    client.resume(name)
    job = client.wait_until_final(name, timeout=120)
    assert job.state == event_pb2.SUCCEEDED
    dials = {dial.path: dial.value for dial in job.dials}
    assert dials["generator.optimizer.adam.step_size"] == 1e-3
    assert dials["discriminator.objective.fake.weight"] == 1
    events = list(client.watch(name))
    series = next(e.series.names for e in events if e.HasField("series"))
    last = [e.iteration for e in events if kind(e) == "iteration"][-1]
    parts = dict(zip(series, last.scalars, strict=True))
    total = parts["discriminator.value"] + parts["generator.value"]
    assert last.value == pytest.approx(total)
    real, fake = parts["discriminator.objective.real"], parts["discriminator.objective.fake"]
    assert parts["discriminator.value"] == pytest.approx(real + fake)
    metrics = {m.name: m.value for m in job.last_evaluation.metrics}
    assert metrics["loss"] == pytest.approx(
        metrics["discriminator.loss"] + metrics["generator.loss"]
    )


@pytest.mark.parametrize(
    "change, field, says",
    [
        (lambda p: p[1].update(name="discriminator"), "system.players[1].name", "this name"),
        (lambda p: p[0]["objective"][1].update(through=["none"]), "through[0]", "No player"),
        (
            lambda p: p[0]["objective"][1].update(
                through=["discriminator"], noise={"shape": ["5"]}
            ),
            "through",
            "would get [5] here, but [2] by system.players[0].objective[0]",
        ),
        (lambda p: p[1].pop("model"), "system.players[1].model", "Give the model"),
        (lambda p: p[1].update(objective=[]), "system.players[1].objective", "terms"),
        (
            lambda p: p[1]["optimizer"]["adam"]["step_size"].update(constant=-1),
            "system.players[1].optimizer.adam.step_size",
            "-1",
        ),
        (lambda p: p[0]["objective"][0].update(constant=2), "objective[0].constant", "2"),
        (
            # Points against classes.
            lambda p: p[1].update(objective=[{"noise": {"shape": ["2"]}, "loss": BCE}]),
            "system.players[1].objective[0].loss",
            "[2]",
        ),
    ],
)
def test_a_wrong_player_is_named(client, change, field, says):
    spec = gan()
    change(spec["system"]["players"])
    with pytest.raises(grpc.RpcError) as error:
        client.create(specs.parse(spec))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert field in error.value.details()
    assert says in error.value.details()


def test_a_players_model_predicts(client, descent, folder):
    """The generator makes points of noise out of a file; the discriminator judges the data."""
    name = client.create(specs.parse(gan(iterations="300"))).name
    client.wait_until_final(name)
    noise = np.random.default_rng(1).standard_normal((500, 2)).astype(np.float32)
    np.save(folder / "noise.npy", noise)
    made, judged = folder / "made.npy", folder / "judged.npy"
    done = descent(
        "predict", name, "--player", "generator", "--data", folder / "noise.npy", "-o", made
    )
    assert done.returncode == 0, done.stderr
    assert np.load(made).shape == (500, 2)
    assert not np.allclose(np.load(made), noise)
    done = descent("predict", name, "--player", "discriminator", "-o", judged)
    assert done.returncode == 0, done.stderr
    assert np.load(judged).shape == (100, 1)
    done = descent("predict", name, "-o", judged, "--force")
    assert done.returncode != 0
    assert "say whose model: discriminator or generator" in done.stderr


def test_a_players_targets_are_normalized_and_predictions_are_not(client, descent, folder):
    """Of the model that is compared with them, not of the one before it."""
    x = np.linspace(-3, 3, 200, dtype=np.float32)[:, None]
    y = 1e6 + 1000 * x.astype(np.float64)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    through = ["first", "last"]
    term = {"through": through, "loss": {"mean_squared_error": {}}}
    optimizer = {"adam": {"step_size": {"constant": 0.05}}}
    line = {"linear": {"out_features": "1"}}
    players = [
        {"name": name, "model": line, "objective": [term], "optimizer": optimizer}
        for name in through
    ]
    arrays = {"inputs": str(folder / "x.npy"), "targets": str(folder / "y.npy")}
    spec = {
        "system": {"players": players},
        "data": {
            "train": {"npy": arrays},
            "split": {"test_fraction": 0.25},
            "target_normalization": {},
            "batch_size": "150",
        },
        "iterations": "600",
        "evaluation": {"training_data": True},
    }
    name = client.create(specs.parse(spec)).name
    job = client.wait_until_final(name)
    assert job.state == event_pb2.SUCCEEDED
    metrics = {m.name: m.value for m in job.last_evaluation.metrics}
    assert set(metrics) == {
        *(f"{part}loss" for part in ("", "train_")),
        *(f"{player}.{part}loss" for player in through for part in ("", "train_")),
    }
    assert metrics["last.train_loss"] < 1e-3  # of normalized targets
    outputs = {}
    for player, data in (("first", "x.npy"), ("last", "hidden.npy")):
        out = folder / f"{player}.npy"
        run = descent("predict", name, "--player", player, "--data", folder / data, "-o", out)
        assert run.returncode == 0, run.stderr
        outputs[player] = np.load(out)
        np.save(folder / "hidden.npy", outputs[player].astype(np.float32))
    assert np.abs(outputs["first"]).max() < 1e4
    assert np.abs(outputs["last"] - y).max() < 200


def test_a_system_has_no_model_of_its_own(client):
    with pytest.raises(grpc.RpcError, match="each player of the system has its own"):
        client.create(specs.parse(gan(model=net(1))))
