"""Export of each kind in small, the parity check, and what happens when something is wrong."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from export.__main__ import main
from export.certificate import read_certificate
from export.checkpoint import load_source
from export.frameworks.source import Layout
from export.graph import IR_VERSION, normalise
from export.manifest import load_manifest
from export.parity import SAMPLE
from export.preprocessing import load_pixels
from export.repository import Repository
from tests import checkpoints

KINDS = {
    "hat": checkpoints.keras_entry,
    "hat3": lambda folder: checkpoints.keras_entry(folder, ".keras").replace("models.hat", "models.hat3"),
    "colour": checkpoints.torch_entry,
    "kind": checkpoints.functional_entry,
    "script": checkpoints.script_entry,
    "program": checkpoints.program_entry,
    "single": lambda folder: checkpoints.program_entry(folder, fixed=True),
    "tell": checkpoints.caption_entry,
    "boxes": checkpoints.yolo_entry,
    "boxes8": lambda folder: checkpoints.yolo_entry(folder, "yolov8n.yaml").replace("models.boxes", "models.boxes8"),
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
    assert certificate.parity["batches"] == ([1] if name in ("ready", "single") else [1, 2, 8])
    assert certificate.parity["pictures"] == [SAMPLE.name]


@pytest.mark.parametrize("name", ["hat", "hat3", "colour", "kind", "script", "program", "single"])
def test_probabilities_add_up_to_one(exported, name):
    folder = exported[name]
    (model,) = load_manifest(folder / "models.toml").models
    session = onnxruntime.InferenceSession(folder / "networks" / name / "1" / "model.onnx")
    (probabilities,) = session.run(None, {"IMAGES": load_pixels(SAMPLE.read_bytes(), model)[None]})
    assert probabilities.shape == (1, len(model.labels))
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("name", "end_to_end"), [("boxes", True), ("boxes8", False)])
def test_heads_are_told_apart(exported, name, end_to_end):
    certificate = read_certificate(exported[name] / "networks" / name / "1")
    assert certificate.end_to_end is end_to_end
    assert len(certificate.labels) == 80
    text = (exported[name] / "ensembles" / "postprocess_detection" / "config.pbtxt").read_text()
    assert f'\\"end_to_end\\": {str(end_to_end).lower()}' in text


@pytest.mark.parametrize("name", ["boxes", "boxes8"])
def test_boxes_do_not_depend_on_the_batch(exported, name):
    session = onnxruntime.InferenceSession(exported[name] / "networks" / name / "1" / "model.onnx")
    noise = np.random.default_rng(3).integers(0, 255, (8, 64, 64, 3), dtype=np.uint8)
    (together,) = session.run(None, {"IMAGES": noise})
    for index in range(8):
        (alone,) = session.run(None, {"IMAGES": noise[index : index + 1]})
        np.testing.assert_allclose(alone[0], together[index], atol=1e-3)


def test_network_carries_the_checksum_to_the_server(exported):
    for name, folder in exported.items():
        certificate = read_certificate(folder / "networks" / name / "1")
        assert certificate.checksum in (folder / "networks" / name / "config.pbtxt").read_text()


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


def write_broken(folder):
    """Files that are no checkpoints, or not harmless ones."""
    (folder / "text.h5").write_text("no HDF5")
    torch.save(checkpoints.seeded(checkpoints.TinyClassifier), folder / "whole.pt")
    whole = (folder / "whole.pt").read_bytes()
    (folder / "truncated.pt").write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("entry", "old", "new", "words"),
    [
        ("colour", 'labels = ["red", "green", "blue"]', 'labels = ["red", "blue"]', "labels of colour name 2"),
        ("colour", "TinyClassifier", "TinyCaption", "does not fit tests.checkpoints:TinyCaption"),
        ("colour", "TinyClassifier", "Nothing", "has no Nothing"),
        ("colour", "TinyClassifier", "Branching", "torch cannot turn it into ONNX"),
        ("colour", 'factory = "tests.checkpoints:TinyClassifier"', "", "is a state dict; give factory"),
        ("script", '"script.pt"', '"whole.pt"', "holds tests.checkpoints.TinyClassifier"),
        ("program", "width = 16", "width = 20", "takes (3, 16, 16)"),
        ("kind", 'output = "kind"', 'output = "decoded"', "labels of kind"),
        ("kind", 'output = "kind"', "", "one of decoded, kind"),
        ("boxes", '"boxes.pt"', '"whole.pt"', "no part of ultralytics' models"),
        ("boxes", '"boxes.pt"', '"truncated.pt"', "that is cut off; copy or download it again"),
        ("colour", "tests.checkpoints:", "tests.nowhere:", "cannot import tests.nowhere"),
        ("colour", '"colour.pt"', '"missing.pt"', "no such file"),
        ("colour", '"colour.pt"', '"models.toml"', "cannot read it as a state dict"),
        ("colour", 'softmax"', 'softmax"\natol = 1e-30', "differs from torch"),
        ("hat", "width = 16", "width = 32", "takes input (16, 16, 1)"),
        ("hat", '"grey"', '"rgb"', "takes input (16, 16, 1)"),
        ("hat", '"hat.h5"', '"text.h5"', "Keras cannot read it"),
        ("tell", '"words.json"', '"models.toml"', "the vocabulary lacks <start>, <end>"),
        ("boxes", '"boxes.pt"', '"models.toml"', "ultralytics cannot read it"),
        ("boxes", "width = 64", "width = 70", "multiples"),
        ("boxes", 'framework = "ultra', 'labels = ["a", "b"]\nframework = "ultra', "has 80 classes"),
        ("ready", "width = 32", "width = 64", "which does not fit"),
        ("ready", '"ready.onnx"', '"models.toml"', "not a readable ONNX file"),
        ("ready", '"onnx"', '"onnx"\noutput = "boxes"', "has no output boxes, only output0"),
    ],
)  # fmt: skip
def test_wrong_checkpoint_ends_in_one_line_and_leaves_nothing(tmp_path, capsys, entry, old, new, words):
    text = KINDS[entry](tmp_path)
    assert old in text
    write_broken(tmp_path)
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


@pytest.mark.parametrize(
    ("beam_width", "network"),
    [(1, checkpoints.TinyAttention), (3, checkpoints.TinyCaption), (5, checkpoints.TinyAttention)],
)
def test_captions_are_those_of_the_reference(tmp_path, beam_width, network):
    checkpoints.write_manifest(tmp_path, checkpoints.caption_entry(tmp_path, beam_width, network))
    assert run(tmp_path) == 0
    (model,) = load_manifest(tmp_path / "models.toml").models
    source = load_source(model)
    session = onnxruntime.InferenceSession(tmp_path / "networks" / "tell" / "1" / "model.onnx")
    noise = np.random.default_rng(beam_width).integers(0, 255, (24, 32, 32, 3), dtype=np.uint8)
    noise[::2] //= np.arange(2, 14, dtype=np.uint8)[:, None, None, None]
    expected_tokens, expected_scores = source.predict(normalise(noise, model, source.layout))
    assert len(np.unique(expected_tokens, axis=0)) > 3
    for size in (1, 2, 8):
        for batch in np.split(np.arange(24), 24 // size):
            tokens, scores = session.run(None, {"IMAGES": noise[batch]})
            assert tokens.dtype == np.int32
            assert np.array_equal(tokens, expected_tokens[batch])
            np.testing.assert_allclose(scores, expected_scores[batch], atol=1e-4)
    if beam_width == 1:
        assert np.array_equal(expected_tokens, decode_greedily(network, noise, model))


@torch.no_grad()
def decode_greedily(network, images, model):
    """The shortest way to write it, to check the reference itself."""
    module = checkpoints.seeded(network)
    start, end = checkpoints.WORDS.index("<start>"), checkpoints.WORDS.index("<end>")
    state = module.encode(torch.from_numpy(normalise(images, model, Layout.NCHW)))
    last, sentence = torch.full((len(images),), start), []
    for _ in range(model.decoding.max_length):
        logits, *state = module.step(last, *state)
        ended = (torch.stack(sentence) == end).any(0) if sentence else torch.zeros(len(images), dtype=torch.bool)
        last = torch.where(ended, end, logits.argmax(1))
        sentence.append(last)
    return torch.stack(sentence, 1).numpy()


def test_trusted_checkpoint_is_unpickled_and_needs_no_factory(tmp_path):
    write_broken(tmp_path)
    entry = checkpoints.without_factory(checkpoints.torch_entry(tmp_path), "whole", "whole.pt")
    checkpoints.write_manifest(tmp_path, entry)
    assert run(tmp_path) == 2
    assert run(tmp_path, "--trust-checkpoint") == 0
    assert run(tmp_path, "--check", "--trust-checkpoint") == 0


def test_bundled_configs_are_what_export_writes(tmp_path):
    from export.entry import STEPS
    from export.repository import ENSEMBLES, NETWORKS

    repository = Repository(NETWORKS, ENSEMBLES)
    paths = [*NETWORKS.glob("*/config.pbtxt"), *ENSEMBLES.glob("*/config.pbtxt")]
    before = {path: path.read_bytes() for path in paths}
    manifest = load_manifest()
    assert len(before) == len(manifest.models) + len(STEPS)
    repository.write_configs(manifest)
    assert {path: path.read_bytes() for path in before} == before
