"""Export of each kind in small, the parity check, and what happens when something is wrong."""

import numpy as np
import onnx
import onnxruntime
import pytest

from export.__main__ import main
from export.certificate import read_certificate
from export.graph import IR_VERSION
from export.manifest import load_manifest
from export.parity import SAMPLE
from export.preprocessing import load_pixels
from export.repository import Repository
from tests import checkpoints

KINDS = {
    "hat": checkpoints.keras_entry,
    "hat3": lambda folder: checkpoints.keras_entry(folder, ".keras").replace("models.hat", "models.hat3"),
    "colour": checkpoints.torch_entry,
    "tell": checkpoints.caption_entry,
    "boxes": checkpoints.yolo_entry,
    "ready": checkpoints.onnx_entry,
}


def run(folder, *arguments):
    paths = [f"--manifest={folder / 'models.toml'}", f"--networks={folder / 'networks'}"]
    return main([*paths, f"--ensembles={folder / 'ensembles'}", *arguments])


def tree(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Every kind, each in a repository of its own: {name: folder}."""
    folders = {}
    for name, make in KINDS.items():
        folder = folders[name] = tmp_path_factory.mktemp(name)
        checkpoints.write_manifest(folder, make(folder))
        assert run(folder) == 0
    return folders


@pytest.mark.parametrize("name", KINDS)
def test_network_keeps_the_contract(exported, name):
    network = onnx.load(exported[name] / "networks" / name / "1" / "model.onnx")
    assert network.ir_version == IR_VERSION
    assert max(domain.version for domain in network.opset_import) <= 21  # what ONNX Runtime 1.19 reads
    (images,) = network.graph.input
    assert images.name == "IMAGES"
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [dim.dim_value for dim in images.type.tensor_type.shape.dim][-1] == 3


@pytest.mark.parametrize("name", KINDS)
def test_certificate_tells_what_was_compared(exported, name):
    certificate = read_certificate(exported[name] / "networks" / name / "1")
    assert certificate.checksum.startswith("sha256:")
    assert certificate.parity["difference"] <= certificate.parity["atol"]
    assert certificate.parity["batches"] == ([1] if name == "ready" else [1, 2, 8])
    assert certificate.parity["pictures"] == [SAMPLE.name]


@pytest.mark.parametrize("name", ["hat", "hat3", "colour"])
def test_probabilities_add_up_to_one(exported, name):
    folder = exported[name]
    (model,) = load_manifest(folder / "models.toml").models
    session = onnxruntime.InferenceSession(folder / "networks" / name / "1" / "model.onnx")
    (probabilities,) = session.run(None, {"IMAGES": load_pixels(SAMPLE.read_bytes(), model)[None]})
    assert probabilities.shape == (1, len(model.labels))
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_fixed_batch_limits_the_ensemble(exported):
    text = (exported["ready"] / "ensembles" / "analyze" / "config.pbtxt").read_text()
    assert "max_batch_size: 1\n" in text


def test_exporting_again_changes_nothing_and_force_adds_a_version(tmp_path):
    checkpoints.write_manifest(tmp_path, checkpoints.torch_entry(tmp_path))
    assert run(tmp_path) == 0
    before = tree(tmp_path)
    assert run(tmp_path) == 0
    assert tree(tmp_path) == before
    for _ in range(3):
        assert run(tmp_path, "--force") == 0
    repository = Repository(tmp_path / "networks", tmp_path / "ensembles")
    assert repository.versions("colour") == [3, 4]


@pytest.mark.parametrize(
    ("entry", "old", "new", "words"),
    [
        ("colour", 'labels = ["red", "green", "blue"]', 'labels = ["red", "blue"]', "labels of colour name 2"),
        ("colour", "TinyClassifier", "TinyCaption", "does not fit tests.checkpoints:TinyCaption"),
        ("colour", "TinyClassifier", "Nothing", "has no Nothing"),
        ("colour", "tests.checkpoints:", "tests.nowhere:", "cannot import tests.nowhere"),
        ("colour", '"colour.pt"', '"missing.pt"', "no such file"),
        ("colour", '"colour.pt"', '"models.toml"', "cannot read it as a state dict"),
        ("colour", 'softmax"', 'softmax"\natol = 1e-30', "differs from its framework"),
        ("hat", "width = 16", "width = 32", "takes input (16, 16, 1)"),
        ("hat", '"grey"', '"rgb"', "takes input (16, 16, 1)"),
        ("hat", '"hat.h5"', '"text.h5"', "Keras cannot read it"),
        ("tell", '"words.json"', '"models.toml"', "the vocabulary lacks <start>, <end>"),
        ("boxes", '"boxes.pt"', '"models.toml"', "ultralytics cannot read it"),
        ("boxes", "width = 64", "width = 70", "multiples"),
        ("boxes", 'framework = "ultra', 'labels = ["a", "b"]\nframework = "ultra', "has 80 classes"),
        ("ready", "width = 32", "width = 64", "which does not fit"),
        ("ready", '"ready.onnx"', '"models.toml"', "not a readable ONNX file"),
        ("ready", '"onnx"', '"onnx"\noutput = "boxes"', "to one of output0"),
    ],
)  # fmt: skip
def test_wrong_checkpoint_ends_in_one_line_and_leaves_nothing(tmp_path, capsys, entry, old, new, words):
    text = KINDS[entry](tmp_path)
    assert old in text
    (tmp_path / "text.h5").write_text("no HDF5")
    checkpoints.write_manifest(tmp_path, text.replace(old, new, 1))
    before = tree(tmp_path)
    assert run(tmp_path) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.startswith("export: ")
    assert message.count("\n") == 1
    assert tree(tmp_path) == before


def test_parity_failure_leaves_a_served_repository_as_it_was(tmp_path):
    text = checkpoints.torch_entry(tmp_path)
    checkpoints.write_manifest(tmp_path, text)
    assert run(tmp_path) == 0
    checkpoints.write_manifest(tmp_path, text.replace('softmax"', 'softmax"\natol = 1e-30'))
    before = tree(tmp_path)
    assert run(tmp_path) == 2
    assert tree(tmp_path) == before


@pytest.mark.parametrize("beam_width", [1, 3, 5])
def test_captions_are_those_of_the_reference(tmp_path, beam_width):
    """Parity demands the same tokens; here also that decoding says something and that beams matter."""
    checkpoints.write_manifest(tmp_path, checkpoints.caption_entry(tmp_path, beam_width))
    assert run(tmp_path) == 0
    session = onnxruntime.InferenceSession(tmp_path / "networks" / "tell" / "1" / "model.onnx")
    noise = np.random.default_rng(beam_width).integers(0, 255, (8, 32, 32, 3), dtype=np.uint8)
    tokens, scores = session.run(None, {"IMAGES": noise})
    assert tokens.shape == (8, 9)
    assert tokens.dtype == np.int32
    assert np.all(scores < 0)


def test_bundled_configs_are_what_export_writes(tmp_path):
    from export.repository import ENSEMBLES, NETWORKS

    repository = Repository(NETWORKS, ENSEMBLES)
    paths = [*NETWORKS.glob("*/config.pbtxt"), *ENSEMBLES.glob("*/config.pbtxt")]
    before = {path: path.read_bytes() for path in paths}
    manifest = load_manifest()
    assert len(before) == len(manifest.models) + 4
    repository.write_configs(manifest)
    assert {path: path.read_bytes() for path in before} == before
