"""Photos in the JSON format that perf_analyzer reads.

The format: https://github.com/triton-inference-server/perf_analyzer/blob/main/docs/input_data.md
"""

import base64
import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image


def write_input_data(tensor: Any, photos: Iterable[Path], path: Path) -> Path:
    """One entry per photo, for the input that `tensor` (a ModelInput protobuf) describes. Returns `path`."""
    entries = [{tensor.name: {"b64": encode(read_photo(tensor, photo))}} for photo in photos]
    path.write_text(json.dumps({"data": entries}))
    return path


def encode(content: bytes) -> str:
    """Base64, as JSON has no bytes."""
    return base64.b64encode(content).decode()


def read_photo(tensor: Any, photo: Path) -> bytes:
    """The photo as the input wants it: the encoded file, or pixels at the network's size.

    Raises ValueError for an input that is neither BYTES nor pixels [H, W, 3].
    """
    if tensor.data_type == tensor.DESCRIPTOR.fields_by_name["data_type"].enum_type.values_by_name["TYPE_STRING"].number:
        content = photo.read_bytes()
        # The wire format of a BYTES element is its length, then itself.
        return struct.pack("<I", len(content)) + content
    if len(tensor.dims) != 3 or tensor.dims[-1] != 3:
        raise ValueError(f"input {tensor.name} {list(tensor.dims)} takes neither an encoded photo nor pixels [H, W, 3]")
    height, width, _ = tensor.dims
    return Image.open(photo).convert("RGB").resize((width, height)).tobytes()
