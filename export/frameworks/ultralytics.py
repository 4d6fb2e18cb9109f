"""YOLO checkpoints by ultralytics; its own exporter writes the ONNX, end to end (no NMS) where the head can."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from export.entry import Model
from export.errors import CheckpointError, first_line
from export.frameworks.module import OPSET
from export.frameworks.source import Layout, Source
from export.quiet import quiet

os.environ.setdefault("YOLO_AUTOINSTALL", "false")  # it would call pip on its own


def download(path: Path) -> Path:
    """Official weights, known by their file's name such as yolo26n.pt, downloaded by ultralytics.

    Raises:
        CheckpointError: no such weights, or no internet.
    """
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

    if path.name not in GITHUB_ASSETS_NAMES:
        raise CheckpointError(
            f"{path}: no such file, and no official weights of ultralytics have this name; correct checkpoint"
        )
    try:
        with quiet():
            return Path(attempt_download_asset(path))
    except Exception as error:  # requests, urllib and ultralytics raise their own
        raise CheckpointError(
            f"{path}: no such file, and it cannot be downloaded: {first_line(error)}; bring the file"
        ) from error


def load(model: Model, trust: bool) -> Source:
    size = [model.geometry.height, model.geometry.width]
    with tempfile.TemporaryDirectory() as folder, quiet():
        # The exporter writes beside the checkpoint; a copy keeps its folder as it was.
        copy = shutil.copy(model.checkpoint, Path(folder) / "checkpoint.pt")
        yolo = _read(model, copy, trust)
        _check_size(model, yolo)
        # `nms=False` asks for the end-to-end branch; heads without one have `nms=None` and stay raw.
        end_to_end = getattr(_network(yolo).model[-1], "one2one_cv2", None) is not None
        network = _export(yolo, size, end_to_end)
        # Exporting fuses layers in place, so the reference is loaded anew.
        module = _network(_read(model, copy, trust)).float().eval()
    if end_to_end:
        module.end2end = True
    names = [yolo.names[index] for index in sorted(yolo.names)]
    return Source(network, Layout.NCHW, lambda pixels: _predict(module, pixels), names, end_to_end)


def read_side(model: Model, trust: bool) -> int:
    """Of the squares that it was trained on, in pixels. Raises CheckpointError for a YOLO of another task."""
    with quiet():
        return int(_read(model, model.checkpoint, trust).overrides.get("imgsz", 640))


def _read(model: Model, path: Path | str, trust: bool) -> Any:
    """The YOLO in the file `path`, a detector."""
    from ultralytics import YOLO
    from ultralytics.nn import tasks

    tasks.SAFE_LOAD = not trust  # rebuilds nothing but the known classes of ultralytics and PyTorch
    try:
        yolo = YOLO(path, task="detect")
    except Exception as error:  # pickle, zipfile and ultralytics all raise their own
        raise CheckpointError(f"{model.checkpoint}: {_explain(error)}") from error
    _check_task(model, yolo)
    return yolo


def _explain(error: Exception) -> str:
    if "Unsupported global" in str(error.__cause__):
        return (
            "holds objects that are no part of ultralytics' models, and to rebuild them can run any code; give "
            "--trust-checkpoint if you trust whoever made the file"
        )
    return f"ultralytics cannot read it: {first_line(error.__cause__ or error)}; copy or train it again"


def _network(yolo) -> Any:
    """The torch module; a checkpoint loaded from a `.pt` always has one."""
    return yolo.model


def _check_task(model: Model, yolo) -> None:
    if yolo.task != "detect":
        raise CheckpointError(
            f"{model.checkpoint}: is a YOLO for the task {yolo.task}; {model.name} has task {model.task}, which takes "
            "one for detect"
        )


def _check_size(model: Model, yolo) -> None:
    stride = int(max(yolo.model.stride))
    if model.geometry.height % stride or model.geometry.width % stride:
        raise CheckpointError(
            f"{model.checkpoint}: has stride {stride}; width and height of {model.name} must be multiples of it"
        )


def _export(yolo, size: list[int], end_to_end: bool) -> onnx.ModelProto:
    nms = False if end_to_end else None
    path = yolo.export(format="onnx", opset=OPSET, dynamic=True, imgsz=size, simplify=False, device="cpu", nms=nms)
    return onnx.load(path)


def _predict(module: torch.nn.Module, pixels: np.ndarray) -> list[np.ndarray]:
    with torch.no_grad():
        outputs = module(torch.from_numpy(pixels))
    return [(outputs[0] if isinstance(outputs, (list, tuple)) else outputs).numpy()]
