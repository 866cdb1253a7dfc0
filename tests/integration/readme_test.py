"""What README.md shows works as it is printed.

Commands run in a folder that looks like a clone after its build. `deploy/quickstart` and
`deploy/test`, which set up and build everything, are run by other means than a test of theirs.
"""

import os
import pathlib
import re

import pytest

from helpers import documents, programs

README = programs.WORKSPACE / "README.md"


def blocks(language):
    return documents.blocks(README, language)


@pytest.fixture
def clone(folder):
    """A folder with the programs where the build puts them, and a home of its own beside it."""
    clone = folder / "clone"
    built = clone / ".bazel-bin"
    documents.write_programs(built / "client/cli/descent", built / "server/daemon/main/descentd")
    (folder / "home").mkdir()
    return documents.Place(clone, folder / "home")


END = "kill %1; wait %1"  # the daemon that was started as `descentd &`


def transcript(text):
    """The commands behind `$ `, and the lines that each prints."""
    commands = []
    for line in text.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        else:
            commands[-1][1].append(line)
    return commands


def test_command_line(clone):
    """`From the command line`, and the predictions of the run that it makes."""
    script = next(text for text in blocks("sh") if "descentd &" in text)
    predictions = next(text for text in blocks("") if text.startswith("$ descent predict"))
    shown = transcript(predictions)
    assert len(shown) == 2
    out = clone.run("\n".join([script, *(command for command, _ in shown), END]))
    assert "SUCCEEDED at iteration 1,407" in out
    assert out.splitlines()[-2:] == [line for _, lines in shown for line in lines]
    for file in ("mlp.yaml", "test.csv", "scores.npy"):
        assert (clone.path / file).stat().st_size > 0
    header, first = (clone.path / "test.csv").read_text().splitlines()[:2]
    assert len(first.split(",")) == len(header.split(","))


def test_the_spec_is_one(clone):
    """The YAML in the text: read by the client, data aside, whose paths are short for the reader."""
    (spec,) = [text for text in blocks("yaml") if text.startswith("model:")]
    spec = re.sub(r"\b(train|t10k|test)-(images|labels)\.gz", long_name, spec)
    (clone.path / "spec.yaml").write_text(spec)
    start = next(text for text in blocks("sh") if "descentd &" in text).splitlines()[:2]
    out = clone.run("\n".join([*start, "descent validate spec.yaml", END]))
    assert "hidden" in out and "optimizer.adam.step_size" in out


def long_name(match):
    part = "train" if match[1] == "train" else "t10k"
    kind = "images-idx3" if match[2] == "images" else "labels-idx1"
    return f"/usr/share/datasets/fashion-mnist/{part}-{kind}-ubyte.gz"


def test_short_forms(clone):
    """Each short form that the text names, in a spec that is valid."""
    text = README.read_text()
    sentence = text[text.index("Short forms are taken") :].split(";")[0]
    forms = dict(re.findall(r"`([a-z]+): ([^`]+)`", sentence))
    assert set(forms) == {"model", "dropout", "adam", "split", "padding", "csv"}
    (clone.path / forms["csv"]).write_text("a,b,y\n" + "1,2,3\n2,3,5\n3,4,7\n" * 5)
    layers = [
        "reshape: {shape: [1, 2]}",
        f"conv1d: {{out_channels: 3, kernel_size: 3, padding: {forms['padding']}}}",
        f"dropout: {forms['dropout']}",
    ]
    (clone.path / "s.yaml").write_text(
        f"model: [{', '.join(layers)}, {forms['model'].strip('[]')}]\n"
        f"objective: mean_squared_error\noptimizer: {{adam: {forms['adam']}}}\n"
        f"data: {{train: {{csv: {forms['csv']}}}, split: {forms['split']}}}\nepochs: 1\n"
    )
    start = next(text for text in blocks("sh") if "descentd &" in text).splitlines()[:2]
    settings = "--set data.train.csv.targets=y --set 'model.sequential[4].linear.out_features=1'"
    clone.run("\n".join([*start, f"descent validate s.yaml {settings}", END]))


def test_stubs_for_python(clone):
    """The command that makes stubs, and the program that uses them, which examples_test runs."""
    text = README.read_text()
    command = re.search(r"`python -m (grpc_tools\.protoc [^`]+)`", text)[1]
    (clone.path / "proto").symlink_to(programs.proto())
    interpreter = pathlib.Path(os.sys.executable)
    clone.run(f'"{interpreter}" -m {command}')
    (block,) = blocks("python")
    program = (programs.WORKSPACE / "client/examples/turn.py").read_text()
    assert program.endswith(block)
    checked = clone.run(
        f'PYTHONPATH=. "{interpreter}" -c \'import ast, sys\nexec(compile(ast.Module(\n'
        "    [n for n in ast.parse(sys.argv[1]).body if isinstance(n, (ast.Import, ast.ImportFrom))],\n"
        f'    []), "README.md", "exec"))\nprint("imported")\' {quoted(block)}'
    )
    assert checked == "imported\n"


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def test_programs_in_cpp():
    """The block with the stubs is client/examples/turn.cc, which is built and run by examples_test."""
    program = (programs.WORKSPACE / "client/examples/turn.cc").read_text()
    (block,) = [text for text in blocks("cpp") if "grpcpp" in text]
    assert program.endswith(block)


def test_named_examples_are_there(descent):
    listed = descent("example").stdout
    named = set(re.findall(r"`?descent example (\w+)", README.read_text()))
    assert {"fashion_mnist_mlp", "logistic_regression"} <= named
    for name in named:
        assert f"\n{name} " in "\n" + listed
        assert descent("example", name).returncode == 0


QUICK = ("linear_regression", "logistic_regression", "robust_regression", "rosenbrock")


def test_examples_are_submitted_as_they_say(clone):
    """The commands in each example's head: run where that takes seconds, else validated."""
    shown = re.compile(r"^#   (descent example (\w+) \| descent submit - --follow)$", re.MULTILINE)
    start = next(text for text in blocks("sh") if "descentd &" in text).splitlines()[:2]
    listed = clone.run("\n".join([start[0], "descent example"]))
    names = [line.split()[0] for line in listed.split("\n\n")[0].splitlines()]
    assert "descent example NAME | descent submit - --follow" in listed
    assert set(QUICK) < set(names)
    lines = start[:]
    for name in names:
        text = clone.run("\n".join([start[0], f"descent example {name}"]))
        ((command, same),) = shown.findall(text)
        assert same == name
        if name in QUICK:
            lines.append(command)
        else:
            lines.append(command.replace("submit - --follow", "validate -"))
    out = clone.run("\n".join([*lines, END]))
    assert out.count("SUCCEEDED at iteration") == len(QUICK)


def test_examples_with_data_go_into_a_folder(clone):
    start = next(text for text in blocks("sh") if "descentd &" in text).splitlines()[:2]
    out = clone.run(
        "\n".join(
            [
                *start,
                "descent example logistic_regression -o here",
                "descent validate here/logistic_regression.yaml",
                "! descent example logistic_regression -o here 2>&1",
                END,
            ]
        )
    )
    assert out.startswith("here/logistic_regression.csv\nhere/logistic_regression.yaml\n")
    assert "here/logistic_regression.csv: exists; it is left as it is" in out
