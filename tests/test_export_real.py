"""Checkpoints that other people trained, from the shared data: exported, served by the real server, and scored."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image
from tritonclient.grpc import service_pb2 as messages

from export.checkpoint import load_source
from export.graph import normalise
from export.manifest import load_manifest
from export.preprocessing import load_pixels
from tests import score_table, yolo
from tests.analyzing import Analyzer
from tests.serving_process import serve_exported
from tests.test_export import run

# Emotion and smile were trained on faces that fill the picture; the photos here show shoulders too, so they crop.
MANIFEST = """
[models.shades]
task = "classification"
framework = "keras"
checkpoint = "{weights}/sunglasses_model.h5"
output = "classification"
labels = ["no_sunglasses", "sunglasses"]
geometry = {{ mode = "stretch", width = 64, height = 64 }}

[models.emotion]
task = "classification"
framework = "keras"
checkpoint = "{weights}/fer2013_mini_XCEPTION.102-0.66.hdf5"
labels = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
positive = "happy"
geometry = {{ mode = "center_crop", width = 64, height = 64, resize = 140 }}
pixels = {{ channels = "grey", divide = 127.5, mean = [1] }}

[models.smile]
task = "classification"
framework = "keras"
checkpoint = "{weights}/live_smile_64x64x1.hdf5"
labels = ["not smiling", "smiling"]
geometry = {{ mode = "center_crop", width = 64, height = 64, resize = 120 }}
pixels = {{ channels = "grey" }}

[models.glasses]
task = "classification"
framework = "torch"
checkpoint = "{weights}/glasses_squeezenet.pth"
factory = "tests.test_export_real:create_squeezenet"
labels = ["no glasses", "glasses"]
activation = "sigmoid"
geometry = {{ mode = "stretch", width = 256, height = 256 }}

[models.street]
task = "detection"
framework = "onnx"
checkpoint = "{weights}/yolov8n_int8.onnx"
geometry = {{ mode = "letterbox", width = 640, height = 640, resample = "bilinear" }}
"""
CLASSIFIERS = ("shades", "emotion", "smile", "glasses")
# What each photo of the faces should get, by its row of labels.csv.
TRUTHS = {
    "shades": lambda face: face["eyes"] == "sunglasses",
    "emotion": lambda face: face["expression"] == "happy",
    "smile": lambda face: face["expression"] == "happy",
    "glasses": lambda face: face["eyes"] == "sunglasses",
}


class Fire(torch.nn.Module):
    """SqueezeNet's module, with torchvision's names."""

    def __init__(self, inside: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = torch.nn.Conv2d(inside, squeezed, 1)
        self.expand1x1 = torch.nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = torch.nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        squeezed = self.squeeze(pixels).relu()
        return torch.cat([self.expand1x1(squeezed).relu(), self.expand3x3(squeezed).relu()], 1)


class SqueezeNet(torch.nn.Module):
    """SqueezeNet 1.0 with one class (Iandola et al. 2016, arXiv:1602.07360): torchvision's squeezenet1_0, layer by
    layer, since torchvision cannot be imported beside a CPU-only torch.
    """

    def __init__(self) -> None:
        super().__init__()
        pool = [torch.nn.MaxPool2d(3, 2, ceil_mode=True) for _ in range(3)]
        self.features = torch.nn.Sequential(
            *(torch.nn.Conv2d(3, 96, 7, 2), torch.nn.ReLU(), pool[0]),
            *(Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128), pool[1]),
            *(Fire(256, 32, 128), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), pool[2]),
            Fire(512, 64, 256),
        )
        self.classifier = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Conv2d(512, 1, 1), torch.nn.ReLU())

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(pixels)).mean((2, 3))


create_squeezenet = SqueezeNet


@pytest.fixture(scope="module")
def folder(shared_data, tmp_path_factory):
    """All of them exported into one repository."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "models.toml").write_text(MANIFEST.format(weights=shared_data / "weights"))
    assert run(folder) == 0
    return folder


@pytest.fixture(scope="module")
def faces(shared_data):
    """Every second photo of a straight face, encoded, with its row of labels.csv."""
    with open(shared_data / "faces" / "labels.csv", newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["pose"] == "straight"][::2]
    return [((shared_data / "faces" / row["file"]).read_bytes(), row) for row in rows]


@pytest.fixture(scope="module")
def analyze(folder):
    """The real server with these models alone."""
    with serve_exported(folder) as on:
        yield Analyzer(on.urls["Triton gRPC"])


@pytest.fixture(scope="module")
def answers(analyze, faces):
    """Served probabilities by model, of all faces in their order."""
    rows = [analyze(photo, outputs=list(CLASSIFIERS)) for photo, _ in faces]
    return {name: np.concatenate([row[name] for row in rows]) for name in CLASSIFIERS}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_served_scores_are_those_of_the_framework(folder, faces, answers, name, record_property):
    (model,) = load_manifest(folder / "models.toml").select([name])
    source = load_source(model)
    pixels = np.stack([load_pixels(photo, model) for photo, _ in faces])
    expected = source.predict(normalise(pixels, model, source.layout))[0]
    expected = 1 / (1 + np.exp(-expected)) if model.activation == "sigmoid" else expected
    expected = np.concatenate([1 - expected, expected], axis=1) if expected.shape[1] == 1 else expected
    np.testing.assert_allclose(answers[name], expected, atol=1e-3)
    label = model.positive or model.labels[-1]
    truth = np.array([TRUTHS[name](face) for _, face in faces])
    probabilities = answers[name][:, model.labels.index(label)]
    score_table.add_classifier(record_property, model.checkpoint.name, label, probabilities, truth)


def test_fixed_batch_of_one_is_what_triton_is_told(analyze):
    for name in ("street", "analyze"):
        config = analyze.stub.ModelConfig(messages.ModelConfigRequest(name=name)).config
        assert config.max_batch_size == 1


def test_boxes_are_those_of_ultralytics(analyze, shared_data, record_property):
    """To the pixel where no photo is scaled; 8-bit arithmetic shifts boxes where one shade of a pixel differs."""
    checkpoint = shared_data / "weights" / "yolov8n_int8.onnx"
    predict = yolo.predictor(checkpoint, 640)
    photos = sorted((shared_data / "photos" / "coco8").rglob("*.jpg"))
    compared = [(photo, yolo.distances(analyze, photo, predict, "street")) for photo in photos]
    unscaled = [largest for photo, largest in compared if max(Image.open(photo).size) == 640]
    assert len(unscaled) >= 6
    assert max(max(each, default=0) for each in unscaled) < 1
    found, labelled = yolo.count_labelled(analyze, photos, "street")
    what = f"{labelled} labelled objects: found with IoU of 0.5"
    score_table.add(record_property, checkpoint.name, len(photos), what, found / labelled)


def test_truncated_checkpoint_is_refused_in_one_line(shared_data, tmp_path, capsys):
    (tmp_path / "models.toml").write_text(
        '[models.cut]\ntask = "detection"\nframework = "ultralytics"\n'
        f'checkpoint = "{shared_data}/weights/truncated_yolov8n.pt"\n'
        'geometry = { mode = "letterbox", width = 64, height = 64 }\n'
    )
    assert run(tmp_path) == 2
    message = capsys.readouterr().err
    assert "truncated_yolov8n.pt: looks like an archive (zip) of PyTorch, ultralytics or Keras" in message
    assert "that is cut off; copy or download it again" in message
    assert message.count("\n") == 1
    assert not (tmp_path / "ensembles").exists()
