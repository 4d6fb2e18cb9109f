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


class TinyAttention(torch.nn.Module):
    """Show, Attend and Tell in small: soft attention over the picture's regions, which travel in the state."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Conv2d(3, 6, 5, stride=4)
        self.embed = torch.nn.Embedding(len(WORDS), 6)
        self.cell = torch.nn.LSTMCell(12, 12)
        self.begin_h, self.begin_c = torch.nn.Linear(6, 12), torch.nn.Linear(6, 12)
        self.of_region, self.of_state, self.score = torch.nn.Linear(6, 8), torch.nn.Linear(12, 8), torch.nn.Linear(8, 1)
        self.gate = torch.nn.Linear(12, 6)
        self.head = torch.nn.Linear(12, len(WORDS))

    def encode(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        regions = self.encoder(images).flatten(2).transpose(1, 2)
        mean = regions.mean(1)
        return self.begin_h(mean), self.begin_c(mean), regions

    def step(self, tokens: torch.Tensor, h: torch.Tensor, c: torch.Tensor, regions: torch.Tensor):
        energy = self.score(torch.relu(self.of_region(regions) + self.of_state(h).unsqueeze(1)))
        context = torch.sigmoid(self.gate(h)) * (energy.softmax(1) * regions).sum(1)
        h, c = self.cell(torch.cat([self.embed(tokens), context], 1), (h, c))
        return self.head(h), h, c, regions


class Branching(TinyClassifier):
    """Takes another way for dark pictures, which no ONNX graph of it can follow."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().forward(pixels if pixels.mean() > 0.1 else -pixels)


def seeded(factory, seed: int = 7):
    torch.manual_seed(seed)
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


def save_functional(path: Path) -> None:
    """Two outputs, of which one is a softmax over three classes; colour 24x16, as autoencoders with a head have it."""
    import export.frameworks.keras  # noqa: F401  # chooses the torch backend
    import keras  # isort: skip

    keras.utils.set_random_seed(7)
    pixels = keras.Input((16, 24, 3))
    features = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(pixels)
    decoded = keras.layers.Conv2D(3, 3, padding="same", activation="sigmoid", name="decoded")(features)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(features))
    kind = keras.layers.Dense(3, activation="softmax", name="kind")(pooled)
    keras.Model(pixels, [decoded, kind]).save(path)


def functional_entry(folder: Path) -> str:
    save_functional(folder / "kind.h5")
    return """
[models.kind]
task = "classification"
framework = "keras"
checkpoint = "kind.h5"
output = "kind"
labels = ["cap", "helmet", "none"]
geometry = { mode = "stretch", width = 24, height = 16 }
pixels = { channels = "rgb", mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }
"""


def embedding_entry(folder: Path, name: str = "likeness", *lines: str) -> str:
    """The classifier's three numbers as an embedding."""
    entry = torch_entry(folder).replace("models.colour", f"models.{name}").replace("classification", "embedding")
    kept = [line for line in entry.splitlines() if not line.startswith(("labels", "activation"))]
    return "\n".join([*kept, *lines, ""])


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


def torch_entry(folder: Path, seed: int = 7) -> str:
    torch.save(seeded(TinyClassifier, seed).state_dict(), folder / "colour.pt")
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


def script_entry(folder: Path) -> str:
    """TorchScript brings its network along."""
    torch.jit.script(seeded(TinyClassifier).eval()).save(folder / "script.pt")
    return without_factory(torch_entry(folder), "script", "script.pt")


def program_entry(folder: Path, fixed: bool = False) -> str:
    """A `torch.export` program, with a free batch or with batch 1."""
    shapes = None if fixed else ({0: torch.export.Dim.DYNAMIC},)
    example = torch.rand(1 if fixed else 2, 3, 16, 16)
    program = torch.export.export(seeded(TinyClassifier).eval(), (example,), dynamic_shapes=shapes)
    torch.export.save(program, folder / "program.pt2")
    return without_factory(torch_entry(folder), "single" if fixed else "program", "program.pt2")


def without_factory(entry: str, name: str, checkpoint: str) -> str:
    lines = entry.replace("models.colour", f"models.{name}").replace("colour.pt", checkpoint).splitlines()
    return "\n".join(line for line in lines if not line.startswith("factory"))


def caption_entry(folder: Path, beam_width: int = 3, network: type[torch.nn.Module] = TinyCaption) -> str:
    torch.save(seeded(network).state_dict(), folder / "tell.pt")
    (folder / "words.json").write_text(json.dumps(WORDS))
    return f"""
[models.tell]
task = "caption"
framework = "torch"
checkpoint = "tell.pt"
factory = "tests.checkpoints:{network.__name__}"
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
            helper.make_node("Mul", ["mean", "side"], ["box"]),
            helper.make_node("Concat", ["box", "mean"], ["output0"], axis=1),
        ],
        "ready",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 6, 32])],
        [helper.make_tensor("side", TensorProto.FLOAT, [], [32])],
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


def bright_entry(folder: Path, name: str = "bright") -> str:
    """A detector with a raw head, one class and any batch: the quarters of the picture whose red is above 0.2."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    quarters = np.array([[8, 24, 8, 24], [8, 8, 24, 24], [16] * 4, [16] * 4], dtype=np.float32)[None]
    constants = {
        "quarters": quarters,
        "list": np.array([0, 3, 4], dtype=np.int64),
        "begin": np.array([0], dtype=np.int64),
        "end": np.array([1], dtype=np.int64),
        "axis": np.array([1], dtype=np.int64),
        "dark": np.array(0.2, dtype=np.float32),
        "nothing": np.array(0, dtype=np.float32),
    }
    nodes = [
        helper.make_node("AveragePool", ["images"], ["means"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Reshape", ["means", "list"], ["colours"]),
        helper.make_node("Slice", ["colours", "begin", "end", "axis"], ["red"]),
        helper.make_node("Sub", ["red", "dark"], ["above"]),
        helper.make_node("Relu", ["above"], ["scores"]),
        helper.make_node("Mul", ["scores", "nothing"], ["zeros"]),
        helper.make_node("Add", ["quarters", "zeros"], ["boxes"]),
        helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1),
    ]
    pixels = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, 32, 32])
    rows = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["N", 5, 4])
    initializers = [numpy_helper.from_array(array, key) for key, array in constants.items()]
    graph = helper.make_graph(nodes, "bright", [pixels], [rows], initializers)
    save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        folder / "bright.onnx",
    )
    return f"""
[models.{name}]
task = "detection"
framework = "onnx"
checkpoint = "bright.onnx"
labels = ["bright"]
geometry = {{ mode = "stretch", width = 32, height = 32 }}
"""


LOOKING = 'region = { of = "bright", margin = 0.1, most = 3, min_score = 0.01 }'


def write_many(folder: Path) -> Path:
    """A manifest with several models of every task; `close` and `parts` look at the boxes of `bright`."""
    tell, colour = caption_entry(folder), torch_entry(folder)
    return write_manifest(
        folder,
        bright_entry(folder),
        bright_entry(folder, "again"),
        tell,
        tell.replace("models.tell", "models.short").replace("max_length = 9", "max_length = 2"),
        colour,
        colour.replace("models.colour", "models.close") + LOOKING,
        embedding_entry(folder, "likeness", "normalise = true"),
        embedding_entry(folder, "parts", "default = false", LOOKING),
    )
