"""Decode, networks and postprocessing in one process, with no server: the limit, and what the peers run.

The pixels, boxes and sentences are made by the steps' own code, from `ensembles/`. A description, written by
`bench.work`, says which networks there are, so that this module needs only numpy, ONNX Runtime and the decoders. With
`documented` photos are decoded as Pillow's documents have it, `open`, `convert`, `resize`, and sessions have ONNX
Runtime's defaults.
"""

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from contract.pixels import Geometry, load_module, load_step, picture
from contract.tasks import MAX_DETECTIONS, Task

boxes = load_step("postprocess_detection", "boxes")
sentence = load_step("postprocess_caption", "sentence")
regions = load_step("regions", "regions")
BACKEND = Path(__file__).parents[1] / "backends" / "onnxruntime"


class Pipeline:
    """The networks of a description, each with one session of `threads` threads. Safe to share between threads."""

    def __init__(self, work: dict[str, Any], threads: int = 1) -> None:
        self._max_pixels: int = work["max_pixels"]
        self._upright_side: int = work["upright_side"]
        self._documented: bool = work["documented"]
        threads = 0 if self._documented else threads  # ONNX Runtime's default
        networks = [Network(each, Path(work["vocabularies"]), threads) for each in work["networks"]]
        self._whole = [network for network in networks if network.region is None]
        self._looking = [network for network in networks if network.region is not None]
        self._geometries = list(dict.fromkeys(network.geometry for network in self._whole))

    @classmethod
    def from_environment(cls) -> "Pipeline":
        """Of the description in the file that BENCH_WORK names; one thread per session, as workers are processes."""
        return cls(json.loads(Path(os.environ["BENCH_WORK"]).read_text()))

    def analyze(self, photo: bytes, lap: Callable[[str], object] = lambda part: None) -> dict[str, Any]:
        """What each network sees in an encoded file: FP32 [labels] or [D], a sentence, boxes FP32 [K,6], or with a
        region a list of what it sees in each box. `lap` is called after each part, with its name."""
        longest = self._choose_longest()
        decoded = self._decode(photo, longest)
        pixels = {geometry: decoded.fit(geometry)[np.newaxis] for geometry in self._geometries}
        upright = decoded.reduce(longest) if self._looking else None
        lap("preprocess")
        found: dict[str, Any] = {}
        for each in self._whole:
            found[each.name] = each.run(pixels[each.geometry], decoded)
            lap(each.name)
        for each in self._looking:
            found[each.name] = each.look(upright, decoded, found[each.of])
            lap(each.name)
        return found

    def _choose_longest(self) -> int:
        """The longer side of the photo that regions are cut from."""
        if self._documented:
            return sys.maxsize
        return self._upright_side if self._looking else 0

    def _decode(self, photo: bytes, longest: int) -> Any:
        if self._documented:
            image = Image.open(io.BytesIO(photo)).convert("RGB")
            return picture.Picture(image, image.size)
        return picture.decode(photo, self._geometries, self._max_pixels, longest)

    def answer(self, photo: bytes) -> dict[str, Any]:
        """The same, ready for JSON; without the boxes that the gateway leaves out."""
        found = self.analyze(photo)
        return {each.name: each.to_json(found[each.name]) for each in [*self._whole, *self._looking]}


class Network:
    """One session and what its output means."""

    def __init__(self, description: dict[str, Any], vocabularies: Path, threads: int) -> None:
        self.name: str = description["name"]
        self.of: str = description["of"]
        self.geometry = Geometry(**description["geometry"])
        self.region: Any = make_region(description["region"]) if description["region"] else None
        self.task = Task(description["task"])
        self._head, self._min_score = description["head"], description["min_score"]
        if self.task is Task.CAPTION:
            self._vocabulary = sentence.read_vocabularies(vocabularies)[self.name]
        self._session = open_network(Path(description["path"]), description["accelerated"], threads)
        self.run = {
            Task.CLASSIFICATION: self._read_numbers,
            Task.EMBEDDING: self._read_numbers,
            Task.CAPTION: self._read_sentence,
            Task.DETECTION: self._read_boxes,
        }[self.task]

    def _read_numbers(self, pixels: np.ndarray, decoded: Any) -> np.ndarray:
        return self._session.run(None, {"IMAGES": pixels})[0][0]

    def _read_sentence(self, pixels: np.ndarray, decoded: Any) -> tuple[str, float]:
        tokens, score = self._session.run(["TOKENS", "SCORE"], {"IMAGES": pixels})
        return sentence.to_sentence(tokens[0], self._vocabulary), float(score[0, 0])

    def _read_boxes(self, pixels: np.ndarray, decoded: Any) -> np.ndarray:
        predictions, head = self._session.run(None, {"IMAGES": pixels})[0][0], self._head
        if head["end_to_end"]:
            found = boxes.read_end_to_end(predictions, head["score_floor"], MAX_DETECTIONS)
        else:
            found = boxes.read_raw(predictions, head["score_floor"], head["iou"], MAX_DETECTIONS)
        original = boxes.to_original(found.boxes, self.geometry.transform(*decoded.size))
        return np.column_stack([original, found.scores, found.labels])

    def look(self, upright: Any, decoded: Any, rows: np.ndarray) -> list[np.ndarray]:
        """What the network says about each box that it looks at, all in one batch."""
        scale = np.array([upright.shape[1], upright.shape[0]] * 2) / (decoded.size * 2)
        crops = [self.region.crop(upright, rows[index, :4] * scale) for index in self.region.choose(rows)]
        return list(self._session.run(None, {"IMAGES": np.stack(crops)})[0]) if crops else []

    def to_json(self, value: Any) -> Any:
        """The network's result as JSON has it."""
        if self.region is not None:
            return [each.tolist() for each in value]
        if self.task is Task.CAPTION:
            return {"text": value[0], "score": value[1]}
        if self.task is Task.DETECTION:
            return value[value[:, 4] >= self._min_score].tolist()
        return value.tolist()


def make_region(described: dict[str, Any]) -> Any:
    """From what the step's config says."""
    chosen = {key: described[key] for key in ("margin", "most", "min_score", "label")}
    return regions.Region(**chosen, width=described["geometry"]["width"], height=described["geometry"]["height"])


def open_network(path: Path, accelerated: bool, threads: int) -> Any:
    """The network on `threads` threads for each photo, by ONNX Runtime or by what accelerates it in the service."""
    if accelerated:
        openvino_network = load_module(BACKEND / "openvino_network.py")  # not in the environments of the peers
        return openvino_network.OpenVinoNetwork(path, len(os.sched_getaffinity(0)))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
