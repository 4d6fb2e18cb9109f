"""What happens to the embedded image in service, and to one that Compose runs."""

import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from export.__main__ import main
from scoring.__main__ import main as score
from tests.containers.container import IMAGE, PHOTO, Container, running_container
from tests.containers.engine import run
from tests.scored import read_rows
from tests.serving_process import ROOT

pytestmark = pytest.mark.slow_containers
ANSWERS = {"200", "503", "500", "504"}


def test_triton_killed_under_load_comes_back_and_every_request_is_answered(container):
    with ThreadPoolExecutor() as pool:
        counts = pool.submit(container.load, clients=4, seconds=40)
        time.sleep(8)
        container.kill_triton()
        log = container.wait_for("serving: ready again")
    assert "killed by SIGKILL" in log
    assert "200" in counts.result()
    assert set(counts.result()) <= ANSWERS
    assert container.analyze()["images"][0]["faces"]


def test_restart(container):
    run("docker", "restart", container.name)
    container.wait_for("serving: ready with", times=2)
    assert container.analyze()["images"][0]["faces"]


def test_bulk_scoring_reaches_triton_where_it_is_published(image, tmp_path):
    """The flag says what it costs; here it is published on this machine only."""
    flags = ("-p", "127.0.0.1::8001", "-e", "SERVING_TRITON_HOST=0.0.0.0", "-e", "SERVING_ALLOW_PUBLIC_TRITON=yes")
    (tmp_path / "photos").mkdir()
    for number in range(20):
        shutil.copy(PHOTO, tmp_path / f"photos/{number}.jpg")
    with running_container(*flags) as container:
        command = [str(tmp_path / "photos"), "--out", str(tmp_path / "out"), "--endpoint", container.published(8001)]
        assert score(command) == 0
    assert [row["error"] for row in read_rows(tmp_path / "out")] == [None] * 20


def test_within_its_memory_it_answers(image):
    with running_container("--memory", "2g", "--memory-swap", "2g") as container:
        counts = container.load(clients=4, seconds=15)
        assert set(counts) <= {"200", "503"}
        assert counts["200"]
        assert "started again" not in container.logs()


def test_too_little_memory_is_told_and_ends_the_container(image):
    name = run(
        "docker", "run", "--detach", "--memory", "300m", "--memory-swap", "300m", "--tmpfs", "/tmp", IMAGE
    ).strip()
    try:
        assert run("docker", "wait", name).strip() == "1"
        log = run("docker", "logs", name)
        assert any(words in log for words in ("has died", "SIGKILL", "memory is short")), log
    finally:
        run("docker", "rm", "--force", name)


def find_compose() -> list[str]:
    """Version 1's program, or version 2's plugin."""
    for command in (["docker-compose"], ["docker", "compose"]):
        if (
            shutil.which(command[0])
            and subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0
        ):
            return command
    pytest.skip("there is no Docker Compose: install docker-compose or docker-compose-plugin")


@pytest.fixture
def compose(image, tmp_path):
    """The file's default, brought up with a copy of the repositories; the container, a way to command, the copy."""
    command = find_compose()
    for name in ("model_repository", "ensembles"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("docker-compose.yml", ".env"):
        shutil.copy(ROOT / name, tmp_path)
    project = ("--project-name", "image-detection-trial", "--file", str(tmp_path / "docker-compose.yml"))
    environment = {**os.environ, "GATEWAY_PORT": "0"}

    def ask(*words: str) -> None:
        subprocess.run([*command, *project, *words], cwd=tmp_path, env=environment, check=True)

    ask("up", "--detach", "--no-build")
    try:
        container = Container(
            run("docker", "ps", "--quiet", "--filter", "label=com.docker.compose.service=embedded").strip()
        )
        container.wait_for("serving: ready")
        yield container, ask, tmp_path
    finally:
        ask("down")


def test_compose_starts_it_and_takes_up_a_new_version_under_load(compose):
    container, ask, folder = compose
    assert httpx.get(f"{container.url}/v1/models/faces").json()["version"] == "1"
    with ThreadPoolExecutor() as pool:
        counts = pool.submit(container.load, clients=2, seconds=60)
        repositories = (f"--networks={folder}/model_repository", f"--ensembles={folder}/ensembles")
        assert main(["faces", "--force", *repositories]) == 0
        ask("kill", "-s", "HUP")
        container.wait_for("serving: reloaded")
    assert "200" in counts.result()
    assert set(counts.result()) <= {"200", "503"}
    answer = container.analyze(features="faces")
    assert answer["models"] == {"faces": "2"}
    assert answer["images"][0]["faces"]
