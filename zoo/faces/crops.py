"""Faces of photos as the served classifiers see them: found by `faces`, cut out by the step `regions`."""

from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from contract.pixels import MAX_PIXELS, Geometry, load_step, open_upright
from zoo import CHECKPOINTS
from zoo.faces.convert import SIDE

MIN_SCORE = 0.5
IOU = 0.3
MOST = 300

regions = load_step("regions", "regions")
detection = load_step("postprocess_detection", "boxes")


class Detector:
    """The bundled detector, run by ONNX Runtime on upright RGB pixels."""

    def __init__(self, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(CHECKPOINTS / "faces.onnx", options)
        self.geometry = Geometry("letterbox", SIDE, SIDE)

    def find(self, pixels: np.ndarray) -> np.ndarray:
        """Boxes FP32 [K,5] (x1, y1, x2, y2 in pixels, score) of UINT8 [H,W,3], the largest first."""
        height, width = pixels.shape[:2]
        fitted = np.asarray(self.geometry.fit(Image.fromarray(pixels), (0, 0, width, height), (width, height)))
        images = (fitted.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]
        (predictions,) = self.session.run(None, {"images": np.ascontiguousarray(images)})
        found = detection.read_raw(predictions[0], MIN_SCORE, IOU, MOST)
        boxes = detection.to_original(found.boxes, self.geometry.transform(width, height))
        return np.column_stack([boxes, found.scores])[np.argsort(-longer_sides(boxes), kind="stable")]

    def cut(self, pixels: np.ndarray, box: np.ndarray, margin: float, side: int) -> np.ndarray:
        """UINT8 [side,side,3]: what a network with `region.margin` sees of the box."""
        region = regions.Region(margin, most=1, min_score=MIN_SCORE, label=None, width=side, height=side)
        return region.crop(pixels, box[:4])


def longer_sides(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2:4] - boxes[:, :2]).max(axis=1)


def read_rgb(path: Path) -> np.ndarray:
    """UINT8 [H,W,3], upright, as preprocess decodes it, at full size."""
    return np.asarray(open_upright(path.read_bytes(), MAX_PIXELS))


def resize(pixels: np.ndarray, side: int) -> np.ndarray:
    """UINT8 [side,side,3], as the step `regions` does it."""
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))
