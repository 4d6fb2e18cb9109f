"""Small untrained checkpoints of every kind, made on the spot, and the manifest entries that export them."""

import json
from pathlib import Path

import torch

WORDS = ["<pad>", "<start>", "<end>", "<unk>", "a", "person", "smiles", "."]


class TinyClassifier(torch.nn.Module):
    """Pictures FP32 [N,3,16,16] to logits [N,3]."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 4, 3, stride=2)
        self.head = torch.nn.Linear(4, 3)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.convolution(pixels)).mean((2, 3)))


class TinyCaption(torch.nn.Module):
    """Show and Tell in small: the image feature goes through the LSTM first."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Conv2d(3, 6, 5, stride=4)
        self.embed = torch.nn.Embedding(len(WORDS), 6)
        self.cell = torch.nn.LSTMCell(6, 12)
        self.head = torch.nn.Linear(12, len(WORDS))

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        feature = self.encoder(images).mean((2, 3))
        zeros = torch.zeros(feature.shape[0], 12)
        return self.cell(feature, (zeros, zeros))

    def step(self, tokens: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, ...]:
        h, c = self.cell(self.embed(tokens), (h, c))
        return self.head(h), h, c


def seeded(factory):
    torch.manual_seed(7)
    module = factory()
    for parameter in module.parameters():  # far from uniform, so that beams differ from each other
        torch.nn.init.normal_(parameter, std=0.7)
    return module


def save_keras(path: Path) -> None:
    """A convolutional classifier with one sigmoid unit, grey 16x16, in the format of the suffix."""
    import export.frameworks.keras  # noqa: F401  # chooses the torch backend
    import keras  # isort: skip

    keras.utils.set_random_seed(7)
    layers = [
        keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.SeparableConv2D(4, 3, padding="same"),
        keras.layers.MaxPooling2D(),
        keras.layers.Dropout(0.3),
        keras.layers.Flatten(),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    keras.Sequential([keras.Input((16, 16, 1)), *layers]).save(path)


def write_manifest(folder: Path, *entries: str) -> Path:
    path = folder / "models.toml"
    path.write_text("\n".join(entries))
    return path


def keras_entry(folder: Path, suffix: str = ".h5") -> str:
    save_keras(folder / f"hat{suffix}")
    return f"""
[models.hat]
task = "classification"
framework = "keras"
checkpoint = "hat{suffix}"
labels = ["no hat", "hat"]
geometry = {{ mode = "stretch", width = 16, height = 16 }}
pixels = {{ channels = "grey", divide = 127.5, mean = [1] }}
"""


def torch_entry(folder: Path) -> str:
    torch.save(seeded(TinyClassifier).state_dict(), folder / "colour.pt")
    return """
[models.colour]
task = "classification"
framework = "torch"
checkpoint = "colour.pt"
factory = "tests.checkpoints:TinyClassifier"
labels = ["red", "green", "blue"]
activation = "softmax"
geometry = { mode = "center_crop", width = 16, height = 16, resize = 20 }
pixels = { channels = "bgr", mean = [0.4, 0.5, 0.6], std = [0.2, 0.2, 0.3] }
"""


def caption_entry(folder: Path, beam_width: int = 3) -> str:
    torch.save(seeded(TinyCaption).state_dict(), folder / "tell.pt")
    (folder / "words.json").write_text(json.dumps(WORDS))
    return f"""
[models.tell]
task = "caption"
framework = "torch"
checkpoint = "tell.pt"
factory = "tests.checkpoints:TinyCaption"
geometry = {{ mode = "stretch", width = 32, height = 32 }}
decoding = {{ vocabulary = "words.json", max_length = 9, beam_width = {beam_width} }}
"""


def yolo_entry(folder: Path, architecture: str = "yolo26n.yaml") -> str:
    from ultralytics import YOLO

    torch.manual_seed(7)
    YOLO(architecture, task="detect").save(folder / "boxes.pt")
    return """
[models.boxes]
task = "detection"
framework = "ultralytics"
checkpoint = "boxes.pt"
geometry = { mode = "letterbox", width = 64, height = 64 }
decoding = { score_floor = 0.001 }
"""


def onnx_entry(folder: Path) -> str:
    """A ready detector with fixed batch 1 and a raw head of two classes."""
    from onnx import TensorProto, helper, save

    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images"], ["mean"], axes=[3], keepdims=0),
            helper.make_node("Concat", ["mean", "mean"], ["output0"], axis=1),
        ],
        "ready",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 6, 32])],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(network, {"names": "{0: 'cat', 1: 'dog'}"})
    save(network, folder / "ready.onnx")
    return """
[models.ready]
task = "detection"
framework = "onnx"
checkpoint = "ready.onnx"
geometry = { mode = "letterbox", width = 32, height = 32 }
"""
