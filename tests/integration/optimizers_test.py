"""Every optimizer and wrapper through the whole service: a worker is killed in mid-run, the next one
goes on from a checkpoint, and the run ends with the very bits of one that nobody disturbed."""

import pytest
from descent.v1 import event_pb2, optimizer_pb2

from helpers import process, specs
from helpers.client import kind

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
