"""OpenVINO in ONNX Runtime's place: the same answers, whatever the batch, the threads and the arrays."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from onnx import TensorProto, helper

from contract.pixels import load_module
from export.entry import ROOT, Accelerator, Weights
from export.errors import CheckpointError
from export.manifest import load_manifest
from export.parity import SAMPLE
from export.preprocessing import load_pixels
from export.repository import NETWORKS
from export.session import open_served, open_session
from tests.tiny_networks import make_network

OpenVinoNetwork = load_module(ROOT / "backends" / "onnxruntime" / "openvino_network.py").OpenVinoNetwork
RANDOM = np.random.default_rng(5)


def make_images(count):
    return RANDOM.integers(0, 255, (count, 8, 8, 3), dtype=np.uint8)


def make_unknown():
    """A network with an operator of ONNX Runtime's own."""
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3, 3]) for name in ("IN", "OUT")]
    node = helper.make_node("Inverse", ["IN"], ["OUT"], domain="com.microsoft")
    graph = helper.make_graph([node], "unknown", tensors[:1], tensors[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def make_sum(batch):
    """A network that adds up all numbers of its input [batch, 2]."""
    graph = helper.make_graph(
        [helper.make_node("ReduceSum", ["IN"], ["OUT"], keepdims=1)],
        "sum",
        [helper.make_tensor_value_info("IN", TensorProto.FLOAT, [batch, 2])],
        [helper.make_tensor_value_info("OUT", TensorProto.FLOAT, [1, 1])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


@pytest.fixture(scope="module")
def network():
    return OpenVinoNetwork(make_network((8, 8)).SerializeToString(), threads=2)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_each_image_has_its_row(network, count):
    images = make_images(count)
    mean, maximum = network.run(["MEAN", "MAXIMUM"], {"IMAGES": images})
    np.testing.assert_allclose(mean, images.mean((1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(maximum, images.max((1, 2)))
    (alone,) = network.run(["MAXIMUM"], {"IMAGES": images})
    np.testing.assert_array_equal(alone, maximum)


def test_arrays_that_are_read_only_or_scattered_are_taken(network):
    images = make_images(6)[::2]
    images.flags.writeable = False
    _, maximum = network.run(None, {"IMAGES": images})
    np.testing.assert_array_equal(maximum, images.max((1, 2)))


def test_threads_keep_their_own_answers(network):
    """More threads than requests: they wait for each other."""
    batches = [make_images(1 + i % 3) for i in range(60)]
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(lambda images: network.run(["MAXIMUM"], {"IMAGES": images})[0], batches)
        for images, answer in zip(batches, answers, strict=True):
            np.testing.assert_array_equal(answer, images.max((1, 2)))


def test_an_error_is_one_line_and_leaves_the_network_usable(network):
    for _ in range(3):
        with pytest.raises(RuntimeError, match=r"1\.5\.5\.3.* are incompatible") as caught:
            network.run(None, {"IMAGES": np.zeros((1, 5, 5, 3), np.uint8)})
        assert "\n" not in str(caught.value)
        assert "src/inference" not in str(caught.value)
    assert network.run(["MAXIMUM"], {"IMAGES": make_images(2)})[0].shape == (2, 3)


def test_what_it_does_not_run_is_named():
    with pytest.raises(RuntimeError, match=r"com\.microsoft\.Inverse"):
        OpenVinoNetwork(make_unknown())
    with pytest.raises(RuntimeError, match="Unable to read the model"):
        OpenVinoNetwork(b"no network")
    with pytest.raises(RuntimeError, match="free dimensions besides the batch"):
        OpenVinoNetwork(make_network().SerializeToString())


def test_export_refuses_an_accelerator_that_does_not_run_the_network():
    (model,) = load_manifest().select(["objects"])
    model = model.model_copy(update={"accelerator": Accelerator.OPENVINO})
    with pytest.raises(CheckpointError, match=r"OpenVINO does not run objects: .*Inverse.*; leave accelerator out"):
        open_served(make_unknown(), model)


def test_a_first_dimension_that_is_fixed_is_not_split():
    network = OpenVinoNetwork(make_sum(3))
    (total,) = network.run(None, {"IN": np.ones((3, 2), np.float32)})
    assert total == [[6]]


# Of 8-bit weights it computes other numbers; an entry that asks for both is refused.
@pytest.mark.parametrize(
    "model", [each for each in load_manifest().models if each.weights is not Weights.INT8], ids=lambda model: model.name
)
def test_bundled_networks_answer_as_by_onnx_runtime(model):
    path = max((NETWORKS / model.name).glob("*/model.onnx"))
    images = np.stack([np.roll(load_pixels(SAMPLE.read_bytes(), model), shift, axis=1) for shift in (0, 9, 30)])
    expected = open_session(path.read_bytes()).run(None, {"IMAGES": images})
    answered = OpenVinoNetwork(path).run(None, {"IMAGES": images})
    for one, other in zip(expected, answered, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=2e-3)
