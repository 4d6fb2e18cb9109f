"""deploy/monitoring/ in a real Prometheus that scrapes the running service."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
import yaml

from tests.conftest import ROOT

FOLDER = ROOT / "deploy/monitoring"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
RULES = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"][0]["rules"]
METRIC = re.compile(r"\b(?:gateway|nv)_[a-z_]+(?=[\[{) ]|$)")
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]

pytestmark = pytest.mark.skipif(not shutil.which("prometheus"), reason="Debian's package prometheus is not installed")


def test_rules_and_scrape_config_are_valid_and_each_alert_is_raised_by_its_test():
    subprocess.run(["promtool", "check", "config", FOLDER / "prometheus.yml"], check=True)
    subprocess.run(["promtool", "test", "rules", FOLDER / "rules_test.yml"], check=True)
    tested = (FOLDER / "rules_test.yml").read_text()
    alerts = [rule["alert"] for rule in RULES if "alert" in rule]
    assert [name for name in alerts if tested.count(name) < 2] == []
    assert [name for name in alerts if f"`{name}`" not in (FOLDER / "README.md").read_text()] == []


@pytest.fixture(scope="module")
def prometheus(gateway_url, sample_photo, tmp_path_factory) -> Iterator[str]:
    """URL of a Prometheus that has scraped the service twice, with requests of each kind between."""
    folder = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(FOLDER / "rules.yml")]
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [gateway_url.removeprefix("http://")]}]
    (folder / "prometheus.yml").write_text(json.dumps(config))
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    flags = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}",
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["prometheus", *flags], stdout=log, stderr=subprocess.STDOUT)
        try:
            scrape_under_load(f"http://{address}", gateway_url, sample_photo)
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(30)


def scrape_under_load(url: str, gateway_url: str, photo: bytes) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for number, body in enumerate((photo, photo, b"no photo")):
            files = {"file": body + str((time.monotonic(), number)).encode()}
            httpx.post(f"{gateway_url}/v1/analyze", files=files, timeout=60)
        # Rates need two samples with something between them.
        if ask(url, "min(count_over_time(up[1m])) > 4"):
            return
    raise AssertionError("Prometheus did not scrape the service")


def ask(url: str, query: str) -> list[dict]:
    """The result of a query; none while Prometheus starts."""
    try:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": query}).json()
    except httpx.TransportError:
        time.sleep(0.5)
        return []
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_the_dashboard_has_an_answer(prometheus, query):
    results = ask(prometheus, query.replace("$__rate_interval", "1m"))
    assert results
    assert any(result["value"][1] != "NaN" for result in results)


def test_every_metric_of_the_rules_is_exported(prometheus):
    names = {name for rule in RULES for name in METRIC.findall(rule["expr"])}
    assert len(names) >= 6
    assert [name for name in sorted(names) if not ask(prometheus, name)] == []


def test_nothing_is_wrong_with_the_rules_in_use(prometheus):
    (group,) = httpx.get(f"{prometheus}/api/v1/rules").json()["data"]["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    assert {target["job"] for target in (each["metric"] for each in ask(prometheus, "up == 1"))} == {
        "gateway",
        "triton",
    }
