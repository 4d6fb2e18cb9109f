"""Decode, networks and postprocessing in one process, with no server: the limit, and what the peers run.

The pixels, boxes and sentences are made by the steps' own code, from `ensembles/`. A description, written by
`bench.work`, says which networks there are, so that this module needs only numpy, ONNX Runtime and Pillow.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

ROOT = Path(__file__).resolve().parent.parent
for step in ("preprocess", "postprocess_caption", "postprocess_detection"):
    sys.path.insert(0, str(ROOT / "ensembles" / step / "1"))
sys.path.insert(0, str(ROOT / "backends" / "onnxruntime"))

from boxes import read_end_to_end, read_raw, to_original  # noqa: E402
from picture import Geometry, Picture, decode  # noqa: E402
from sentence import read_vocabulary, to_sentence  # noqa: E402


class Pipeline:
    """The networks of a description, each with one session of `threads` threads. Safe to share between threads."""

    def __init__(self, work: dict[str, Any], threads: int = 1) -> None:
        self._max_pixels: int = work["max_pixels"]
        self._networks = [Network(network, threads) for network in work["networks"]]
        self._geometries = list(dict.fromkeys(network.geometry for network in self._networks))

    @classmethod
    def from_environment(cls) -> "Pipeline":
        """Of the description in the file that BENCH_WORK names; one thread per session, as workers are processes."""
        return cls(json.loads(Path(os.environ["BENCH_WORK"]).read_text()))

    def analyze(self, photo: bytes) -> dict[str, Any]:
        """What each network sees in an encoded file: probabilities FP32 [labels], a sentence, or boxes with scores
        and labels."""
        picture = decode(photo, self._geometries, self._max_pixels)
        pixels = {geometry: picture.fit(geometry)[np.newaxis] for geometry in self._geometries}
        return {network.name: network.run(pixels[network.geometry], picture) for network in self._networks}

    def answer(self, photo: bytes) -> dict[str, Any]:
        """The same, ready for JSON; objects with a score of 0.25 and more, as the gateway tells them."""
        return {name: to_json(value) for name, value in self.analyze(photo).items()}


class Network:
    """One session and what its output means."""

    def __init__(self, description: dict[str, Any], threads: int) -> None:
        self.name: str = description["name"]
        self.geometry = Geometry(**description["geometry"])
        self._description = description
        self._vocabulary = read_vocabulary(Path(description["vocabulary"])) if description["task"] == "caption" else []
        self._session = open_network(Path(description["path"]), description["accelerated"], threads)
        self.run = getattr(self, f"_run_{description['task']}")

    def _run_classification(self, pixels: np.ndarray, picture: Picture) -> np.ndarray:
        return self._session.run(None, {"IMAGES": pixels})[0][0]

    def _run_caption(self, pixels: np.ndarray, picture: Picture) -> tuple[str, float]:
        tokens, score = self._session.run(["TOKENS", "SCORE"], {"IMAGES": pixels})
        return to_sentence(tokens[0], self._vocabulary), float(score[0, 0])

    def _run_detection(self, pixels: np.ndarray, picture: Picture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        predictions = self._session.run(None, {"IMAGES": pixels})[0][0]
        head, floor, iou = (self._description[key] for key in ("head", "score_floor", "iou"))
        found = read_raw(predictions, floor, iou) if head == "raw" else read_end_to_end(predictions, floor)
        boxes = to_original(found.boxes, self.geometry.transform(*picture.size))
        return boxes, found.scores, found.labels


def open_network(path: Path, accelerated: bool, threads: int) -> Any:
    """The network on `threads` threads for each photo, by ONNX Runtime or by what accelerates it in the service."""
    if accelerated:
        from openvino_network import OpenVinoNetwork  # not in the environments of the peers

        return OpenVinoNetwork(path, len(os.sched_getaffinity(0)))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])


def to_json(value: Any) -> Any:
    """One network's result as JSON has it."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if len(value) == 2:
        return {"text": value[0], "score": value[1]}
    found = [each.tolist() for each in value]
    return [[*box, score, label] for box, score, label in zip(*found, strict=True) if score >= 0.25]
