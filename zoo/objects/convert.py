"""NanoDet-g (github.com/RangiLyu/nanodet), TensorFlow.js to ONNX: python -m zoo.objects.convert nanodet.json

The network that comes out takes BGR, normalised as the entry in models.toml says, FP32 [N,3,416,416], and gives one row
per anchor: centre x, centre y, width, height in input pixels, and COCO's 80 scores in [0,1]; FP32 [N,84,3549]. The file
holds half-precision weights, and computes in single precision.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx

from zoo import CHECKPOINTS
from zoo.coco import NAMES
from zoo.graph import Graph
from zoo.tfjs import load_graph

SIDE = 416
STRIDES = (8, 16, 32)
CLASSES = len(NAMES)
BINS = 11  # a side's distance is a distribution over 0 … 10 strides (Generalized Focal Loss, arXiv:2006.04388)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="nanodet.json, its .bin beside it")
    onnx.save(convert(parser.parse_args().model), CHECKPOINTS / "objects.onnx")


def convert(path: Path) -> onnx.ModelProto:
    """The detector in the form of a raw YOLO head."""
    graph, outputs = load_graph(path)
    named = {shape: name for name, shape in outputs.items()}
    counts = [(SIDE // stride) ** 2 for stride in STRIDES]
    scores = graph.add("Concat", *(named[count, CLASSES] for count in counts), axis=1)
    distances = measure(graph, graph.add("Concat", *(named[count, 4 * BINS] for count in counts), axis=1))
    left_top, right_bottom = graph.split(distances, np.array([2, 2]), axis=2)
    size = graph.add("Add", left_top, right_bottom)
    shift = graph.add("Mul", graph.add("Sub", right_bottom, left_top), 0.5)
    rows = graph.add("Concat", graph.add("Add", centres(), shift), size, scores, axis=2)
    return graph.finish(
        graph.add("Transpose", rows, perm=[0, 2, 1]), "boxes", [4 + CLASSES, sum(counts)], NAMES, halve=True
    )


def measure(graph: Graph, logits: str) -> str:
    """Logits [N,anchors,4*BINS] to the expected distances left, top, right, bottom in pixels [N,anchors,4]."""
    shares = graph.add("Softmax", graph.add("Reshape", logits, np.array([0, 0, 4, BINS])), axis=3)
    strides = graph.add("MatMul", shares, np.arange(BINS, dtype=np.float32)[:, None])
    return graph.add("Mul", graph.add("Squeeze", strides, np.array([3])), cells()[:, 2:])


def centres() -> np.ndarray:
    """FP32 [3549,2]: the middles of the anchors' cells, x and y in pixels."""
    return cells()[:, :2]


def cells() -> np.ndarray:
    """FP32 [3549,3]: x, y and stride of every anchor's cell."""
    rows = []
    for stride in STRIDES:
        y, x = np.mgrid[stride / 2 : SIDE : stride, stride / 2 : SIDE : stride]
        rows.append(np.stack([x, y, np.full_like(x, stride)], axis=-1).reshape(-1, 3))
    return np.concatenate(rows).astype(np.float32)


if __name__ == "__main__":
    main()
