"""Weights in fewer bytes: what is stored, what comes back, and that the server computes with FP32 all the same."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export import weights
from export.checkpoint import load_source
from export.entry import Weights
from export.graph import wrap
from export.manifest import load_manifest
from export.parity import SAMPLE
from export.preprocessing import load_pixels
from export.session import open_session
from tests import checkpoints

BYTES = {"fp16": 0.53, "int8": 0.35}  # of those in FP32, graph and small tensors included


def network_of(**tensors):
    """A graph that hands its weights on: {name: array}."""
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in tensors]
    outputs = [helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, None) for name in tensors]
    constants = [numpy_helper.from_array(array, name) for name, array in tensors.items()]
    graph = helper.make_graph(nodes, "weights", [], outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def back(network):
    return onnxruntime.InferenceSession(network.SerializeToString()).run(None, {})


@pytest.mark.parametrize("channel", [0, 1, 2, 3])
def test_int8_has_a_scale_per_channel_whatever_its_axis(channel):
    """Channels of very unlike size, and one of zeros: each comes back to half a step of its own scale."""
    random = np.random.default_rng(channel)
    scale = np.logspace(-3, 3, 12, dtype=np.float32)
    scale[5] = 0
    kernel = np.moveaxis(
        random.normal(size=(12, 16, 16, 8)).astype(np.float32) * scale[:, None, None, None], 0, channel
    )
    network = network_of(kernel=kernel)
    weights.store(network.graph, Weights.INT8)
    (again,) = back(network)
    steps = np.abs(kernel).max(axis=tuple({0, 1, 2, 3} - {channel}), keepdims=True) / 127
    assert (np.abs(again - kernel) <= steps * 0.51).all()
    assert network.ByteSize() < kernel.nbytes * 0.26


def test_what_int8_does_not_suit_is_halved_or_left():
    random = np.random.default_rng(1)
    tensors = {
        "bias": random.normal(size=40_000),
        "narrow": random.normal(size=(32, 1, 9, 9)),
        "small": random.normal(size=(4, 4)),
        "huge": random.normal(size=(64, 64)) * 1e6,
    }
    network = network_of(**{name: array.astype(np.float32) for name, array in tensors.items()})
    weights.store(network.graph, Weights.INT8)
    types = {tensor.name: tensor.data_type for tensor in network.graph.initializer}
    half, full = TensorProto.FLOAT16, TensorProto.FLOAT
    assert types == {"bias/half": half, "narrow/half": half, "small": full, "huge": full}
    for array, again in zip(tensors.values(), back(network), strict=True):
        np.testing.assert_allclose(again, array, rtol=1e-3, atol=1e-5)


def test_weights_that_the_checkpoint_has_in_half_are_quantised_too():
    values = np.random.default_rng(2).normal(size=(256, 256)).astype(np.float32)
    network = network_of(kernel=values)
    weights.store(network.graph, Weights.FP16)
    halved = network.ByteSize()
    weights.store(network.graph, Weights.INT8)
    assert network.ByteSize() < halved * 0.55
    np.testing.assert_allclose(back(network)[0], values, atol=np.abs(values).max() / 127)


def test_halves_that_an_inner_graph_takes_stay():
    half = numpy_helper.from_array(np.ones((64, 64), dtype=np.float16), "half")
    to_full = {"to": TensorProto.FLOAT}
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    inner = helper.make_graph([helper.make_node("Cast", ["half"], ["out"], **to_full)], "inner", [], [out])
    yes = numpy_helper.from_array(np.array(True), "yes")
    nodes = [helper.make_node("If", ["yes"], ["both"], then_branch=inner, else_branch=inner)]
    nodes += [
        helper.make_node("Cast", ["half"], ["full"], **to_full),
        helper.make_node("Add", ["both", "full"], ["sum"]),
    ]
    outputs = [helper.make_tensor_value_info("sum", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "weights", [], outputs, [half, yes])
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    weights.store(network.graph, Weights.INT8)
    np.testing.assert_allclose(back(network)[0], 2)


@pytest.fixture(scope="module")
def sunglasses():
    """The bundled entry, and its checkpoint."""
    (model,) = load_manifest().select(["sunglasses"])
    return model, load_source(model)


@pytest.mark.parametrize("way", ["fp16", "int8"])
def test_a_bundled_network_is_smaller_says_the_same_and_computes_in_fp32(sunglasses, way, tmp_path):
    model, source = sunglasses
    full, small = (wrap(source, model.model_copy(update={"weights": each})) for each in ("fp32", Weights(way)))
    assert small.ByteSize() < full.ByteSize() * BYTES[way]
    pixels = {"IMAGES": load_pixels(SAMPLE.read_bytes(), model)[None]}
    expected, found = (open_session(each.SerializeToString()).run(None, pixels)[0] for each in (full, small))
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert operators(full, tmp_path) == operators(small, tmp_path)


def operators(network, folder):
    """What ONNX Runtime is left with when it has loaded the network."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "loaded.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    onnxruntime.InferenceSession(network.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return sorted(node.op_type for node in onnx.load(folder / "loaded.onnx").graph.node)


def test_weights_inside_of_a_loop_are_stored_too(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "SMALLEST", 16)
    monkeypatch.setattr(weights, "LARGE", 16)
    checkpoints.write_manifest(tmp_path, checkpoints.caption_entry(tmp_path) + 'weights = "int8"\n')
    (model,) = load_manifest(tmp_path / "models.toml").models
    network = wrap(load_source(model), model)
    (loop,) = [node for node in network.graph.node if node.op_type == "Loop"]
    (body,) = [each.g for each in loop.attribute if each.name == "body"]
    for graph in (network.graph, body):
        assert TensorProto.INT8 in {tensor.data_type for tensor in graph.initializer}
    pixels = np.random.default_rng(5).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8)
    tokens, scores = open_session(network.SerializeToString()).run(None, {"IMAGES": pixels})
    assert tokens.shape == (2, 9)
    assert np.isfinite(scores).all()
