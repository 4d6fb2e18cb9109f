"""Half precision and 8 bits: types in the graph, accuracy in the certificate, and the refusal of too large a loss."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest

from export.manifest import load_manifest
from export.precision import measure
from export.tasks.detection import boxes
from tests import checkpoints
from tests.pictures import encode, gradient
from tests.test_export import run, tree

KINDS = {"hat": checkpoints.keras_entry, "tell": checkpoints.caption_entry, "boxes": checkpoints.yolo_entry}


def write_pictures(folder, labels=("",)):
    """Six pictures, in one folder per label."""
    for index in range(6):
        path = folder / "pictures" / labels[index % len(labels)] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(gradient(40 + 8 * index, 60 - 6 * index).rotate(60 * index)))


def write_entry(folder, make, precision, more=""):
    field = f'precision = "{precision}"\ncalibration = "pictures"\n{more}\ngeometry ='
    checkpoints.write_manifest(folder, make(folder).replace("\ngeometry =", f"\n{field}", 1))


def read_certificate(folder, name):
    return json.loads((folder / "networks" / name / "1" / "certificate.json").read_text())


def weight_types(network):
    return {onnx.TensorProto.DataType.Name(tensor.data_type) for tensor in network.graph.initializer if tensor.dims}


@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("name", KINDS)
def test_lower_precision_is_exported_judged_and_checked(tmp_path, name, precision):
    write_pictures(tmp_path)
    write_entry(tmp_path, KINDS[name], precision, "max_loss = 0.99")
    assert run(tmp_path) == 0
    certificate = read_certificate(tmp_path, name)
    assert certificate["parity"]["difference"] <= certificate["parity"]["atol"]
    assert certificate["reduction"]["before"] == 1.0
    assert 0 <= certificate["reduction"]["after"] <= 1.0
    assert len(certificate["reduction"]["pictures"]) == 6
    network = onnx.load(tmp_path / "networks" / name / "1" / "model.onnx")
    assert network.ir_version == 8
    assert ("FLOAT16" if precision == "fp16" else "INT8") in weight_types(network)
    assert network.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert run(tmp_path, "--check") == 0


def test_int8_weights_have_a_scale_per_channel(tmp_path):
    write_pictures(tmp_path)
    write_entry(tmp_path, checkpoints.keras_entry, "int8", "max_loss = 0.99")
    assert run(tmp_path) == 0
    network = onnx.load(tmp_path / "networks" / "hat" / "1" / "model.onnx")
    dequantised = [node for node in network.graph.node if node.op_type == "DequantizeLinear"]
    constants = {tensor.name: tensor for tensor in network.graph.initializer}
    assert any(constants[node.input[1]].dims == [4] for node in dequantised)  # four filters, four scales
    zeros = [onnx.numpy_helper.to_array(constants[node.input[2]]) for node in dequantised if len(node.input) > 2]
    assert all(not zero.any() for zero in zeros)  # symmetric, as TensorRT wants it


def test_labels_of_folders_are_the_truth(tmp_path):
    write_pictures(tmp_path, ("no hat", "hat"))
    write_entry(tmp_path, checkpoints.keras_entry, "fp16")
    assert run(tmp_path) == 0
    (model,) = load_manifest(tmp_path / "models.toml").models
    network = (tmp_path / "networks/hat/1/model.onnx").read_bytes()
    paths = sorted((tmp_path / "pictures").rglob("*.png"))
    session = onnxruntime.InferenceSession(network)
    from export.preprocessing import load_pixels

    said = [session.run(None, {"IMAGES": load_pixels(path.read_bytes(), model)[None]})[0].argmax() for path in paths]
    right = np.mean([model.labels[index] == path.parent.name for index, path in zip(said, paths, strict=True)])
    reduction = read_certificate(tmp_path, "hat")["reduction"]
    assert reduction["after"] == pytest.approx(right)
    assert reduction["before"] < 1  # an untrained network cannot be right on both


def test_too_large_a_loss_is_refused_and_nothing_changes(tmp_path, capsys, monkeypatch):
    """Two unlike networks stand for one that quantisation has spoilt."""
    write_pictures(tmp_path)
    write_entry(tmp_path, checkpoints.keras_entry, "int8", "max_loss = 0.2")
    before = tree(tmp_path)

    def spoil(network, model, pictures):
        spoilt = onnx.ModelProto()
        spoilt.CopyFrom(network)
        for tensor in spoilt.graph.initializer:
            if tensor.name == "served/pair_scale":
                tensor.CopyFrom(onnx.numpy_helper.from_array(np.array([1, -1], dtype=np.float32), tensor.name))
            if tensor.name == "served/pair_bias":
                tensor.CopyFrom(onnx.numpy_helper.from_array(np.array([0, 1], dtype=np.float32), tensor.name))
        return spoilt

    monkeypatch.setattr("export.build.reduce", spoil)
    assert run(tmp_path) == 2
    message = capsys.readouterr().err
    assert "hat falls from 1.000 to 0.000 on 6 pictures, tolerated is a loss of 0.2" in message
    assert message.count("\n") == 1
    assert tree(tmp_path) == before


def test_precision_needs_pictures(tmp_path, capsys):
    checkpoints.write_manifest(tmp_path, checkpoints.keras_entry(tmp_path) + 'precision = "int8"\n')
    assert run(tmp_path) == 2
    assert "calibration (a folder of pictures) is needed for precision int8" in capsys.readouterr().err


def test_objects_count_once_and_by_label():
    from export.tasks.detection import _count_hits

    one = boxes.Detections(np.array([[0, 0, 10, 10], [50, 50, 60, 60]], np.float32), np.ones(2), np.array([0, 1]))
    moved = boxes.Detections(np.array([[1, 0, 11, 10], [0, 1, 10, 11]], np.float32), np.ones(2), np.array([0, 0]))
    assert _count_hits(one, one) == 2
    assert _count_hits(one, moved) == 1
    assert _count_hits(one, boxes.Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0))) == 0
    assert measure.__doc__
