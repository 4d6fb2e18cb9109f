"""Ready ONNX networks with a float input; layout, batch and class names are read from the file."""

import ast

import numpy as np
import onnx
from onnx import TensorProto, helper

from contract.tasks import Task
from export.entry import Model
from export.errors import CheckpointError, first_line
from export.frameworks.source import Layout, Source
from export.session import open_session
from export.wording import count_nouns

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)


def load(model: Model, trust: bool) -> Source:
    network = read(model)
    (entry, *others) = list_inputs(network.graph)
    kind = entry.type.tensor_type.elem_type
    if others or kind not in FLOATS:
        found = ", ".join(f"{each.name} {_kind(each)}" for each in (entry, *others))
        raise CheckpointError(
            f"{model.checkpoint}: takes {found}; only networks with one float input are served; "
            "export it again without its preprocessing"
        )
    if kind != TensorProto.FLOAT:
        _take_fp32(network.graph, entry)
    session = open_session(network.SerializeToString())
    (pixels,) = session.get_inputs()
    layout = _layout(model, pixels.shape)

    def predict(batch: np.ndarray) -> list[np.ndarray]:
        return session.run(None, {pixels.name: batch})

    fixed = pixels.shape[0] if isinstance(pixels.shape[0], int) else None
    said = {entry.key: entry.value for entry in network.metadata_props}
    _check_task(model, said)
    labels = _names(said) if model.task is Task.DETECTION else None
    return Source(network, layout, predict, labels, said.get("end2end") == "True", fixed)


def list_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Inputs that are no constants; files before IR 4 list these, too."""
    constants = {each.name for each in graph.initializer}
    return [each for each in graph.input if each.name not in constants]


def _kind(value: onnx.ValueInfoProto) -> str:
    return TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()


def _take_fp32(graph: onnx.GraphProto, entry: onnx.ValueInfoProto) -> None:
    """Have a network in half precision take FP32, as all others do."""
    inside = f"{entry.name}/half"
    for node in graph.node:
        node.input[:] = [inside if name == entry.name else name for name in node.input]
    cast = helper.make_node("Cast", [entry.name], [inside], to=entry.type.tensor_type.elem_type)
    graph.node.insert(0, cast)
    entry.type.tensor_type.elem_type = TensorProto.FLOAT


def _check_task(model: Model, said: dict[str, str]) -> None:
    """ultralytics writes into its files what they are for."""
    wanted = {Task.DETECTION: "detect", Task.CLASSIFICATION: "classify"}.get(model.task)
    found = said.get("task", wanted) if said.get("author") == "Ultralytics" else wanted
    if found != wanted:
        raise CheckpointError(
            f"{model.checkpoint}: is a YOLO for the task {found}; {model.name} has task {model.task}, which takes one "
            f"for {wanted or 'none'}"
        )


def read(model: Model) -> onnx.ModelProto:
    """Raises CheckpointError for what is no valid ONNX file."""
    try:
        network = onnx.load(model.checkpoint)
        onnx.checker.check_model(network)
    except Exception as error:  # protobuf and onnx raise their own
        raise CheckpointError(
            f"{model.checkpoint}: not a readable ONNX file: {first_line(error)}; export or copy it again"
        ) from error
    return network


def _layout(model: Model, shape: list) -> Layout:
    """Where the channels are in an input [N,H,W,C] or [N,C,H,W]; a dynamic side fits any size."""
    channels = model.pixels.channels.depth
    sides = (model.geometry.height, model.geometry.width)
    for layout, wanted in ((Layout.NCHW, (channels, *sides)), (Layout.NHWC, (*sides, channels))):
        if len(shape) == 4 and all(
            not isinstance(have, int) or have == want for have, want in zip(shape[1:], wanted, strict=True)
        ):
            return layout
    raise CheckpointError(
        f"{model.checkpoint}: takes input {shape}, which does not fit {count_nouns(channels, 'channel')} of "
        f"{sides[0]}x{sides[1]} pixels; correct geometry or pixels.channels of {model.name}"
    )


def _names(said: dict[str, str]) -> list[str] | None:
    """Class names as ultralytics writes them into the metadata: `{0: 'person', …}`."""
    if "names" not in said:
        return None
    names = ast.literal_eval(said["names"])
    return [names[index] for index in sorted(names)]
