"""What an exported network answers."""

from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession


def answer(folder: Path, pixels: np.ndarray | None = None) -> np.ndarray:
    """FP32 [values] of the one network in an export's folder.

    `pixels`: UINT8 [H,W,3] in its geometry; random ones by default, the same each time.
    """
    (path,) = folder.glob("networks/*/*/model.onnx")
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    (tensor,) = session.get_inputs()
    if pixels is None:
        shape = [side if isinstance(side, int) else 32 for side in tensor.shape[1:]]
        pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return session.run(None, {tensor.name: pixels[None]})[0][0]
