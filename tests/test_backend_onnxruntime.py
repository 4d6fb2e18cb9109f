"""The stand-in for Triton's ONNX Runtime backend, inside the real server."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from tests.serving_process import SECRET, ServingProcess
from tests.tiny_networks import TENSORS, write_network

HEADERS = {"triton-grpc-protocol-serving": SECRET}
RANDOM = np.random.default_rng(2)


OPENVINO = 'optimization { execution_accelerators { cpu_execution_accelerator { name: "openvino" } } }'


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A server with several spellings of the same network."""
    repository = tmp_path_factory.mktemp("repository")
    write_network(repository, "explicit")
    write_network(repository, "renamed", TENSORS + 'default_model_filename: "network.onnx"', "network.onnx")
    write_network(repository, "accelerated", TENSORS.replace("-1, -1", "8, 8") + OPENVINO, sides=(8, 8))
    write_network(repository, "large", TENSORS.replace("-1, -1", "256, 256"), sides=(256, 256), single=True)
    arguments = ["--no-gateway", "--stop-timeout", "2", "--model-repository", repository]
    with ServingProcess(arguments) as process, triton.InferenceServerClient(process.urls["Triton gRPC"]) as client:
        yield client


def make_images(count, height, width):
    return RANDOM.integers(0, 255, (count, height, width, 3), dtype=np.uint8)


def infer(client, images, outputs=("MEAN", "MAXIMUM"), model="explicit"):
    tensor = triton.InferInput("IMAGES", images.shape, "UINT8")
    tensor.set_data_from_numpy(images)
    result = client.infer(model, [tensor], outputs=[triton.InferRequestedOutput(name) for name in outputs])
    return {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}


@pytest.mark.parametrize("model", ["explicit", "renamed", "accelerated"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_answers(client, model, count):
    images = make_images(count, 8, 8)
    answer = infer(client, images, model=model)
    np.testing.assert_allclose(answer["MEAN"], images.mean((1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(answer["MAXIMUM"], images.max((1, 2)))


@pytest.mark.parametrize("count", [1, 3, 8])
def test_large_images_are_computed_one_by_one(client, count):
    """The network would fail for a batch of them."""
    images = make_images(count, 256, 256)
    answer = infer(client, images, model="large")
    np.testing.assert_allclose(answer["MEAN"], images.mean((1, 2)), rtol=1e-4)


def test_only_requested_outputs_come_back(client):
    assert list(infer(client, make_images(1, 8, 8), ["MAXIMUM"])) == ["MAXIMUM"]


def test_requests_of_mixed_shapes_sizes_and_outputs_keep_their_own_answers(client):
    """One of them fails in the network: it alone gets an error."""
    batches = [make_images(1 + i % 3, *[(8, 8), (4, 16), (8, 8), (16, 4)][i % 4]) for i in range(24)]
    batches[7] = make_images(1, 5, 5)
    outputs = [["MEAN"], ["MEAN", "MAXIMUM"], ["MAXIMUM"]]
    with ThreadPoolExecutor(24) as pool:
        answers = [pool.submit(infer, client, images, outputs[i % 3]) for i, images in enumerate(batches)]
    with pytest.raises(InferenceServerException, match="Reshape"):
        answers[7].result()
    for i, images in enumerate(batches):
        if i != 7:
            answer = answers[i].result()
            assert set(answer) == set(outputs[i % 3])
            if "MEAN" in answer:
                np.testing.assert_allclose(answer["MEAN"], images.mean((1, 2)), rtol=1e-5)


def test_requests_run_as_one_batch(client):
    before = count_executions(client)
    tensor = triton.InferInput("IMAGES", (1, 8, 8, 3), "UINT8")
    tensor.set_data_from_numpy(make_images(1, 8, 8))
    answers: Queue = Queue()
    for _ in range(32):
        client.async_infer("explicit", [tensor], lambda result, error: answers.put(error))
    assert [answers.get(timeout=20) for _ in range(32)] == [None] * 32
    end = time.monotonic() + 20
    while (after := count_executions(client))[0] - before[0] < 32:  # counted a little after they are answered
        assert time.monotonic() < end
    assert after[1] - before[1] < 32


def count_executions(client):
    statistics = client.get_inference_statistics("explicit").model_stats[0]
    return statistics.inference_count, statistics.execution_count


BASE_CONFIG = {
    "name": "explicit",
    "backend": "onnxruntime",
    "max_batch_size": 8,
    "input": [{"name": "IMAGES", "data_type": "TYPE_UINT8", "dims": [-1, -1, 3]}],
    "output": [{"name": "MEAN", "data_type": "TYPE_FP32", "dims": [3]}],
}


WITH_BATCH = {
    "input": [{"name": "IMAGES", "data_type": "TYPE_UINT8", "dims": [-1, -1, -1, 3]}],
    "output": [{"name": "MEAN", "data_type": "TYPE_FP32", "dims": [-1, 3]}],
}


def load(client, changes):
    """Load the network anew with a changed config."""
    client.load_model("explicit", headers=HEADERS, config=json.dumps({**BASE_CONFIG, **changes}))


def parameters(**values):
    return {"parameters": {key: {"string_value": value} for key, value in values.items()}}


def accelerators(kind, name):
    return {"optimization": {"execution_accelerators": {kind: [{"name": name}]}}}


@pytest.mark.parametrize(
    "changes",
    [
        parameters(intra_op_thread_count="2", inter_op_thread_count="2"),
        parameters(intra_op_thread_count="0", checksum="sha256:0"),
        {"instance_group": [{"count": 2, "kind": "KIND_CPU"}]},
    ],
    ids=["threads", "spread", "two instances"],
)
def test_option_is_honoured(client, changes):
    load(client, changes)
    images = make_images(2, 8, 8)
    np.testing.assert_allclose(infer(client, images, ["MEAN"])["MEAN"], images.mean((1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (parameters(execution_mode="1"), "CPU alone: it has no parameter 'execution_mode'"),
        (accelerators("gpu_execution_accelerator", "tensorrt"), "it has no GPU accelerator 'tensorrt'"),
        (accelerators("cpu_execution_accelerator", "abacus"), "it has no CPU accelerator 'abacus'"),
        ({"optimization": {"graph": {"level": -1}}}, "it has no optimization 'graph'"),
        ({"max_batch_size": 0, **WITH_BATCH}, "it has no max_batch_size of 0"),
        (accelerators("cpu_execution_accelerator", "openvino"), "free dimensions besides the batch"),
        ({"default_model_filename": "other.onnx"}, "cannot load .*other.onnx"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_not_honoured_is_refused_in_one_line(client, changes, reason):
    with pytest.raises(InferenceServerException, match=reason):
        load(client, changes)
