"""What can be read of the container's files without containers: they are not built here."""

import pathlib
import re
import subprocess

from helpers import programs

DEPLOY = programs.WORKSPACE / "deploy"
DOCKER = DEPLOY / "docker"


def instructions() -> list[tuple[str, str]]:
    """Those of the Dockerfile, with their continuation lines."""
    text = re.sub(r"^\s*#.*\n", "", (DOCKER / "Dockerfile").read_text(), flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(name, rest) for name, rest in lines]


def stages() -> list[list[tuple[str, str]]]:
    out = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            out.append([])
        out[-1].append(instruction)
    return out


def test_the_instructions_are_those_that_there_are():
    known = set(
        "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN SHELL STOPSIGNAL USER "
        "VOLUME WORKDIR".split()
    )
    assert {name for name, _ in instructions()} <= known


def test_what_is_copied_is_there():
    named = re.findall(r" AS (\w+)", " ".join(rest for _, rest in instructions()))
    for name, rest in instructions():
        if name != "COPY":
            continue
        options = re.findall(r"--\S+", rest)
        *sources, _ = [word for word in rest.split() if not word.startswith("--")]
        if stage := [o.removeprefix("--from=") for o in options if o.startswith("--from=")]:
            assert stage[0] in named
        else:
            for path in sources:
                assert (programs.WORKSPACE / path).exists()


def test_shell_lines_are_shell():
    for name, rest in instructions():
        if name in ("RUN", "HEALTHCHECK"):
            subprocess.run(["sh", "-n", "-c", rest.partition("CMD ")[2] or rest], check=True)
    subprocess.run(["sh", "-n", DOCKER / "serve"], check=True)


def test_the_image_is_the_packages_alone_and_its_user_not_root():
    last = dict(stages()[-1])
    assert last["USER"] == "descent"
    assert "/healthz" in last["HEALTHCHECK"]
    assert last["ENTRYPOINT"] == '["serve"]'
    # Users come before the volumes, which belong to whom their folders belong to.
    order = [name for name, _ in stages()[-1]]
    assert order.index("RUN") < order.index("USER") < order.index("VOLUME")


def test_the_script_gives_options_that_descentd_has():
    script = (DOCKER / "serve").read_text()
    known = subprocess.run(
        [programs.descentd(), "--help"], check=True, capture_output=True, text=True
    ).stdout
    for option in set(re.findall(r"--\w+", re.sub(r"^#.*$", "", script, flags=re.MULTILINE))):
        assert option in known or option == "--host"


def test_compose_takes_its_file():
    said = subprocess.run(
        ["/usr/bin/docker-compose", "-f", DOCKER / "compose.yaml", "config", "-q"],
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr


def test_what_compose_mounts_is_there():
    mounts = re.findall(r"^\s+- (\.\S+?):", (DOCKER / "compose.yaml").read_text(), re.MULTILINE)
    assert mounts
    for path in mounts:
        assert (DOCKER / path).exists(), path


def test_prometheus_takes_its_file(folder):
    # promtool wants the files of the container to be there.
    text = (DOCKER / "prometheus.yml").read_text()
    (folder / "ca.pem").touch()
    (folder / "metrics.token").write_text("token\n")
    text = text.replace("/shared", str(folder))
    text = text.replace("/etc/prometheus/descent", str(DEPLOY / "prometheus"))
    for rules in re.findall(r"^  - (/\S+)$", text, re.MULTILINE):
        assert pathlib.Path(rules).exists(), rules
    (folder / "prometheus.yml").write_text(text)
    said = subprocess.run(
        ["promtool", "check", "config", folder / "prometheus.yml"], capture_output=True, text=True
    )
    assert said.returncode == 0, said.stdout + said.stderr
