"""What is exported is what is said, and what alerts and dashboards ask for.

The table of server/daemon/metrics/README.md, the rules and alerts of deploy/prometheus, the dashboard
of deploy/grafana and the sections of server/OPERATING.md are held to a daemon on which everything
has happened once that makes a metric appear.
"""

import json
import os
import re
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from helpers import programs, specs
from helpers.client import Client
from helpers.documents import free_ports

PROMETHEUS = programs.WORKSPACE / "deploy/prometheus"
GRAFANA = programs.WORKSPACE / "deploy/grafana"
README = programs.WORKSPACE / "server/daemon/metrics/README.md"
OPERATING = programs.WORKSPACE / "server/OPERATING.md"

PATIENCE = 20  # seconds

BCE = {"binary_cross_entropy_with_logits": {}}


def linear(outputs: int) -> dict:
    return {"linear": {"out_features": str(outputs)}}


def two_players() -> dict:
    """A job with named values, evaluations and epochs, which needs no files."""
    noise = {"noise": {"shape": ["2"]}, "through": ["generator", "discriminator"], "loss": BCE}
    adam = {"adam": {"step_size": {"constant": 2e-3}}}
    return {
        "system": {
            "players": [
                {
                    "name": "discriminator",
                    "model": linear(1),
                    "objective": [
                        {"name": "real", "loss": BCE, "constant": 1},
                        {"name": "fake", **noise, "constant": 0},
                    ],
                    "optimizer": adam,
                },
                {
                    "name": "generator",
                    "model": linear(2),
                    "objective": [{**noise, "constant": 1}],
                    "optimizer": adam,
                },
            ]
        },
        "data": {
            "train": {"moons": {"examples": "400"}},
            "split": {"test_fraction": 0.25},
            "batch_size": "32",
        },
        "iterations": str(specs.FOREVER),
        "seed": "1",
    }


class Scraped:
    """What was exported: type and labels of each family, as `le` is the histograms' own."""

    def __init__(self):
        self.types: dict[str, str] = {}
        self.labels: dict[str, set[str]] = {}

    def add(self, text: str) -> None:
        self.types.update(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
        for line in text.splitlines():
            if not line.startswith("#"):
                name, labels = re.match(r"([a-z_]+)(?:\{(.*)\})? ", line).groups()
                named = re.findall(r'([a-z_]+)="(?:[^"\\]|\\.)*"', labels or "")
                self.labels.setdefault(self.family(name), set()).update(set(named) - {"le"})

    def family(self, name: str) -> str:
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        return base if self.types.get(base) == "histogram" else name


@pytest.fixture
def secure(start_daemon, folder):
    """A daemon with a certificate; `get(path)` asks it over HTTPS, with its first token."""
    data_dir = folder / "d"
    line = [str(programs.descentd()), "certificate", "--data_dir", str(data_dir)]
    made = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    tls = data_dir / "tls"
    files = ("--tls_certificate", f"{tls}/server.pem", "--tls_key", f"{tls}/server.key")
    daemon = start_daemon(*files, data_dir=data_dir)
    trusted = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=tls / "ca.pem"))
    opener = urllib.request.build_opener(trusted, urllib.request.ProxyHandler({}))

    def get(path: str, headers: dict | None = None) -> str:
        headers = daemon.headers() if headers is None else headers
        request = urllib.request.Request(f"https://{daemon.http}{path}", headers=headers)
        with opener.open(request, timeout=10) as response:
            return response.read().decode()

    daemon.fetch = get
    return daemon


@pytest.fixture
def scraped(secure, folder):
    """All that a daemon exports, once everything has happened."""
    found = Scraped()
    client = Client(secure.clients)
    try:
        client.create(specs.linear_regression(folder, step_size=1e10), job_id="diverges")
        client.create(specs.linear_regression(folder, iterations=specs.FOREVER), job_id="plain")
        client.create(specs.parse(two_players()), job_id="players")
        client.wait_until_final("jobs/diverges", timeout=PATIENCE)
        for job in ("plain", "players"):
            client.wait_for_iteration(f"jobs/{job}", 20, timeout=PATIENCE)
        with pytest.raises(urllib.error.HTTPError):
            secure.fetch("/metrics", headers={})
        run(secure, programs.descent(), "token", "create", "--role", "viewer", "--ttl", "1h")
        backup = ("backup", str(folder / "backup"), "--data_dir", str(secure.data_dir))
        run(secure, programs.descentd(), *backup)
        wanted = {"descent_job_evaluation", "descent_data_used_bytes", "descent_job_status_reason"}
        until(lambda: found.add(checked(secure.fetch("/metrics"))) or wanted <= found.labels.keys())
        # Last, as it is for good: the store was taken away.
        (secure.data_dir / "descent.db").rename(secure.data_dir / "taken")
        until(lambda: "descent_ready 0\n" in secure.fetch("/metrics"))
        found.add(checked(secure.fetch("/metrics")))
    finally:
        client.close()
    return found


def run(daemon, *line) -> str:
    done = subprocess.run(
        [str(word) for word in line],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "DESCENT_SERVER": daemon.clients},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(condition) -> None:
    """Asks again and again; nobody tells when a scrape has more to say."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def checked(text: str) -> str:
    """The scrape, which promtool has nothing to say about."""
    linted = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")
    return text


def promtool(*words, **named) -> str:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, **named)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def told() -> dict[str, tuple[str, set[str]]]:
    """What the README says: type and labels of each name."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (.*?) \| .*? \| .+ \|$", README.read_text(), re.MULTILINE
    )
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def alerts() -> dict[str, str]:
    """Each alert's text, by its name."""
    _, *blocks = (PROMETHEUS / "alerts.yml").read_text().split("- alert: ")
    return {block.split("\n", 1)[0]: block for block in blocks}


def dashboard() -> dict:
    return json.loads((GRAFANA / "dashboards/descent.json").read_text())


def panels() -> list[dict]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    """All that is asked of Prometheus: by rules, alerts and the dashboard, its variables too."""
    found = [target["expr"] for panel in panels() for target in panel["targets"]]
    for variable in dashboard()["templating"]["list"]:
        found += re.findall(r"label_values\((.+), \w+\)", variable["query"]["query"])
    for file in ("rules.yml", "alerts.yml"):
        text = (PROMETHEUS / file).read_text()
        found += [
            " ".join((folded or plain).split())
            for folded, plain in re.findall(r" expr: (?:>-\n((?: {10,}.*\n)+)|(.*)\n)", text)
        ]
    return found


def test_readme_says_what_is_exported(scraped):
    said = told()
    assert {name: kind for name, (kind, _) in said.items()} == scraped.types
    assert {name: labels for name, (_, labels) in said.items()} == scraped.labels
    # What is asked for is there, with these labels.
    recorded = re.findall(r"- record: (\S+)", (PROMETHEUS / "rules.yml").read_text())
    for expression in expressions():
        for name, labels in re.findall(
            r"((?:descent|process)_\w+|\w+:descent_\w+:\w+)(?:\{([^}]*)\})?",
            re.sub(r'"[^"]*"', '""', expression),
        ):
            family = scraped.family(name)
            assert family in scraped.labels or name in recorded, (name, expression)
            if family in scraped.labels:
                asked = set(re.findall(r"(\w+)(?:=|!)", labels))
                given = scraped.labels[family] | {"instance", "job"}
                assert asked <= given | ({"le"} if name.endswith("_bucket") else set()), expression


def test_alerts_fire_when_they_should():
    promtool("test", "rules", "alerts_test.yml", cwd=PROMETHEUS)
    tested = re.findall(r"  - name: (\w+)", (PROMETHEUS / "alerts_test.yml").read_text())
    assert tested == list(alerts())


def test_each_alert_has_a_section_that_says_what_to_do():
    sections = re.findall(r"^### (Descent\w+)$", OPERATING.read_text(), re.MULTILINE)
    assert sections == list(alerts())
    for name, text in alerts().items():
        assert f"runbook_url: server/OPERATING.md#{name.lower()}\n" in text
        assert re.search(r"severity: (critical|warning|info)\}", text), name
        assert re.search(r'summary: ".+"', text), name


def test_the_dashboard_is_one(folder):
    assert len(panels()) > 20
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))
    (source,) = re.findall(
        r"uid: (\S+)", (GRAFANA / "provisioning/datasources/prometheus.yaml").read_text()
    )
    for panel in panels():
        assert panel["datasource"]["uid"] == source, panel["title"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, panel["title"]
    # Prometheus' own parser reads what is asked, with what Grafana puts in for its variables.
    rules = ["groups:", "  - name: dashboard", "    rules:"]
    for i, expression in enumerate(expressions()):
        plain = expression.replace("$__rate_interval", "1m").replace("$", "")
        rules += [f"      - record: e{i}", f"        expr: {json.dumps(plain)}"]
    (folder / "rules.yml").write_text("\n".join(rules) + "\n")
    promtool("check", "rules", str(folder / "rules.yml"))


def test_grafana_finds_the_dashboard():
    """Both folders are copied to /etc/grafana, as they are."""
    text = (GRAFANA / "provisioning/dashboards/descent.yaml").read_text()
    (path,) = re.findall(r"path: /etc/grafana/(\S+)", text)
    assert [file.name for file in (GRAFANA / path).glob("*.json")] == ["descent.json"]


def test_prometheus_takes_its_configuration(secure, folder):
    """A Prometheus as of deploy/prometheus, with a token of its own, over TLS."""
    place = folder / "prometheus"
    place.mkdir()
    for file in ("rules.yml", "alerts.yml"):
        shutil.copy(PROMETHEUS / file, place)
    shutil.copy(secure.data_dir / "tls/ca.pem", place)
    text = (PROMETHEUS / "prometheus.yml").read_text()
    text = text.replace('"127.0.0.1:7601"', f'"{secure.http}"').replace("15s", "1s")
    text = re.sub(r"# (scheme:|tls_config:)", r"\1", text)
    (place / "prometheus.yml").write_text(text)
    (command,) = re.findall(r"^#   descent (token create .*)$", text, re.MULTILINE)
    run(secure, "sh", "-c", f'cd "{place}" && exec "{programs.descent()}" {command}')
    promtool("check", "config", "prometheus.yml", cwd=place)
    (port,) = free_ports(1)
    with open(place / "log", "wb") as log:
        prometheus = subprocess.Popen(
            [
                "prometheus",
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: ask(port, "query?query=up")["result"][0:1] != [])
        until(lambda: ask(port, "query?query=up")["result"][0]["value"][1] == "1")
        (ready,) = ask(port, "query?query=descent_ready")["result"]
        assert ready["value"][1] == "1"
        assert ready["metric"]["job"] == "descent"
        # Each rule is evaluated, and none is in error.
        until(lambda: {rule["health"] for rule in rules_of(port)} == {"ok"})
        names = [rule["name"] for rule in rules_of(port) if rule["type"] == "alerting"]
        assert names == list(alerts())
    finally:
        prometheus.terminate()
        try:
            prometheus.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            prometheus.kill()


def rules_of(port: int) -> list[dict]:
    return [rule for group in ask(port, "rules")["groups"] for rule in group["rules"]]


def ask(port: int, what: str) -> dict:
    """What Prometheus' API says; nothing while it is not there yet."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/api/v1/{what}", timeout=10) as response:
            return json.loads(response.read())["data"]
    except (urllib.error.URLError, ConnectionError):
        return {"result": [], "groups": []}
