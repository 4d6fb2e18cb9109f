"""The embedded image as the README runs it: what .ci/run has time for."""

import json
import threading

import httpx

from tests.containers.engine import run
from tests.readme import ask, list_shown
from tests.test_readme import compare


def test_image_is_small_and_runs_as_nobody_in_particular(image):
    (found,) = json.loads(run("docker", "image", "inspect", image))
    assert found["Size"] < 1e9
    assert found["Config"]["User"] == "1000:1000"


def test_answers_as_the_readme_shows(container):
    for command, shown in list_shown():
        compare(ask(command, container.url), shown)
    assert "text/html" in httpx.get(f"{container.url}/").headers["Content-Type"]
    metrics = httpx.get(f"{container.url}/metrics").text
    assert 'gateway_requests_total{method="POST",route="/v1/analyze",status="200"} 1.0' in metrics
    # Only the gateway is to be reached.
    assert run("docker", "port", container.name).count("127.0.0.1") == 1


def test_log_is_lines_of_json_and_nothing_unexpected(container):
    lines = [line for line in container.logs().splitlines() if not line.startswith(("serving: ", "  "))]
    assert lines
    assert {json.loads(line)["level"] for line in lines} == {"info"}


def test_sigterm_under_load_loses_no_answer(container):
    stop = threading.Timer(8, lambda: run("docker", "stop", "--time", "30", container.name))
    stop.start()
    counts = container.load_inside(clients=8, seconds=16)
    stop.join()
    assert {"200", "refused"} <= set(counts) <= {"200", "503", "refused"}
    assert container.state("ExitCode") == "0"
