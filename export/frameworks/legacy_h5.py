"""Files of Keras 2 whose words Keras 3 no longer takes, in copies that it takes; weights and layers stay the same.

Sequential models before Keras 2.3 name their input in the first layer only, and Keras 3 then counts the batch as one
more dimension; several layers carried arguments that never had but one value and are refused today.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

DROPPED = {
    "DepthwiseConv2D": ("groups",),
    "SeparableConv2D": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "Conv2DTranspose": ("groups", "output_padding"),
    "SpatialDropout2D": ("noise_shape",),
}


@contextmanager
def readable(path: Path) -> Iterator[Path]:
    """The file itself, or where Keras 2 wrote it a copy for Keras 3.

    Raises:
        OSError: not HDF5.
    """
    config = None if path.suffix == ".keras" else _read_config(path)
    if config is None:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copyfile(path, Path(folder) / path.name))
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = json.dumps(repair(config))
        yield copy


def _read_config(path: Path) -> dict[str, Any] | None:
    """The model's config in a file of Keras before 3; None for others, of which Keras says itself what they lack."""
    with h5py.File(path) as file:
        version, text = (_decode(file.attrs.get(name, "")) for name in ("keras_version", "model_config"))
    return json.loads(text) if text and not version.startswith("3") else None


def _decode(text: str | bytes) -> str:
    return text.decode() if isinstance(text, bytes) else str(text)


def repair(config: Any) -> Any:
    """A config, or any part of one, in Keras 3's words."""
    if isinstance(config, list):
        return [repair(each) for each in config]
    if not isinstance(config, dict):
        return config
    repaired = {key: repair(value) for key, value in config.items()}
    if repaired.get("class_name") == "Sequential":
        repaired["config"] = _with_input(repaired["config"])
    for argument in DROPPED.get(str(repaired.get("class_name")), ()):
        repaired["config"].pop(argument, None)
    return repaired


def _with_input(config: Any) -> dict[str, Any]:
    """A Sequential's config with an input layer; before Keras 2.2.3 it was the bare list of layers."""
    config = config if isinstance(config, dict) else {"name": "sequential", "layers": config}
    first, *rest = config["layers"]
    shape = first["config"].pop("batch_input_shape", None) if first["class_name"] != "InputLayer" else None
    if shape is None:
        return config
    entry = {"class_name": "InputLayer", "config": {"batch_input_shape": shape, "name": "input"}}
    return {**config, "layers": [entry, first, *rest]}
