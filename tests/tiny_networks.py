"""A tiny ONNX network, for tests of serving that need no bundled model."""

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

CONFIG = """
backend: "onnxruntime"
max_batch_size: 8
instance_group {{ count: 1 kind: KIND_CPU }}
dynamic_batching {{ max_queue_delay_microseconds: 20000 }}
parameters {{ key: "intra_op_thread_count" value {{ string_value: "1" }} }}
{extra}
"""
ENSEMBLE = """
platform: "ensemble"
max_batch_size: 8
input {{ name: "IMAGE" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }}
output {{ name: "MEAN" data_type: TYPE_FP32 dims: [ 3 ] }}
ensemble_scheduling {{ step {{
  model_name: "{step}" model_version: -1
  input_map {{ key: "IMAGES" value: "IMAGE" }} output_map {{ key: "MEAN" value: "MEAN" }}
}} }}
"""
TENSORS = """
input { name: "IMAGES" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }
output [ { name: "MEAN" data_type: TYPE_FP32 dims: [ 3 ] }, { name: "MAXIMUM" data_type: TYPE_FP32 dims: [ 3 ] } ]
"""

Sides = tuple[int | str, int | str]
FREE: Sides = ("H", "W")


def write_network(
    repository: Path,
    name: str,
    extra: str = TENSORS,
    filename: str = "model.onnx",
    sides: Sides = FREE,
    single: bool = False,
) -> Path:
    """A model that gives mean and maximum of each colour of `IMAGES` [N, *sides, 3]. Returns its folder.

    `single`: for images of any area, and it fails for more than one of them at a time.
    """
    folder = repository / name
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(CONFIG.format(extra=extra))
    onnx.save(make_network(sides, [1, -1, 3] if single else [0, 64, 3]), folder / "1" / filename)
    return folder


def write_ensemble(repository: Path, step: str) -> Path:
    """An ensemble `analyze`, which the gateway waits for, of one step."""
    folder = repository / "analyze"
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(ENSEMBLE.format(step=step))
    return folder


def make_network(sides: Sides = FREE, pixels: Sequence[int] = (0, 64, 3)) -> onnx.ModelProto:
    """Any image of 64 pixels will do, whatever its sides; an image of another area fails in the Reshape to `pixels`."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["IMAGES"], ["FLOATS"], to=TensorProto.FLOAT),
            helper.make_node("Reshape", ["FLOATS", "LIST"], ["PIXELS"]),
            helper.make_node("ReduceMean", ["PIXELS"], ["MEAN"], axes=[1], keepdims=0),
            helper.make_node("ReduceMax", ["PIXELS"], ["MAXIMUM"], axes=[1], keepdims=0),
        ],
        "statistics",
        [helper.make_tensor_value_info("IMAGES", TensorProto.UINT8, ["N", *sides, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3]) for name in ("MEAN", "MAXIMUM")],
        [helper.make_tensor("LIST", TensorProto.INT64, [3], pixels)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
