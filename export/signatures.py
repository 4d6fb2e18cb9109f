"""What the first bytes of a file promise, and what keeps the rest from being a checkpoint."""

import zipfile
from pathlib import Path
from typing import BinaryIO

from export.errors import CheckpointError

FIRST = 64  # bytes that are looked at
LFS, WEB = b"version https://git-lfs", (b"<!DOCTYPE", b"<!doctype", b"<html")
ZIP = b"PK\x03\x04"
# Where each version of the superblock has the size of addresses and the file's length (HDF5 File Format
# Specification 3.0, II.A).
SUPERBLOCKS = {0: (13, 40), 1: (13, 44), 2: (9, 28), 3: (9, 28)}
NUMBER, BYTES = 0, 2  # wire types of protocol buffers; ONNX has no others on its highest level


def is_hdf5(first: bytes) -> bool:
    return first.startswith(b"\x89HDF")


def is_onnx(first: bytes) -> bool:
    """A protocol buffer: field 1, the IR version, is written first, then the producer's name or the graph."""
    return first[:1] == b"\x08" and first[1:2] < b"\x20" and first[2:3] in (b"\x12", b"\x1a", b"\x3a")


def is_safetensors(first: bytes) -> bool:
    """The length of its header, which is JSON."""
    return first[8:10] in (b'{"', b"{}") and first[5:8] == bytes(3)


def check_file(path: Path) -> None:
    """Raises CheckpointError for what is no checkpoint at all, and for one whose end is missing."""
    with path.open("rb") as file:
        first = file.read(FIRST)
    if reason := _find_stranger(first):
        raise CheckpointError(f"{path}: {reason}")
    if kind := _find_cut(path, first):
        raise CheckpointError(f"{path}: looks like {kind} that is cut off; copy or download it again")


def _find_stranger(first: bytes) -> str | None:
    """What it is in place of a checkpoint, and what to do."""
    if not first:
        return "is empty; copy or download it again"
    if first.lstrip().startswith(LFS):
        return "is a pointer of Git LFS; fetch the file itself with git lfs pull"
    if first.lstrip().startswith(WEB):
        return "is a web page; download the file itself"
    if is_safetensors(first):
        return "is a safetensors file, which is not taken; save what safetensors.torch.load_file gives with torch.save"
    return None


def _find_cut(path: Path, first: bytes) -> str | None:
    """What the file was, if its end is missing."""
    if first.startswith(ZIP) and _is_cut_zip(path):
        return "an archive (zip) of PyTorch, ultralytics or Keras"
    if is_hdf5(first) and _is_cut_hdf5(path, first):
        return "a Keras HDF5 file"
    if is_onnx(first) and _is_cut_onnx(path):
        return "an ONNX file"
    return None


def _is_cut_zip(path: Path) -> bool:
    """Its list of names is at the end."""
    try:
        zipfile.ZipFile(path).close()
    except zipfile.BadZipFile:
        return True
    return False


def _is_cut_hdf5(path: Path, first: bytes) -> bool:
    """It says how long it is, in 8 bytes as a rule."""
    if len(first) < FIRST:
        return True
    if first[8] not in SUPERBLOCKS:
        return False
    width, start = SUPERBLOCKS[first[8]]
    return first[width] == 8 and path.stat().st_size < int.from_bytes(first[start : start + 8], "little")


def _is_cut_onnx(path: Path) -> bool:
    """A field, the graph above all, says how long it is."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            wire, value = _read_number(file) & 7, _read_number(file)
            if wire not in (NUMBER, BYTES):
                return False
            end = file.tell() + (value if wire == BYTES else 0)
            if end > size:
                return True
            file.seek(end)
    return False


def _read_number(file: BinaryIO) -> int:
    """Seven bits a byte, the lowest first; the highest bit of each says whether another follows."""
    number = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        number |= (byte[0] & 0x7F) << shift if byte else 0
        if byte < b"\x80":
            break
    return number
