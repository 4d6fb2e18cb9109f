"""One real server for the whole run: Triton with the bundled repositories, and the gateway in front of it."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contract.tasks import ENSEMBLE
from tests import score_table
from tests.analyzing import Analyzer
from tests.between import Between

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
START_SECONDS = 240


@dataclass(frozen=True)
class Service:
    """Addresses of the running service: gRPC as host:port, the gateway as http://host:port."""

    triton_url: str
    gateway_url: str
    process: subprocess.Popen


@pytest.fixture(scope="session")
def service(tmp_path_factory) -> Iterator[Service]:
    """`python -m serving` on free ports; the run fails when it does not become ready."""
    log = tmp_path_factory.mktemp("serving") / "log"
    command = [sys.executable, "-m", "serving", "--grpc-port=0", "--metrics-port=0", "--gateway-port=0"]
    command += ["--probe-interval=0"]  # inferences are counted
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield wait_until_ready(process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def wait_until_ready(process: subprocess.Popen, log: Path) -> Service:
    for _ in range(START_SECONDS * 10):
        text = log.read_text()
        if "serving: ready" in text:
            grpc = re.search(r"Triton gRPC\s+(\S+)", text)
            gateway = re.search(r"Gateway\s+(http\S+)", text)
            assert grpc, text
            assert gateway, text
            return Service(grpc[1], gateway[1].rstrip("/"), process)
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise RuntimeError(f"the real server did not start:\n{log.read_text()}")


def pytest_terminal_summary(terminalreporter) -> None:
    """Scores of the models that were tried, where any were."""
    properties = [each for report in terminalreporter.getreports("passed") for each in report.user_properties]
    if lines := score_table.lay_out([value for name, value in properties if name == score_table.SCORE]):
        terminalreporter.section("scores")
        terminalreporter.write_line("\n".join(lines))


@pytest.fixture(scope="session")
def triton_url(service) -> str:
    return service.triton_url


@pytest.fixture(scope="session")
def gateway_url(service) -> str:
    return service.gateway_url


@pytest.fixture(scope="session")
def sample_photo() -> bytes:
    return (ROOT / "examples" / "sample.jpg").read_bytes()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared test data is not here")
    return SHARED


@pytest.fixture(scope="session")
def analyze(triton_url):
    """Call the ensemble: files in, {output: array} out."""
    return Analyzer(triton_url)


@pytest.fixture
def count_inferences(analyze):
    """How many photos the ensemble has answered so far."""
    return lambda: analyze.count_inferences()[ENSEMBLE]


@pytest.fixture
def between(triton_url):
    """A proxy to the real server."""
    between = Between(triton_url)
    yield between
    between.stop()
