"""BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047), TensorFlow.js to ONNX: python -m zoo.faces.convert blazeface.json

The network that comes out takes RGB in [-1,1], FP32 [N,3,256,256], and gives one row per anchor: centre x, centre y, width,
height in input pixels, and the score of `face` in [0,1]; FP32 [N,5,896].
"""

import argparse
from pathlib import Path

import numpy as np
import onnx

from zoo import CHECKPOINTS
from zoo.graph import Graph
from zoo.tfjs import load_graph

SIDE = 256
ANCHORS = ((16, 2), (32, 6))  # strides of the two maps, and the anchors in each of their cells
BOX = 4  # of a row's 16 numbers; the rest are landmarks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="blazeface.json, its .bin beside it")
    onnx.save(convert(parser.parse_args().model), CHECKPOINTS / "faces.onnx")


def convert(path: Path) -> onnx.ModelProto:
    """The detector in the form of a raw YOLO head."""
    graph, outputs = load_graph(path)
    named = {shape: name for name, shape in outputs.items()}
    counts = [count * (SIDE // stride) ** 2 for stride, count in ANCHORS]
    rows = graph.add("Concat", *(named[count, 16] for count in counts), axis=1)
    scores = graph.add("Sigmoid", graph.add("Concat", *(named[count, 1] for count in counts), axis=1))
    offset, size, _ = graph.split(rows, np.array([2, 2, 16 - BOX]), axis=2)
    boxes = graph.add("Concat", graph.add("Add", offset, centres()), size, scores, axis=2)
    return graph.finish(graph.add("Transpose", boxes, perm=[0, 2, 1]), "boxes", [BOX + 1, sum(counts)])


def centres() -> np.ndarray:
    """FP32 [896,2]: where the anchors stand, x and y in pixels."""
    maps = []
    for stride, count in ANCHORS:
        y, x = np.mgrid[stride / 2 : SIDE : stride, stride / 2 : SIDE : stride]
        maps.append(np.stack([x, y], axis=-1).reshape(-1, 2).repeat(count, axis=0))
    return np.concatenate(maps).astype(np.float32)


if __name__ == "__main__":
    main()
