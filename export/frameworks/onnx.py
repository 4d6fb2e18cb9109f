"""Ready ONNX networks with a float input; layout, batch and class names are read from the file."""

import ast

import numpy as np
import onnx
import onnxruntime

from contract.tasks import Task
from export.entry import Model
from export.errors import CheckpointError, first_line
from export.frameworks.source import Layout, Source
from export.session import open_session


def load(model: Model, trust: bool) -> Source:
    network = _read(model)
    session = open_session(network.SerializeToString())
    (pixels, *others) = session.get_inputs()
    if others or pixels.type != "tensor(float)":
        found = ", ".join(f"{each.name} {each.type}" for each in session.get_inputs())
        raise CheckpointError(
            f"{model.checkpoint}: takes {found}; only networks with one float input are served; "
            "export it again without its preprocessing"
        )
    layout = _layout(model, pixels.shape)
    outputs = _served(model, [output.name for output in session.get_outputs()])

    def predict(batch: np.ndarray) -> list[np.ndarray]:
        return session.run(outputs, {pixels.name: batch})

    fixed = pixels.shape[0] if isinstance(pixels.shape[0], int) else None
    labels = _names(network) if model.task is Task.DETECTION else None
    return Source(network, layout, predict, labels, _is_end_to_end(session, outputs), fixed)


def _read(model: Model) -> onnx.ModelProto:
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
            isinstance(have, str) or have == want for have, want in zip(shape[1:], wanted, strict=True)
        ):
            return layout
    raise CheckpointError(
        f"{model.checkpoint}: takes input {shape}, which does not fit {channels} channels of "
        f"{sides[0]}x{sides[1]} pixels; correct geometry or pixels.channels of {model.name}"
    )


def _served(model: Model, names: list[str]) -> list[str]:
    if model.output is None:
        return names[:1]
    if model.output in names:
        return [model.output]
    raise CheckpointError(f"{model.checkpoint}: set output of {model.name} to one of {', '.join(names)}")


def _names(network: onnx.ModelProto) -> list[str] | None:
    """Class names as ultralytics writes them into the metadata: `{0: 'person', …}`."""
    text = {entry.key: entry.value for entry in network.metadata_props}.get("names")
    if text is None:
        return None
    names = ast.literal_eval(text)
    return [names[index] for index in sorted(names)]


def _is_end_to_end(session: onnxruntime.InferenceSession, outputs: list[str]) -> bool:
    """A detector's rows (x1, y1, x2, y2, score, class) are the last dimension of an end-to-end output."""
    shape = next(output.shape for output in session.get_outputs() if output.name == outputs[0])
    return len(shape) == 3 and shape[2] == 6
