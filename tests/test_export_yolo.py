"""Boxes of an exported YOLO, served by the real server, against ultralytics' own `predict`."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from export.certificate import read_certificate
from export.entry import ROOT, Pixels
from export.parity import SAMPLE
from export.tasks.detection import boxes
from tests import checkpoints, yolo
from tests.analyzing import Analyzer
from tests.serving_process import serve_exported
from tests.test_export import run

CHECKPOINT = ROOT / "tests" / "faces_yolo26.pt"  # a small YOLO26, trained on 16 people, for tests alone
ENTRY = f"""
[models.found]
task = "detection"
framework = "ultralytics"
checkpoint = "{CHECKPOINT}"
geometry = {{ mode = "letterbox", width = 320, height = 320, resample = "bilinear" }}
"""
TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transpose that makes the stored picture from the upright


@pytest.fixture(scope="module")
def analyze(tmp_path_factory):
    folder = tmp_path_factory.mktemp("found")
    checkpoints.write_manifest(folder, ENTRY)
    assert run(folder) == 0
    with serve_exported(folder) as on:
        yield Analyzer(on.urls["Triton gRPC"])


@pytest.fixture(scope="module")
def predict():
    return yolo.predictor(CHECKPOINT, 320, end_to_end=True)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_lie_on_the_upright_original(analyze, predict, tmp_path, orientation):
    upright = Image.open(SAMPLE)
    stored = upright.transpose(Image.Transpose(TURNS[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.jpg"
    stored.save(path, exif=exif, quality=95)
    found = yolo.distances(analyze, path, predict, "found")
    assert found
    assert max(found) < 1


@pytest.mark.parametrize("pattern", ["*.jpg", "coco8/images/*/*.jpg", "exif/*.jpg"])
def test_boxes_on_photos_are_those_of_ultralytics(analyze, predict, shared_data, pattern):
    found = [
        each
        for path in sorted((shared_data / "photos").glob(pattern))
        for each in yolo.distances(analyze, path, predict, "found")
    ]
    assert found
    assert max(found) < 1


def test_official_weights_are_downloaded_to_where_the_entry_says(tmp_path, monkeypatch, capsys):
    """ultralytics' download is replaced: first by one that fails, as without internet, then by a copy."""

    def fail(path):
        raise ConnectionError("no route to the assets")

    checkpoints.write_manifest(tmp_path, ENTRY.replace(str(CHECKPOINT), "yolo26n.pt"))
    monkeypatch.setattr("ultralytics.utils.downloads.attempt_download_asset", fail)
    assert run(tmp_path) == 2
    assert f"{tmp_path}/yolo26n.pt: no such file, and it cannot be downloaded: no route" in capsys.readouterr().err
    copy = shutil.copyfile
    monkeypatch.setattr("ultralytics.utils.downloads.attempt_download_asset", lambda path: copy(CHECKPOINT, path))
    assert run(tmp_path) == 0
    assert (tmp_path / "networks/found/1/model.onnx").is_file()


def test_file_that_is_no_official_weights_is_named(tmp_path, capsys):
    checkpoints.write_manifest(tmp_path, ENTRY.replace(str(CHECKPOINT), "ours.pt"))
    assert run(tmp_path) == 2
    assert "no official weights of ultralytics have this name; correct checkpoint" in capsys.readouterr().err


def test_suppression_is_that_of_ultralytics():
    """Raw heads: the same survivors, in the same order."""
    from ultralytics.utils.nms import non_max_suppression

    random = np.random.default_rng(11)
    raw = random.uniform(0, 1, (4 + 3, 400)).astype(np.float32) ** 2
    raw[:2], raw[2:4] = random.uniform(20, 300, (2, 400)), random.uniform(10, 90, (2, 400))
    (expected,) = non_max_suppression(torch.from_numpy(raw[None]), conf_thres=0.25, iou_thres=0.7)
    found = boxes.read_raw(raw, 0.25, 0.7, 300)
    assert len(found.scores) > 100
    np.testing.assert_allclose(found.boxes, expected[:, :4], atol=1e-3)
    np.testing.assert_allclose(found.scores, expected[:, 4])
    assert found.labels.tolist() == expected[:, 5].int().tolist()


def test_a_yolo_takes_the_place_of_any_detector(tmp_path):
    """In one line, with its own labels, pixels and licence; for other tasks it is refused."""
    checkpoints.yolo_entry(tmp_path)
    checkpoints.write_manifest(tmp_path, checkpoints.bright_entry(tmp_path))
    assert run(tmp_path, "bright", "--checkpoint", str(tmp_path / "boxes.pt")) == 0
    certificate = read_certificate(tmp_path / "networks/bright/1")
    assert certificate.entry["framework"] == "ultralytics"
    assert certificate.entry["pixels"] == Pixels().model_dump(mode="json")
    assert len(certificate.labels) == 80


def test_a_yolo_is_refused_for_another_task(tmp_path, capsys):
    checkpoints.yolo_entry(tmp_path)
    checkpoints.write_manifest(tmp_path, checkpoints.torch_entry(tmp_path))
    assert run(tmp_path, "colour", "--checkpoint", str(tmp_path / "boxes.pt")) == 2
    assert "boxes.pt: is a YOLO by ultralytics; colour has task classification" in capsys.readouterr().err
