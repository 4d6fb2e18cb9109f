"""`make export` on a clean clone gives the committed repository again."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.__main__ import main
from export.certificate import is_same_entry, read_certificate
from export.manifest import load_manifest
from export.repository import ENSEMBLES, NETWORKS

NAMES = [model.name for model in load_manifest().models]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All bundled models exported anew, as version 1."""
    folder = tmp_path_factory.mktemp("again")
    options = [f"--networks={folder / NETWORKS.name}", f"--ensembles={folder / ENSEMBLES.name}"]
    assert main(options) == 0
    return folder


@pytest.mark.parametrize("repository", [NETWORKS, ENSEMBLES])
def test_configs_are_the_committed_ones(folder, repository):
    committed = sorted(repository.rglob("*.pbtxt"))
    assert committed
    for path in committed:
        assert (folder / path.relative_to(repository.parent)).read_text() == path.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_network_is_the_committed_one(folder, name):
    """Node by node; constants that the exporter computes may differ in the last digit on another processor."""
    again, committed = (onnx.load(path / name / "1" / "model.onnx") for path in (folder / NETWORKS.name, NETWORKS))
    assert [node.op_type for node in again.graph.node] == [node.op_type for node in committed.graph.node]
    for one, other in zip(again.graph.initializer, committed.graph.initializer, strict=True):
        assert one.name == other.name
        step = 1 if one.data_type == onnx.TensorProto.INT8 else 1e-7  # the last digit may tip a rounding
        np.testing.assert_allclose(numpy_helper.to_array(one), numpy_helper.to_array(other), rtol=1e-5, atol=step)


@pytest.mark.parametrize("name", NAMES)
def test_certificate_says_the_same_of_both(folder, name):
    again, committed = (read_certificate(path / name / "1") for path in (folder / NETWORKS.name, NETWORKS))
    for field in ("checksum", "labels", "end_to_end", "shape", "opset", "tools"):
        assert getattr(again, field) == getattr(committed, field)
    (model,) = load_manifest().select([name])
    assert is_same_entry(model, again)
    assert is_same_entry(model, committed)


@pytest.mark.parametrize("name", NAMES)
def test_network_tells_nothing_of_the_machine_that_made_it(name):
    data = (NETWORKS / name / "1" / "model.onnx").read_bytes()
    assert b"site-packages" not in data
    assert b"/export/" not in data
