"""`python -m export doctor`: an entry for a file, out of the file itself, which export then takes."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from contract.tasks import Task
from export.__main__ import main
from export.doctor import examine
from export.entry import RESERVED, ROOT, Model
from export.errors import CheckpointError
from export.manifest import list_taken, load_manifest
from export.proposal import choose_name
from tests import checkpoints, heads
from tests.test_export import run

FACTORY = "tests.checkpoints:TinyClassifier"
TRIED = "# Tried: it exports."


def propose(path, factory=None, trust=False):
    """The text, and the entry in it."""
    text = examine(path, choose_name(path, frozenset()), factory, trust, print)
    ((name, entry),) = tomllib.loads(text)["models"].items()
    return text, Model.model_validate({**entry, "name": name, "checkpoint": path})


def make_wide_keras(folder):
    from export.frameworks.keras import keras

    layers = [
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3, strides=2),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(5, activation="softmax"),
    ]
    keras.Sequential([keras.Input((20, 36, 3)), *layers]).save(folder / "Wide net-2.keras")
    return folder / "Wide net-2.keras"


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_keras_classifier_is_described_by_its_file(tmp_path, suffix):
    checkpoints.save_keras(tmp_path / f"hat{suffix}")
    text, model = propose(tmp_path / f"hat{suffix}")
    assert (model.name, model.task, model.framework) == ("hat", Task.CLASSIFICATION, "keras")
    assert (model.geometry.width, model.geometry.height, model.pixels.channels) == (16, 16, "grey")
    assert len(model.labels) == 2
    assert model.activation == "none"
    assert TRIED in text


def test_a_network_that_scales_by_itself_gets_its_pixels_as_they_are(tmp_path):
    text, model = propose(make_wide_keras(tmp_path))
    assert model.name == "wide_net_2"
    assert (model.geometry.width, model.geometry.height, model.pixels.divide) == (36, 20, 1)
    assert len(model.labels) == 5
    assert TRIED in text


def test_of_several_outputs_the_flat_one_is_proposed(tmp_path):
    checkpoints.save_functional(tmp_path / "kind.h5")
    text, model = propose(tmp_path / "kind.h5")
    assert (model.output, len(model.labels)) == ("kind", 3)
    assert "# of decoded, kind" in text
    assert TRIED in text


@pytest.mark.parametrize(("make", "name"), [("script_entry", "script.pt"), ("program_entry", "program.pt2")])
def test_torch_archives_bring_their_network(tmp_path, make, name):
    getattr(checkpoints, make)(tmp_path)
    text, model = propose(tmp_path / name)
    assert (model.framework, model.activation, len(model.labels)) == ("torch", "softmax", 3)
    assert model.factory is None
    assert TRIED in text


def test_a_state_dict_asks_for_its_factory_and_goes_on_with_it(tmp_path):
    checkpoints.torch_entry(tmp_path)
    text, model = propose(tmp_path / "colour.pt")
    assert model.factory == "module:function"
    assert "Not tried yet, as factory is missing" in text
    text, model = propose(tmp_path / "colour.pt", FACTORY)
    assert (model.factory, len(model.labels)) == (FACTORY, 3)
    assert TRIED in text


def test_a_caption_network_is_known_by_its_methods(tmp_path):
    checkpoints.caption_entry(tmp_path)
    text, model = propose(tmp_path / "tell.pt", "tests.checkpoints:TinyCaption")
    assert model.task is Task.CAPTION
    assert "vocabulary" in text.splitlines()[-1]


def test_pooled_numbers_are_an_embedding(tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    torch.jit.script(network).save(tmp_path / "pooled.pt")
    text, model = propose(tmp_path / "pooled.pt")
    assert (model.task, model.normalise, model.labels) == (Task.EMBEDDING, True, None)
    assert TRIED in text


HEADS = {"raw": "ultralytics", "end_to_end": "end_to_end", "yolov5": "yolov5", "yolox": "yolox", "rtdetr": "detr"}


@pytest.mark.parametrize(("make", "head"), HEADS.items())
def test_heads_of_detectors_are_told_from_shapes(tmp_path, make, head):
    heads.write_detector(tmp_path / "found.onnx", getattr(heads, make)())
    text, model = propose(tmp_path / "found.onnx")
    assert (model.task, model.decoding.head) == (Task.DETECTION, head)
    assert len(model.labels) == len(heads.LABELS)
    assert TRIED in text


def test_a_yolo_names_its_labels(tmp_path):
    checkpoints.yolo_entry(tmp_path)
    text, model = propose(tmp_path / "boxes.pt")
    assert (model.framework, model.geometry.mode, model.labels) == ("ultralytics", "letterbox", None)
    assert TRIED in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"hello", "is of no kind that is known; known are a Keras HDF5"),
        (b"PK\x03\x04" + bytes(100), r"looks like an archive \(zip\) of PyTorch, ultralytics or Keras that is cut off"),
        (b"version https://git-lfs.github.com/spec/v1", "is a pointer of Git LFS"),
    ],
)
def test_other_files_are_refused_with_what_is_known(tmp_path, content, words):
    path = tmp_path / "file.bin"
    if content:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        examine(path, "file", None, False, print)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("cap.h5", "cap"),
        ("hat.h5", "hat_2"),
        ("Hat-2.h5", "hat_2"),
        ("boxes_scores.onnx", "boxes_scores_2"),
        ("boxes.onnx", "boxes_2"),
        ("check.h5", "check_2"),
        ("10 hats.h5", "model_10_hats"),
        ("шляпа.h5", "model_"),
    ],
)
def test_names_are_free_and_no_words_of_the_service(tmp_path, file, name):
    lines = ('models.hat]\ntask = "classification"', 'models.boxes]\ntask = "detection"', "models.broken]")
    (tmp_path / "models.toml").write_text("\n".join(f"[{each}" for each in lines))
    taken = list_taken(tmp_path / "models.toml")
    assert taken == {"hat", "boxes", "boxes_boxes", "boxes_scores", "boxes_labels", "broken"}
    assert choose_name(Path(file), taken) == name


def test_no_reserved_word_is_ever_proposed():
    for word in RESERVED:
        assert choose_name(Path(f"{word}.h5"), set()) == f"{word}_2"


def test_a_proposed_entry_can_be_pasted_beside_the_others(tmp_path, capsys):
    manifest = checkpoints.write_manifest(tmp_path, checkpoints.keras_entry(tmp_path))
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        shutil.copy(tmp_path / "hat.h5", tmp_path / folder)
    files = [str(tmp_path / folder / "hat.h5") for folder in ("one", "other")]
    assert run(tmp_path, "doctor", *files) == 0
    proposed = [line for line in capsys.readouterr().out.splitlines() if not line.endswith("…")]
    for number in (2, 3):
        assert f"[models.hat_{number}]  # hat is taken by another entry" in proposed
    manifest.write_text("\n".join([manifest.read_text(), *proposed]))
    assert [model.name for model in load_manifest(manifest).models] == ["hat", "hat_2", "hat_3"]


def test_the_command_prints_an_entry_and_tells_failures_in_one_line(tmp_path, capsys):
    checkpoints.save_keras(tmp_path / "hat.h5")
    assert main(["doctor", str(tmp_path / "hat.h5")]) == 0
    assert "[models.hat]" in capsys.readouterr().out
    assert main(["doctor"]) == 2
    assert "doctor needs a FILE" in capsys.readouterr().err


WITHOUT = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "keras", "ultralytics", "onnxscript", "h5py", "cv2"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import importlib.util
real = importlib.util.find_spec
def find_spec(name, package=None):
    try:
        return real(name, package)
    except ModuleNotFoundError:
        return None
importlib.util.find_spec = find_spec
from export.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("action", "words"), [("list", "tolerated"), ("check", "models hold what their certificates")])
def test_list_and_check_need_no_training_framework(action, words):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, action], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
    assert action == "list" or "outputs not computed anew, as keras is not installed" in done.stdout
