"""What the other tests stand on."""

import struct
import subprocess

import pytest
from descent.v1 import event_pb2, spec_pb2
from google.protobuf import json_format

from helpers import process, safetensors, specs


def test_the_stubs_know_every_kind_of_event():
    fields = {f.number: f.name.upper() for f in event_pb2.Event.DESCRIPTOR.oneofs[0].fields}
    fields[event_pb2.EVALUATION] = "EVALUATION"
    kinds = {v: k for k, v in event_pb2.EventKind.items() if v}
    assert fields == kinds


def test_a_spec_refuses_an_unknown_field():
    with pytest.raises(json_format.ParseError, match="momentun"):
        specs.parse({"optimizer": {"heavy_ball": {"momentun": {"constant": 0.9}}}})


def test_a_spec_keeps_what_was_not_given_apart_from_zero(folder):
    spec = specs.linear_regression(folder)
    assert not spec.HasField("epochs")
    assert spec.optimizer.gradient_descent.step_size.constant == 0.05
    assert spec == spec_pb2.Spec.FromString(spec.SerializeToString())


def test_a_table_has_a_header_and_equal_rows(folder):
    lines = specs.linear_csv(folder, rows=10, inputs=3).read_text().splitlines()
    assert lines[0] == "x0,x1,x2,y"
    assert [line.count(",") for line in lines] == [3] * 11


def test_images_and_labels_belong_together(folder):
    images, labels = specs.idx_pair(folder, examples=5, shape=(2, 3))
    assert struct.unpack(">4B3I", images.read_bytes()[:16]) == (0, 0, 8, 3, 5, 2, 3)
    assert len(images.read_bytes()) == 16 + 5 * 2 * 3
    assert struct.unpack(">4BI", labels.read_bytes()[:8]) == (0, 0, 8, 1, 5)
    assert max(labels.read_bytes()[8:]) < 4


def test_a_checkpoint_is_read_as_the_format_says(folder):
    header = b'{"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    path = folder / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"1234")
    assert safetensors.read(path) == ({"w": b"1234"}, {"a": "b"})


def test_a_process_is_found_by_its_argument_and_its_end_is_noticed(folder):
    child = subprocess.Popen(
        ["sh", "-c", "echo here; read line", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    child.stdout.readline()
    assert process.with_argument(str(folder)) == [child.pid]
    with pytest.raises(TimeoutError):
        process.wait_until_gone(child.pid, timeout=0.01)
    process.kill(child.pid)
    assert child.wait() == -9
