"""Where and in which numbers a job computes: devices and bfloat16, by the whole service."""

import grpc
import pytest

from helpers import process, specs
from helpers.client import Client, kind

ITERATIONS = 20_000


def spec_of(folder, execution: dict, **fields):
    return specs.classifier(
        folder,
        iterations=ITERATIONS,
        hidden=24,
        execution=execution,
        checkpoints={"every_iterations": "2500"},
        evaluation={"every_iterations": "5000"},
        **fields,
    )


def require(client: Client, folder, device: str) -> None:
    try:
        client.validate(spec_of(folder, {"device": device}))
    except grpc.RpcError as error:
        if "is not here" in error.details():
            pytest.skip("no GPU")
        raise


def iterations(client: Client, name: str) -> list[tuple]:
    return [
        (e.iteration.index, e.iteration.value, e.iteration.gradient_norm, e.iteration.step_size)
        for e in client.history(name)
        if kind(e) == "iteration"
    ]


@pytest.mark.parametrize("dtype", ["FLOAT32", "FLOAT64", "BFLOAT16"])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_killed_worker_goes_on_with_the_same_bits(daemon, client, folder, device, dtype):
    require(client, folder, device)
    spec = spec_of(folder, {"device": device, "dtype": dtype})
    undisturbed = client.create(spec).name
    client.wait_until_final(undisturbed)
    disturbed = client.create(spec).name
    for k in (ITERATIONS // 4, ITERATIONS // 2):
        client.wait_for_iteration(disturbed, k)
        process.kill(client.worker_pid(disturbed))
    job = client.wait_until_final(disturbed)
    assert iterations(client, disturbed) == iterations(client, undisturbed)
    tensors = daemon.tensors(job)
    assert tensors == daemon.tensors(client.get(undisturbed))
    # It learned, and says where it did.
    evaluations = [e.evaluation for e in client.history(disturbed) if kind(e) == "evaluation"]
    assert {m.name: m.value for m in evaluations[-1].metrics}["accuracy"] > 0.95
    attempts = [
        e.attempt_started for e in client.history(disturbed) if kind(e) == "attempt_started"
    ]
    assert {a.worker.device for a in attempts} == {"cuda:0" if device == "cuda" else "cpu"}
    # The parameters are float32 whatever computes with them.
    element = 8 if dtype == "FLOAT64" else 4
    assert len(tensors["solution/output.bias"]) == 4 * element


def test_bfloat16_rounds(client, folder):
    """It is computed in it, not only named: values have other bits, and are close by."""
    names = [
        client.create(spec_of(folder, {"dtype": dtype})).name for dtype in ("FLOAT32", "BFLOAT16")
    ]
    for name in names:
        client.wait_until_final(name)
    exact, rounded = (iterations(client, name)[0] for name in names)
    assert rounded != exact
    assert rounded[1] == pytest.approx(exact[1], rel=0.02)


@pytest.mark.parametrize(
    ("execution", "field", "text"),
    [
        ({"device": "tpu"}, "execution.device", "is no device; give cpu, cuda or cuda:N"),
        ({"device": "cuda:99"}, "execution.device", "this worker computes on cpu"),
        ({"dtype": "BFLOAT16"}, "execution.dtype", "not for a function"),
    ],
)
def test_what_cannot_be_is_refused_at_submission(client, folder, execution, field, text):
    spec = spec_of(folder, execution)
    if "function" in text:
        spec = specs.rosenbrock({"lbfgs": {}}, 2, 10, execution=execution)
    with pytest.raises(grpc.RpcError) as error:
        client.create(spec)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert field in error.value.details()
    assert text in error.value.details()
    assert not client.list_jobs().jobs
