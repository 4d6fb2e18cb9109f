"""Detectors' heads: found by their shape, read as their authors read them, and refused where they are another."""

import ast

import numpy as np
import onnx
import onnxruntime
import pytest

from contract.pixels import load_step
from export.certificate import read_certificate
from export.entry import ROOT
from export.manifest import load_manifest
from export.parity import SAMPLE
from export.preprocessing import geometry_of, load_pixels
from tests import checkpoints, heads
from tests.analyzing import Analyzer
from tests.serving_process import serve_exported
from tests.test_export import run
from tests.yolo import served_boxes

boxes = load_step("postprocess_detection", "boxes")
REAL = ROOT.parent / "shared" / "data" / "weights" / "yolox_nano.onnx"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One model per head, exported into one repository."""
    folder = tmp_path_factory.mktemp("heads")
    entries = [heads.write_entry(folder, name, make()) for name, (make, _) in heads.HEADS.items()]
    checkpoints.write_manifest(folder, *entries)
    assert run(folder) == 0
    return folder


@pytest.fixture(scope="module")
def yolox(tmp_path_factory):
    """A made YOLOX, and the real one beside it where it is."""
    folder = tmp_path_factory.mktemp("yolox")
    checkpoints.write_manifest(folder, heads.write_entry(folder, "made", heads.yolox()), *real_entry())
    assert run(folder) == 0
    return folder


def real_entry():
    if not REAL.is_file():
        return []
    said = {entry.key: entry.value for entry in onnx.load(ROOT / "zoo/checkpoints/objects.onnx").metadata_props}
    return [
        f"""
[models.nano]
task = "detection"
framework = "onnx"
checkpoint = "{REAL}"
labels = {list(ast.literal_eval(said["names"]).values())}
geometry = {{ mode = "letterbox", width = 416, height = 416, resample = "bilinear" }}
pixels = {{ channels = "bgr", divide = 1 }}
decoding = {{ iou = 0.45 }}
instances = 1
"""
    ]


@pytest.fixture(scope="module")
def analyze(yolox):
    with serve_exported(yolox) as on:
        yield Analyzer(on.urls["Triton gRPC"])


@pytest.mark.parametrize("name", heads.HEADS)
def test_head_is_found_and_read(folder, name):
    certificate = read_certificate(folder / "networks" / name / "1")
    assert f"the detector's head is {heads.HEADS[name][1]}" in certificate.notes
    session = onnxruntime.InferenceSession(folder / "networks" / name / "1" / "model.onnx")
    (rows,) = session.run(None, {"IMAGES": np.zeros((2, heads.SIDE, heads.SIDE, 3), dtype=np.uint8)})
    for each in rows:
        read = boxes.read_end_to_end(each, 0.1, 9) if certificate.end_to_end else boxes.read_raw(each, 0.1, 0.7, 9)
        np.testing.assert_allclose(read.boxes, heads.BOXES, atol=1e-3)
        np.testing.assert_allclose(read.scores, heads.SCORES, atol=1e-3)
        assert read.labels.tolist() == heads.NUMBERS.tolist()


def test_a_yolox_is_served_by_triton(analyze):
    """The sample is a square, so the input's pixels are eight of its own."""
    served = served_boxes(analyze, SAMPLE.read_bytes(), "made")
    found = served[served[:, 4] > 0.1]
    np.testing.assert_allclose(found[:, :4], heads.BOXES * 512 / heads.SIDE, atol=0.01)
    assert found[:, 5].tolist() == heads.NUMBERS.tolist()


@pytest.mark.skipif(not REAL.is_file(), reason="the weights of YOLOX-nano are not here")
def test_boxes_of_a_real_yolox_are_those_of_its_own_post_processing(yolox, analyze, shared_data):
    (model,) = load_manifest(yolox / "models.toml").select(["nano"])
    session = onnxruntime.InferenceSession(REAL)
    compared = 0
    for path in sorted((shared_data / "photos").glob("*.jpg")):
        photo = path.read_bytes()
        pixels = load_pixels(photo, model)[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32)
        (outputs,) = session.run(None, {"images": pixels})
        (size,) = analyze(photo, outputs=["IMAGE_SIZE"])["IMAGE_SIZE"]
        served = served_boxes(analyze, photo, "nano")
        for row in postprocess_yolox(outputs, geometry_of(model).transform(*size)):
            same = served[served[:, 5] == row[5]]
            assert np.abs(same[:, :4] - row[:4]).max(1).min() < 1
            compared += 1
    assert compared > 10


def postprocess_yolox(outputs, transform, score=0.25, iou=0.45):
    """Rows (x1, y1, x2, y2, score, class) on the photo, as by YOLOX's `demo_postprocess` and `multiclass_nms`."""
    grids, strides = [], []
    for stride in (8, 16, 32):
        side = 416 // stride
        xv, yv = np.meshgrid(np.arange(side), np.arange(side))
        grids.append(np.stack((xv, yv), 2).reshape(1, -1, 2))
        strides.append(np.full((1, side * side, 1), stride))
    grid, stride = np.concatenate(grids, 1), np.concatenate(strides, 1)
    outputs = outputs.copy()
    outputs[..., :2] = (outputs[..., :2] + grid) * stride
    outputs[..., 2:4] = np.exp(outputs[..., 2:4]) * stride
    (rows,) = outputs
    scores = rows[:, 4:5] * rows[:, 5:]
    classes, best = scores.argmax(1), scores.max(1)
    corners = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], 1)
    found = np.column_stack([corners, best, classes])[best > score]
    kept = suppress(found[np.argsort(-found[:, 4])], iou)
    kept[:, :4] = boxes.to_original(kept[:, :4], transform)
    return kept


def suppress(rows, iou):
    """YOLOX's `nms`, across classes, with its areas of one pixel more."""
    kept = []
    while len(rows):
        best, rows = rows[0], rows[1:]
        kept.append(best)
        sides = np.minimum(best[2:4], rows[:, 2:4]) - np.maximum(best[:2], rows[:, :2]) + 1
        shared = np.clip(sides, 0, None).prod(1)
        areas = (rows[:, 2:4] - rows[:, :2] + 1).prod(1) + (best[2:4] - best[:2] + 1).prod()
        rows = rows[shared / (areas - shared) <= iou]
    return np.array(kept)


TWO = ["cat", "dog"]
SIGMOID_LEFT = {"output0": heads.raw()["output0"] * np.where(np.arange(7) < 4, 1, 5)[:, None].astype(np.float32)}
TURNED = {"output0": heads.end_to_end()["output0"][:, [2, 3, 0, 1, 4, 5]]}
SHARES = {"output0": heads.raw()["output0"] / np.where(np.arange(7) < 4, heads.SIDE, 1)[:, None].astype(np.float32)}


@pytest.mark.parametrize(
    ("outputs", "lines", "labels", "words"),
    [
        (heads.raw(), [], TWO, "gives 7x84 numbers, which with 2 labels is no head that is known"),
        (heads.yolox(), [], ["cat"], "gives 84x8 numbers, which with 1 label is no head"),
        (heads.yolov5(), ['decoding = { head = "yolov5" }'], TWO, "gives rows of 7 numbers, found with 2 labels needs"),
        (heads.end_to_end(), [], TWO, "fits several heads; set decoding.head of found to one of"),
        (heads.yolov5(84), [], heads.LABELS, 'from the corner of 64x64; a head that decodes its boxes itself is decod'),
        (heads.yolox(), ['decoding = { head = "yolov5" }'], heads.LABELS, "correct decoding.head"),
        (heads.end_to_end(), [], ["cat"], "labels up to 2 for 1 name;"),
        (SIGMOID_LEFT, [], heads.LABELS, "gives scores from 0.005 to 4.5, which are no probabilities"),
        (TURNED, [], heads.LABELS, "boxes whose right or lower side comes first"),
        (SHARES, [], heads.LABELS, "boxes below 4 pixels, as if they were shares"),
        (heads.yolov5(100), ['decoding = { head = "yolox" }'], heads.LABELS, "a YOLOX of 64x64 pixels has 84 or 85"),
        (heads.detr(), ['output = "boxes"'], heads.LABELS, "to one of logits, pred_boxes, last_hidden_state"),
    ],
)  # fmt: skip
def test_what_is_no_such_head_is_refused_in_one_line(tmp_path, capsys, outputs, lines, labels, words):
    checkpoints.write_manifest(tmp_path, heads.write_entry(tmp_path, "found", outputs, *lines, labels=labels))
    assert run(tmp_path) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1
    assert not (tmp_path / "networks/found").exists()


def test_a_head_that_decodes_is_taken_when_it_is_named(tmp_path):
    entry = heads.write_entry(tmp_path, "found", heads.yolov5(84), 'decoding = { head = "yolov5" }')
    checkpoints.write_manifest(tmp_path, entry)
    assert run(tmp_path) == 0


@pytest.mark.parametrize("task", ["pose", "segment", "obb", "classify"])
def test_a_yolo_for_another_task_is_refused_by_name(tmp_path, capsys, task):
    entry = heads.write_entry(tmp_path, "found", heads.raw())
    network = onnx.load(tmp_path / "found.onnx")
    onnx.helper.set_model_props(network, {"author": "Ultralytics", "task": task})
    onnx.save(network, tmp_path / "found.onnx")
    checkpoints.write_manifest(tmp_path, entry)
    assert run(tmp_path) == 2
    assert f"is a YOLO for the task {task}; found has task detection" in capsys.readouterr().err


@pytest.mark.parametrize("architecture", ["yolov8n-pose.yaml", "yolo11n-cls.yaml"])
def test_a_yolo_checkpoint_for_another_task_is_refused_by_name(tmp_path, capsys, architecture):
    from ultralytics import YOLO

    entry = checkpoints.yolo_entry(tmp_path)
    network = YOLO(architecture)
    network.save(tmp_path / "boxes.pt")
    checkpoints.write_manifest(tmp_path, entry)
    assert run(tmp_path) == 2
    assert f"is a YOLO for the task {network.task}; boxes has task detection" in capsys.readouterr().err
