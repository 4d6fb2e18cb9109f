"""Two Tritons behind one name and two gateways, on one Docker network, as deploy/kubernetes/ has them."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from urllib.request import urlopen

import pytest

from tests.containers.container import IMAGE, PATIENT, README_FLAGS, Container
from tests.containers.engine import run

pytestmark = pytest.mark.slow_containers
NETWORK = "image-detection-trial"
# What gives a Triton that was added its share: clients ask DNS again when a connection ends.
FLAGS = "--grpc-max-connection-age=5000 --grpc-max-connection-age-grace=30000"
TRITON = {
    "SERVING_GATEWAY": "no",
    "SERVING_TRITON_HOST": "0.0.0.0",
    "SERVING_ALLOW_PUBLIC_TRITON": "yes",
    "SERVING_TRITON_FLAGS": FLAGS,
}
GUNICORN = "gunicorn --config python:gateway.gunicorn_config --bind 0.0.0.0:8080 gateway.app:create_app()"
SUCCESSES = re.compile(r'^nv_inference_request_success\{model="analyze",.*\} (\d+)', re.MULTILINE)
ANSWERS = {"200", "503", "504"}
Start = Callable[..., Container]


@pytest.fixture
def start(image) -> Iterator[Start]:
    """Starts a container on the network; all are removed at the end."""

    def start_one(port: int, environment: dict[str, str], *command: str, alias: str = "") -> Container:
        flags = [*README_FLAGS, *PATIENT, "--restart=on-failure", "--network", NETWORK, "-p", f"127.0.0.1::{port}"]
        flags += ["--network-alias", alias] if alias else []
        flags += [word for each in environment.items() for word in ("-e", "=".join(each))]
        container = Container(run("docker", "run", "--detach", *flags, IMAGE, *command).split()[-1])
        stack.callback(run, "docker", "rm", "--force", container.name)
        return container

    with ExitStack() as stack:
        run("docker", "network", "create", NETWORK)
        stack.callback(run, "docker", "network", "rm", NETWORK)
        yield start_one


def start_tritons(start: Start, number: int) -> list[Container]:
    tritons = [start(8002, TRITON, alias="triton") for _ in range(number)]
    for triton in tritons:
        triton.wait_for("serving: ready")
    return tritons


def wait_until_alive(gateway: Container) -> None:
    """Docker's proxy takes connections before a gateway does."""
    while load([gateway], 0.1)["lost"]:
        time.sleep(0.5)


def count(triton: Container) -> int:
    with urlopen(f"http://{triton.published(8002)}/metrics") as answer:
        return int(SUCCESSES.search(answer.read().decode())[1])


def load(gateways: list[Container], seconds: float) -> Counter[str]:
    """Load on all gateways at once."""
    with ThreadPoolExecutor() as pool:
        found = [pool.submit(gateway.load, clients=2, seconds=seconds) for gateway in gateways]
    return sum((Counter(each.result()) for each in found), Counter())


def test_load_is_spread_and_a_triton_killed_or_added_loses_no_request(start):
    tritons = start_tritons(start, 2)
    gateways = [start(8080, {"TRITON_URL": "dns:///triton:8001"}, *GUNICORN.split()) for _ in range(2)]
    for gateway in gateways:
        wait_until_alive(gateway)
    load(gateways, 10)  # until each has found both
    before = [count(triton) for triton in tritons]
    counts = load(gateways, 20)
    first, second = (count(triton) - former for triton, former in zip(tritons, before, strict=True))
    assert set(counts) <= ANSWERS
    assert abs(first - second) <= max(2, 0.2 * (first + second))
    with ThreadPoolExecutor() as pool:
        disturbed = pool.submit(load, gateways, 60)
        run("docker", "kill", tritons[0].name)
        (added,) = start_tritons(start, 1)
        counts = disturbed.result()
    assert set(counts) <= ANSWERS
    assert counts["200"] > counts["503"]
    load(gateways, 10)
    assert count(added) > 5
