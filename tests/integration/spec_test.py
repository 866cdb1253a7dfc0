"""What is told of a spec before it is trained."""

import grpc
import pytest

from helpers import specs
from helpers.details import refused


def test_a_field_that_nobody_knows_is_refused(client, folder):
    spec = specs.linear_regression(folder)
    spec.optimizer.gradient_descent.MergeFromString(b"\xa2\x06\x00")  # number 100
    told = refused(grpc.StatusCode.INVALID_ARGUMENT, client.create, spec)
    assert "optimizer.gradient_descent" in told.fields[0]
    assert client.list_jobs().jobs == []


def test_shapes_that_do_not_fit_name_both_layers(client, folder):
    spec = specs.classifier(folder)
    spec.model.sequential.layers[3].linear.in_features = 99
    told = refused(grpc.StatusCode.INVALID_ARGUMENT, client.create, spec)
    assert any("layers[3]" in field for field in told.fields)
    assert "`output`" in told.message and "`2`" in told.message  # a layer without a name
    assert "99" in told.message and "16" in told.message


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_a_bad_step_size_is_refused_at_submission(client, folder, value):
    spec = specs.linear_regression(folder)
    spec.optimizer.gradient_descent.step_size.constant = value
    told = refused(grpc.StatusCode.INVALID_ARGUMENT, client.create, spec)
    assert any("step_size" in field for field in told.fields)


def test_bad_data_is_named(client, folder):
    def told_of(spec) -> str:
        return refused(grpc.StatusCode.INVALID_ARGUMENT, client.create, spec).message

    spec = specs.classifier(folder)
    images = spec.data.train.idx.inputs
    spec.data.train.idx.inputs = images + ".none"
    assert images + ".none" in told_of(spec)

    cut = folder / "cut.idx"
    with open(images, "rb") as file:
        cut.write_bytes(file.read()[:-7])
    spec.data.train.idx.inputs = str(cut)
    assert str(cut) in told_of(spec)

    spec = specs.classifier(folder)
    spec.model.sequential.layers[3].linear.out_features = 3  # labels go to 3
    message = told_of(spec)
    assert spec.data.train.idx.targets in message and "label" in message

    ragged = folder / "ragged.csv"
    ragged.write_text("a,b,y\n1,2,3\n4,5\n")
    spec = specs.linear_regression(folder)
    spec.data.train.csv.path = str(ragged)
    message = told_of(spec)
    assert str(ragged) in message and "3" in message  # the line

    words = folder / "words.csv"
    words.write_text("a,b,y\n1,2,3\n4,five,6\n")
    spec.data.train.csv.path = str(words)
    message = told_of(spec)
    assert str(words) in message and "five" in message and "b" in message


def test_validate_says_what_a_spec_builds(client, folder):
    answer = client.validate(specs.classifier(folder))
    shapes = {layer.name: tuple(layer.output_shape) for layer in answer.summary.layers}
    assert (shapes["0"], shapes["hidden"], shapes["output"]) == ((36,), (16,), (4,))
    assert answer.summary.parameters == 36 * 16 + 16 + 16 * 4 + 4
    assert answer.spec.data.batch_size == 20
    assert "optimizer.adam.step_size" in answer.summary.dials
    assert client.list_jobs().jobs == []
