"""Every optimizer and wrapper through the whole service: a worker is killed in mid-run, the next one
goes on from a checkpoint, and the run ends with the very bits of one that nobody disturbed."""

import pytest
from descent.v1 import event_pb2, optimizer_pb2

from helpers import process, specs
from helpers.client import kind, simple

ITERATIONS = 6_000
STEP_SIZE = {"cosine": {"initial": 0.01}}


def kinds(message) -> list[str]:
    return [field.name for field in message.DESCRIPTOR.oneofs_by_name["kind"].fields]


def has_step_size(name: str) -> bool:
    message = optimizer_pb2.Optimizer.DESCRIPTOR.fields_by_name[name].message_type
    return "step_size" in message.fields_by_name


def alone(name: str) -> dict:
    return {name: {"step_size": STEP_SIZE} if has_step_size(name) else {}}


def around_adam(name: str) -> dict:
    message = optimizer_pb2.Wrapper.DESCRIPTOR.fields_by_name[name].message_type
    fields = {"pattern": "hidden.*"} if "pattern" in message.fields_by_name else {}
    return {"adam": {"step_size": STEP_SIZE}, "wrappers": [{name: fields}]}


STACKS = {
    "adamw with groups in three wrappers": {
        "adamw": {"step_size": STEP_SIZE},
        "wrappers": [
            {"clip_by_norm": {}},
            {"lookahead": {}},
            {"ema": {"decay": {"constant": 0.9}}},
        ],
        "groups": [{"name": "bias", "pattern": "*.bias", "weight_decay": {"constant": 0}}],
    },
    "sgd on a plateau of the test loss": {
        "sgd": {
            "step_size": {"plateau": {"initial": 0.1, "patience": 1, "metric": "loss"}},
            "momentum": {"constant": 0.9},
        }
    },
    "adafactor": alone("adafactor"),
    "muon": alone("muon"),
    "schedule_free_adamw": alone("schedule_free_adamw"),
    "sam, accumulated": {
        "adam": {"step_size": STEP_SIZE},
        "wrappers": [{"sam": {}}, {"accumulate": {}}],
    },
}
EVERY_ONE = {name: alone(name) for name in kinds(optimizer_pb2.Optimizer) if name not in STACKS} | {
    name: around_adam(name) for name in kinds(optimizer_pb2.Wrapper)
}


def outcome(events: list[event_pb2.Event]) -> list[bytes]:
    """The iterations, without times."""
    found = []
    for event in events:
        if kind(event) == "iteration":
            event.iteration.ClearField("elapsed_seconds")
            found.append(event.iteration.SerializeToString(deterministic=True))
    return found


def digest(events: list[event_pb2.Event]) -> str:
    """Of the last checkpoint."""
    return [e for e in events if kind(e) == "checkpoint_saved"][-1].checkpoint_saved.sha256


@pytest.mark.parametrize(
    "optimizer",
    [pytest.param(optimizer, id=name) for name, optimizer in STACKS.items()]
    + [pytest.param(o, id=name, marks=pytest.mark.long) for name, o in EVERY_ONE.items()],
)
def test_a_killed_worker_changes_no_bit(start_daemon, connect, folder, optimizer):
    daemon = start_daemon()
    client = connect(daemon.grpc)
    spec = specs.classifier(
        folder,
        iterations=ITERATIONS,
        optimizer=optimizer,
        checkpoints={"every_iterations": "250"},
        evaluation={"every_epochs": "20"},
    )
    disturbed = client.create(spec).name
    # Paused, the run can't end before its worker does.
    client.wait_for_iteration(disturbed, 600)
    client.pause(disturbed)
    process.kill(client.worker_pid(disturbed))
    client.resume(disturbed)
    undisturbed = client.create(spec).name

    for name in (disturbed, undisturbed):
        assert client.wait_until_final(name, timeout=300).state == event_pb2.SUCCEEDED
    events = list(client.watch(disturbed))
    assert len([e for e in events if kind(e) == "attempt_started"]) == 2
    # Iterations that the second worker computed again were the same, or this would say so.
    assert not [e for e in events if kind(e) == "rewound"]
    assert outcome(events) == outcome(list(client.watch(undisturbed)))
    assert daemon.tensors(client.get(disturbed)) == daemon.tensors(client.get(undisturbed))


# Of a plain vector, on the way through a valley that they don't reach the end of.
FUNCTION_OPTIMIZERS = {
    "lbfgs": {"lbfgs": {}},
    "nonlinear_cg": {"nonlinear_cg": {}},
    "polak_ribiere_plus": {"nonlinear_cg": {"formula": "POLAK_RIBIERE_PLUS"}},
    "barzilai_borwein": {"barzilai_borwein": {}},
}


@pytest.mark.parametrize("optimizer", FUNCTION_OPTIMIZERS.values(), ids=FUNCTION_OPTIMIZERS)
def test_a_killed_or_interrupted_function_job_changes_no_bit(start_daemon, connect, optimizer):
    daemon = start_daemon("--max_running_jobs=1")
    client = connect(daemon.grpc)
    spec = specs.rosenbrock(
        optimizer, dimension=100, iterations=300, checkpoints={"every_iterations": "9"}
    )
    # The others wait behind it until they know where to stop on their way.
    first = client.create(spec).name
    client.pause(first)
    killed, interrupted, undisturbed = (client.create(spec).name for _ in range(3))
    answers = [client.command_later(killed, at, simple("pause")) for at in (1, 150, 211)]
    answers += [
        client.command_later(interrupted, at, simple("checkpoint"), simple("pause"))
        for at in (2, 77, 200)
    ]
    client.stop(first)

    for name, strike in ((killed, True), (interrupted, False)):
        revision = 0
        for _ in range(3):
            client.wait_for_state(name, event_pb2.PAUSED, after_revision=revision)
            if strike:
                process.kill(client.worker_pid(name))
            revision = client.resume(name).revision
    for name in (killed, interrupted, undisturbed):
        assert client.wait_until_final(name).state == event_pb2.SUCCEEDED
    assert [a.result().event.command_applied.iteration for a in answers] == [
        1,
        150,
        211,
        2,
        77,
        200,
    ]

    expected = list(client.watch(undisturbed))
    values = [e.iteration.value for e in expected if kind(e) == "iteration"]
    assert values[0] > values[150] > values[300] > 1e-3
    for name, attempts in {killed: 4, interrupted: 1}.items():
        events = list(client.watch(name))
        assert len([e for e in events if kind(e) == "attempt_started"]) == attempts
        assert not [e for e in events if kind(e) == "rewound"]
        assert outcome(events) == outcome(expected)
        assert daemon.tensors(client.get(name)) == daemon.tensors(client.get(undisturbed))
        assert digest(events) == digest(expected)
