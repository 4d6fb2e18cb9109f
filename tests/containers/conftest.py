"""The embedded image, built on this machine."""

from collections.abc import Iterator

import pytest

from tests.containers.container import IMAGE, Container, running_container
from tests.containers.engine import find_base, run, running_engine
from tests.serving_process import ROOT


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if "tests/containers/" in str(item.path):
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """Its name."""
    with running_engine():
        base = f"PYTHON_IMAGE={find_base()}"
        dockerfile = ROOT / "containers/embedded.Dockerfile"
        run("docker", "build", "--network=host", "--build-arg", base, "-f", dockerfile, "-t", IMAGE, ROOT, timeout=900)
        yield IMAGE


@pytest.fixture(scope="module")
def container(image) -> Iterator[Container]:
    with running_container() as container:
        yield container
