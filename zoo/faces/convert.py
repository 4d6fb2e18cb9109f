"""BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047), TensorFlow.js to ONNX.

    python -m zoo.faces.convert blazeface.json

The network that comes out looks at the photo and at its mirror image. It takes RGB in [-1,1], FP32 [N,3,256,256], and
gives one row per anchor: centre x, centre y, width, height in input pixels, and the score of `face` in [0,1];
FP32 [N,5,896].
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
    graph, outputs = load_graph(path, add_mirrored)
    named = {shape: name for name, shape in outputs.items()}
    counts = [count * (SIDE // stride) ** 2 for stride, count in ANCHORS]
    rows = graph.add("Concat", *(named[count, 16] for count in counts), axis=1)
    scores = graph.add("Sigmoid", graph.add("Concat", *(named[count, 1] for count in counts), axis=1))
    offset, size, _ = graph.split(rows, np.array([2, 2, 16 - BOX]), axis=2)
    boxes = graph.add("Concat", offset, size, axis=2)
    boxes = graph.add("Mean", *merge(graph, boxes, np.float32([-1, 1, 1, 1])))
    scores = graph.add("Min", *merge(graph, scores, np.float32([1])))
    rows = graph.add("Concat", graph.add("Add", boxes, centres()), scores, axis=2)
    return graph.finish(graph.add("Transpose", rows, perm=[0, 2, 1]), "boxes", [BOX + 1, sum(counts)], ["face"])


def add_mirrored(graph: Graph, images: str) -> str:
    """The images, then their mirror images: what is no face in the mirror is none, which halves the false ones."""
    mirrored = graph.add("Slice", images, np.array([-1]), np.array([-SIDE - 1]), np.array([3]), np.array([-1]))
    return graph.add("Concat", images, mirrored, axis=0)


def merge(graph: Graph, values: str, signs: np.ndarray) -> list[str]:
    """Values [2N,896,…] of the images, and those of the mirror images where each anchor has its place again."""
    straight, mirrored = graph.halve_batch(values)
    return [straight, graph.add("Mul", graph.add("Gather", mirrored, mirror(), axis=1), signs)]


def centres() -> np.ndarray:
    """FP32 [896,4]: where the anchors stand, x and y in pixels, and no size."""
    maps = []
    for stride, count in ANCHORS:
        y, x = np.mgrid[stride / 2 : SIDE : stride, stride / 2 : SIDE : stride]
        maps.append(np.stack([x, y, 0 * x, 0 * y], axis=-1).reshape(-1, 4).repeat(count, axis=0))
    return np.concatenate(maps).astype(np.float32)


def mirror() -> np.ndarray:
    """INT64 [896]: for every anchor the one in its mirrored place."""
    orders, first = [], 0
    for stride, count in ANCHORS:
        cells = SIDE // stride
        order = np.arange(first, first + cells * cells * count).reshape(cells, cells, count)
        orders.append(order[:, ::-1].reshape(-1))
        first += order.size
    return np.concatenate(orders)


if __name__ == "__main__":
    main()
