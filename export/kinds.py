"""What a file is, by its first bytes and, in archives, the names inside."""

import zipfile
from enum import StrEnum
from pathlib import Path

from export.entry import Framework, Model
from export.errors import CheckpointError
from export.signatures import FIRST, check_file, is_hdf5, is_onnx

PICKLED_ULTRALYTICS = b"ultralytics"


class Kind(StrEnum):
    HDF5 = "a Keras HDF5 file"
    KERAS = "a Keras archive"
    SCRIPT = "TorchScript"
    PROGRAM = "a torch.export program"
    YOLO = "a YOLO by ultralytics"
    TORCH = "a PyTorch checkpoint"
    ONNX = "an ONNX file"
    UNKNOWN = "of no kind that is known"


FRAMEWORKS = {
    Kind.HDF5: Framework.KERAS,
    Kind.KERAS: Framework.KERAS,
    Kind.SCRIPT: Framework.TORCH,
    Kind.PROGRAM: Framework.TORCH,
    Kind.YOLO: Framework.ULTRALYTICS,
    Kind.TORCH: Framework.TORCH,
    Kind.ONNX: Framework.ONNX,
}
# A YOLO in a pickle that names no class of ultralytics', and a state dict that the loader refuses in its own words.
ALSO = {(Kind.TORCH, Framework.ULTRALYTICS)}


def find_kind(path: Path) -> Kind:
    """The kind of a file that `check_file` has passed."""
    with path.open("rb") as file:
        first = file.read(FIRST)
    if is_hdf5(first):
        return Kind.HDF5
    if zipfile.is_zipfile(path):
        return _find_archive(path)
    if first.startswith(b"\x80") and first[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return Kind.YOLO if PICKLED_ULTRALYTICS in path.read_bytes() else Kind.TORCH
    return Kind.ONNX if is_onnx(first) else Kind.UNKNOWN


def _find_archive(path: Path) -> Kind:
    with zipfile.ZipFile(path) as archive:
        names = [name.partition("/")[2] or name for name in archive.namelist()]
        pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
        if "config.json" in names and "model.weights.h5" in names:
            return Kind.KERAS
        if "models/model.json" in names:
            return Kind.PROGRAM
        if any(name.startswith("code/__torch__") for name in names):
            return Kind.SCRIPT
        if any(PICKLED_ULTRALYTICS in archive.read(name) for name in pickles):
            return Kind.YOLO
    return Kind.TORCH if pickles else Kind.UNKNOWN


def check_kind(model: Model) -> None:
    """Raises CheckpointError for a file of another framework than the entry's, and for what `check_file` refuses."""
    check_file(model.checkpoint)
    kind = find_kind(model.checkpoint)
    framework = FRAMEWORKS.get(kind, model.framework)
    if framework != model.framework and (kind, model.framework) not in ALSO:
        raise CheckpointError(
            f'{model.checkpoint}: is {kind}, the entry of {model.name} says framework = "{model.framework}"; write '
            f'framework = "{framework}"'
        )
