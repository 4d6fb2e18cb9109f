"""Where the cases are tried: copies of their folders, the running service, export and bulk scoring."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import httpx

import export.__main__ as exporting
import scoring.__main__ as scoring
from tests.cases import ROOT
from tests.serving_process import ServingProcess, serve_exported

SAMPLE = ROOT / "examples" / "sample.jpg"
SECONDS = 900  # that a script of a case may take


class Ended(NamedTuple):
    """Exit status and everything printed, as a user of the command gets them."""

    status: int
    printed: str


class Workplace:
    """`cases`: the shared folder, which is only read. Everything else lies in a temporary folder."""

    def __init__(self, cases: Path) -> None:
        self.cases = cases
        self._kept = contextlib.ExitStack()
        self.scratch = Path(self._kept.enter_context(tempfile.TemporaryDirectory()))

    def __enter__(self) -> "Workplace":
        return self

    def __exit__(self, *error: object) -> None:
        self._kept.close()

    def find(self, number: str) -> Path:
        """The shared folder of a case."""
        (folder,) = self.cases.glob(f"{number}-*")
        return folder

    def copy(self, number: str) -> Path:
        """A folder of one's own with what the case has."""
        folder = self.find(number)
        copy = self.scratch / folder.name
        if not copy.exists():
            copy.mkdir()
            for path in folder.iterdir():
                shutil.copyfile(path, copy / path.name)
        return copy

    def make(self, number: str, *arguments: object) -> Path:
        """A copy in which the case's make.py has run."""
        folder = self.copy(number)
        self.execute(sys.executable, folder / "make.py", *arguments)
        return folder

    def execute(self, *command: object, **environment: str) -> str:
        """What a command of a case prints; it must end well."""
        variables = {"APP": str(ROOT), "CASES": str(self.scratch), "SCRATCH": str(self.scratch), **environment}
        done = subprocess.run(
            [str(each) for each in command],
            cwd=self.scratch,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        if done.returncode:
            raise RuntimeError(f"{command[-1]} ended with {done.returncode}: {done.stderr[-500:]}")
        return done.stdout

    @cached_property
    def service(self) -> ServingProcess:
        """The service with the bundled models."""
        return self._kept.enter_context(ServingProcess(["--probe-interval=0", "--ready-timeout=500"]))

    @property
    def url(self) -> str:
        return self.service.urls["Gateway"].rstrip("/")

    @property
    def triton(self) -> str:
        return self.service.urls["Triton gRPC"]

    @cached_property
    def edges(self) -> ServingProcess:
        """A service with the odd but accepted networks of cases 13 and 23: `things` and `standard`."""
        folder = self.scratch / "edges"
        folder.mkdir()
        entries = [self.find("13") / "c.toml", self.find("23") / "standard.toml"]
        (folder / "edges.toml").write_text("\n".join(path.read_text() for path in entries))
        for path in (self.find("13") / "det.onnx", self.find("23") / "standard.onnx"):
            shutil.copyfile(path, folder / path.name)
        ended = self.export(folder / "edges.toml", folder)
        if ended.status:
            raise RuntimeError(ended.printed)
        return self._kept.enter_context(serve_exported(folder))

    def ask(self, photo: bytes, path: str = "/v1/analyze", **query: str) -> httpx.Response:
        """The running service's answer to a photo as the body."""
        return post(self.url, photo, path, **query)

    def image(self, photo: bytes, **query: str) -> dict[str, Any]:
        """The one image of the answer."""
        answer = self.ask(photo, **query)
        answer.raise_for_status()
        (image,) = answer.json()["images"]
        return image

    def export(self, manifest: Path, into: Path | None = None) -> Ended:
        """`python -m export`, with the manifest's folder on the import path; in this process, which saves minutes."""
        into = into or manifest.parent / f"{manifest.stem}.out"
        arguments = ["--manifest", manifest, "--networks", into / "networks", "--ensembles", into / "ensembles"]
        with search(manifest.parent):
            return call(exporting.main, *arguments)

    def score(self, *arguments: object, endpoint: str | None = None) -> tuple[Ended, Path]:
        """`python -m scoring` into a new folder."""
        out = Path(tempfile.mkdtemp(dir=self.scratch)) / "scores"
        arguments = (*arguments, "--out", out, "--endpoint", endpoint or self.triton)
        return call(scoring.main, *arguments), out


def post(url: str, photo: bytes, path: str = "/v1/analyze", **query: str) -> httpx.Response:
    headers = {"Content-Type": "application/octet-stream"}
    return httpx.post(f"{url}{path}", content=photo, params=query, headers=headers, timeout=120)


def call(main: Callable[[list[str]], int], *arguments: object) -> Ended:
    """A command's own `main`; a traceback is status 1, as Python has it."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            status = main([str(each) for each in arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
        except Exception:
            status = 1
            printed.write(traceback.format_exc())
    return Ended(status, printed.getvalue())


@contextlib.contextmanager
def search(folder: Path) -> Iterator[None]:
    """The folder on the import path, and what came from it forgotten behind."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]
