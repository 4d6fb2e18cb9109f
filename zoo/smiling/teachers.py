"""Three expression networks out of registry packages; how sure each is that a face is happy.

All take a close-up, UINT8 [N,S,S,3] RGB, and give FP32 [N] in [0,1].
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from zoo.faces.crops import resize
from zoo.graph import Graph
from zoo.tfjs import load_graph, read_weights

GREY = np.float32([0.299, 0.587, 0.114])
EMOTIONS, HAPPY = 7, 3  # of FER-2013, in the order of `human` and `fer`

if TYPE_CHECKING:
    import keras

Teacher = Callable[[np.ndarray], np.ndarray]


def load_teachers(human: Path, face_api: Path, fer: Path) -> list[Teacher]:
    """From emotion.json (@vladmandic/human), the weights manifest (@vladmandic/face-api), and the .hdf5 (fer)."""
    return [load_human(human), load_face_api(face_api), load_fer(fer)]


def load_human(path: Path) -> Teacher:
    """64x64 grey in [-1,1]."""
    graph, outputs = load_graph(path)
    (output,) = outputs
    session = open_session(graph.finish(output, "probabilities", [7]).SerializeToString())
    return lambda faces: run(session, grey(faces, 64)[:, None] / 127.5 - 1)[:, HAPPY]


def load_fer(path: Path) -> Teacher:
    """mini_XCEPTION of FER-2013: 64x64 grey in [-1,1]."""
    network = read_keras(path)
    return lambda faces: network.predict(grey(faces, 64)[..., None] / 127.5 - 1, batch_size=64, verbose=0)[:, HAPPY]


def read_keras(path: Path) -> "keras.Model":
    """A checkpoint of Keras 2, as export reads it."""
    from export.frameworks.keras import keras, readable

    with readable(path) as copy:
        return keras.saving.load_model(copy, compile=False)


def load_face_api(path: Path) -> Teacher:
    """112x112 RGB less its mean; happy is the second of seven."""
    session = open_session(build_face_api(path).SerializeToString())
    return lambda faces: run(session, np.stack([resize(face, 112) for face in faces]).transpose(0, 3, 1, 2))[:, 1]


def build_face_api(path: Path):
    """face-api's FaceExpressionNet: four dense blocks, then a linear layer."""
    graph = Graph()
    weights = read_weights(path, json.loads(path.read_text()))
    mean = np.float32([122.782, 117.001, 104.298]).reshape(3, 1, 1)
    features = graph.add("Div", graph.add("Sub", graph.input("images", [3, 112, 112]), mean), 255.0)
    for block in range(4):
        features = dense_block(graph, weights, features, f"dense{block}")
    features = graph.add("AveragePool", features, kernel_shape=[7, 7], strides=[2, 2])
    logits = graph.add("MatMul", graph.add("Flatten", features), weights["fc/weights"])
    probabilities = graph.add("Softmax", graph.add("Add", logits, weights["fc/bias"]), axis=-1)
    return graph.finish(probabilities, "probabilities", [7])


def dense_block(graph: Graph, weights: dict[str, np.ndarray], features: str, name: str) -> str:
    """Four convolutions; each sees the sum of all before it."""
    total = ""
    for index in range(4):
        stride = 2 if index == 0 else 1
        features = convolve(graph, weights, features, f"{name}/conv{index}", stride)
        total = graph.add("Add", total, features) if total else graph.add("Relu", features)
        features = graph.add("Relu", total)
    return features


def convolve(graph: Graph, weights: dict[str, np.ndarray], features: str, name: str, stride: int) -> str:
    """3x3, plain or separable, by the weights that there are."""
    same = {"auto_pad": "SAME_UPPER", "strides": [stride, stride]}
    bias = weights[f"{name}/bias"]
    if f"{name}/filters" in weights:
        return graph.add("Conv", features, weights[f"{name}/filters"].transpose(3, 2, 0, 1), bias, **same)
    depthwise = weights[f"{name}/depthwise_filter"].transpose(2, 3, 0, 1)
    features = graph.add("Conv", features, depthwise, group=len(depthwise), **same)
    return graph.add("Conv", features, weights[f"{name}/pointwise_filter"].transpose(3, 2, 0, 1), bias)


def open_session(network: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(network, options)


def run(session: onnxruntime.InferenceSession, images: np.ndarray) -> np.ndarray:
    name = session.get_inputs()[0].name
    batches = np.array_split(images.astype(np.float32), max(1, len(images) // 32))
    return np.concatenate([session.run(None, {name: batch})[0] for batch in batches])


def grey(faces: np.ndarray, side: int) -> np.ndarray:
    """FP32 [N,side,side] in 0 … 255."""
    return np.stack([resize(face, side) for face in faces]) @ GREY
