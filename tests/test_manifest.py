"""models.toml: a wrong entry is refused with file, model and field named and the accepted values listed."""

import json

import pytest

from contract.card import Card
from contract.tasks import Task
from export.certificate import read_certificate
from export.ensemble import make_card
from export.errors import ManifestError
from export.manifest import load_manifest
from export.repository import NETWORKS

GOOD = """
[models.hat]
task = "classification"
framework = "keras"
checkpoint = "hat.h5"
labels = ["no hat", "hat"]
geometry = { mode = "stretch", width = 64, height = 64 }
"""


def write(tmp_path, text):
    path = tmp_path / "models.toml"
    path.write_text(text)
    return path


def test_bundled_manifest_has_the_mission_s_tasks():
    assert {Task.CLASSIFICATION, Task.CAPTION, Task.DETECTION} <= {model.task for model in load_manifest().models}


def test_paths_are_taken_from_the_manifests_folder(tmp_path):
    (model,) = load_manifest(write(tmp_path, GOOD)).models
    assert model.checkpoint == tmp_path / "hat.h5"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            '"classification"',
            '"clasification"',
            ["hat", "task", "'classification', 'caption', 'detection' or 'embedding'"],
        ),
        ('"keras"', '"caffe"', ["hat", "framework", "'keras', 'torch', 'ultralytics' or 'onnx'"]),
        ('"stretch"', '"squash"', ["hat", "geometry.mode", "'stretch', 'letterbox' or 'center_crop'"]),
        ("width = 64", 'width = "wide"', ["hat", "geometry.width", "integer"]),
        ("width = 64", "width = 0", ["hat", "geometry.width", "greater than or equal to 8"]),
        ("width = 64, ", "", ["hat", "geometry.width", "required"]),
        ('labels = ["no hat", "hat"]', "", ["hat", "labels, two or more, are needed"]),
        ('["no hat", "hat"]', '["hat", "hat"]', ["hat", "labels must differ"]),
        ('["no hat", "hat"]', '["hat"]', ["hat", "labels, two or more, are needed"]),
        ('"hat.h5"', '"hat.h5"\npositive = "cap"', ["hat", "positive must be one of"]),
        ('"hat.h5"', '"hat.h5"\ncolour = "rgb"', ["hat", "colour", "unknown field", "pixels", "geometry"]),
        ('"hat.h5"', '"hat.h5"\npixels = { mean = [1, 2] }', ["hat", "pixels", "mean takes 1 value or 3"]),
        ('"hat.h5"', '"hat.h5"\npixels = { shade = 1 }', ["hat", "pixels.shade", "channels, divide, mean, std"]),
        ("height = 64", "height = 64, resize = 70", ["hat", "geometry", "center_crop only"]),
        ('"keras"', '"torch"\nfactory = "hat.py"', ["hat", "factory", "pattern"]),
        ('"keras"', '"ultralytics"', ["hat", "task classification takes framework keras, torch, onnx"]),
        ("models.hat", "models.Hat-1", ["Hat-1", "name", "pattern"]),
        ("models.hat", "models.analyze", ["analyze", "reserved"]),
        ("models.hat", "models.error", ["error", "reserved"]),
        ('"hat.h5"', '"hat.h5"\nregion = { of = "faces" }', ["hat", "region.of takes a detector; there are none"]),
        ('"hat.h5"', '"hat.h5"\nregion = { of = "faces", side = 2 }', ["hat", "region.side", "margin, most"]),
        ('"hat.h5"', '"hat.h5"\nlink = "javascript:alert(1)"', ["hat", "link", "pattern"]),
        ('"hat.h5"', '"hat.h5"\nscores = "AUC\\n0.9"', ["hat", "scores", "pattern"]),
        ('"classification"', '"embedding"', ["hat", "an embedding has no labels"]),
        (
            '"hat.h5"',
            '"hat.h5"\nprecision = "int8"\ncalibration = "."\nweights = "fp16"',
            ["hat", "weights belongs to precision fp32"],
        ),
        (
            "[models.hat]",
            '[models.hat]\nweights = "int8"\naccelerator = "openvino"',
            ["hat", "weights = int8 has no accelerator"],
        ),
        ("[models.hat]", "[models.hat", ["models.toml", "line 2"]),
    ],
)
def test_wrong_entry_is_refused(tmp_path, old, new, words):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ManifestError) as refusal:
        load_manifest(path)
    message = str(refusal.value)
    assert str(path) in message
    for word in words:
        assert word in message, message


def test_two_models_with_one_output_are_refused(tmp_path):
    detector = GOOD.replace("classification", "detection").replace("keras", "onnx")
    path = write(tmp_path, detector + GOOD.replace("models.hat", "models.hat_scores"))
    with pytest.raises(ManifestError, match="hat_scores and hat would both have the output hat_scores; rename one"):
        load_manifest(path)


def test_what_describes_a_model_is_on_its_card():
    (model,) = load_manifest().select(["smiling"])
    model = model.model_copy(update={"scores": "AUC 0.93 on photos kept aside"})
    card = make_card(model, read_certificate(NETWORKS / "smiling" / "1"), 1)
    text = card.to_json()
    assert (card.about, card.licence, card.link) == (model.about, model.licence, model.link)
    assert Card.from_dict("smiling", json.loads(text)).scores == "AUC 0.93 on photos kept aside"
