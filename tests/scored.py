"""Runs `python -m scoring` and reads what it wrote."""

import io
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from pyarrow import parquet

from scoring.__main__ import main
from tests.conftest import ROOT
from tests.pictures import encode


def write_photos(folder: Path, count: int, first: int = 0) -> list[Path]:
    """Small pictures, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04d}.png" for number in range(first, first + count)]
    for number, path in enumerate(paths, first):
        path.write_bytes(make_photo(number))
    return paths


def make_photo(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    return encode(Image.fromarray(pixels).resize((64, 48)))


def add_member(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def score(*arguments: object) -> int:
    """Exit status of a run in this process."""
    return main([str(argument) for argument in arguments])


def start_scoring(*arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "scoring", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def read_rows(out: Path) -> list[dict]:
    """All rows, in the order of the parts."""
    return parquet.read_table(out).to_pylist()


def list_parts(out: Path) -> dict[str, int]:
    """When each part was written."""
    return {path.name: path.stat().st_mtime_ns for path in sorted(out.glob("part-*.parquet"))}


def wait_for(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} was not written")
