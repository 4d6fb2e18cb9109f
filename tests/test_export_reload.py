"""New and former versions of a network under load, on the real server."""

import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tritonclient.grpc as triton

from export.certificate import read_certificate
from tests import checkpoints
from tests.analyzing import Analyzer
from tests.conftest import ROOT
from tests.serving_process import serve_exported
from tests.test_export import run

CLIENTS = 3
# Stands for a service: `python -m serving` by its words, a shell in truth, whose -m does not matter here.
ASKED = "trap 'echo asked; exit' HUP; echo here; while :; do sleep 0.1; done"


@pytest.fixture
def folder(tmp_path):
    """One classifier."""
    checkpoints.write_manifest(tmp_path, checkpoints.torch_entry(tmp_path))
    assert run(tmp_path) == 0
    return tmp_path


class Load:
    """Clients that ask without a pause; how often they got which answer, and what failed."""

    def __init__(self, url: str, photo: bytes) -> None:
        self.url, self.photo = url, photo
        self.stopped = threading.Event()
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []

    def __enter__(self) -> "Load":
        self.pool = ThreadPoolExecutor(CLIENTS)
        self.running = [self.pool.submit(self.ask) for _ in range(CLIENTS)]
        return self

    def __exit__(self, *error: object) -> None:
        self.stopped.set()
        for each in self.running:
            each.result()

    def ask(self) -> None:
        analyze = Analyzer(self.url)
        while not self.stopped.is_set():
            try:
                found = analyze(self.photo, outputs=["colour"])
                self.answers[np.array2string(found["colour"], precision=4)] += 1
            except Exception as error:  # whatever it is, a client would have seen it
                self.failures.append(str(error))

    def wait_for_answers(self, count: int = 15) -> None:
        """Until as many more requests have been answered, or failed."""
        wanted = self.answers.total() + count
        while self.answers.total() + len(self.failures) < wanted:
            time.sleep(0.01)


@pytest.fixture
def checkout(tmp_path):
    """A folder with the Makefile alone."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    return tmp_path


def make_reload(folder):
    command = ["make", "--no-print-directory", "reload"]  # `make test` would have it say where it works
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


def test_make_reload_says_that_it_asked_and_where_to_look(checkout):
    (checkout / "serving").write_text(ASKED)
    command = [f"{checkout}/.venv/bin/python", "-m", "serving"]
    with subprocess.Popen(
        command,
        executable="/bin/sh",
        cwd=checkout,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # a shell cannot trap what nohup ignores
    ) as service:
        assert service.stdout.readline() == "here\n"
        status, printed, _ = make_reload(checkout)
        assert service.stdout.read() == "asked\n"
    assert status == 0
    assert printed.count("\n") == 1
    assert 'its log says "serving: reloaded' in printed


def test_make_reload_without_a_service_says_how_to_start_one(checkout):
    status, printed, problem = make_reload(checkout)
    assert (status, printed) == (2, "")
    assert "No service runs from here: start it with `make serve`." in problem


def test_reload_under_load_drops_no_request(folder, sample_photo):
    with serve_exported(folder) as serving:
        url = serving.urls["Triton gRPC"]
        with Load(url, sample_photo) as load:
            load.wait_for_answers()
            checkpoints.torch_entry(folder, seed=8)  # other weights
            assert run(folder) == 0
            for arguments in ([], ["colour", "--set-version", "1"], ["colour", "--set-version", "newest"]):
                assert not arguments or run(folder, *arguments) == 0
                assert "reloaded" in serving.reload()
                load.wait_for_answers()
        assert not load.failures
        assert len(load.answers) == 2  # the answers of both versions, and no others
        with triton.InferenceServerClient(url) as client:
            config = client.get_model_config("colour").config
            assert client.get_model_metadata("colour").versions == ["2"]
        certificate = read_certificate(folder / "networks/colour/2")
        assert config.parameters["checksum"].string_value == certificate.checksum
