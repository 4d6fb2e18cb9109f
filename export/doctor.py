"""Proposes an entry for a file that nobody has described: `python -m export doctor my_model.h5`.

Task, sides, channels, outputs, activation and head come from the file. How training fitted and scaled its pixels, and
what the classes are called, is in no file; such lines say so, in the comment behind them.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from contract.tasks import Task
from export.build import Progress, convert
from export.checkpoint import open_source
from export.entry import Head, Model
from export.errors import CheckpointError, ExportError
from export.frameworks.input import Input, read_input
from export.frameworks.source import Layout, Source
from export.kinds import FRAMEWORKS, find_kind
from export.nodes import last_operators
from export.parity import list_pictures
from export.proposal import Finding, write_entry
from export.signatures import check_file
from export.tasks import TASKS
from export.tasks.classification import ACTIVATED, LINEAR
from export.tasks.heads import count_cells, find_pair

SIDE = 224  # proposed where a network takes any
YOLOX_DOUBT = '  # or "yolov5", if its boxes are in pixels already; or "ultralytics", with a label more'
LOGITS = '  # if its numbers are logits; with task = "embedding" neither it nor labels'
SCALING = {"Mul", "Div", "Add", "Sub", "BatchNormalization"}  # what a network that scales by itself begins with
PASSING = {"Cast", "Identity", "Transpose"}


def examine(path: Path, name: str, factory: str | None, trust: bool, report: Progress) -> str:
    """An entry of this name to paste into models.toml, and what export says of it.

    Raises:
        CheckpointError: the file is of no kind that is known, or nothing that it gives can be served.
    """
    trial = _create_trial(path, name, factory)
    takes = read_input(trial, trust)
    trial = _fit(trial, takes)
    if takes.lacks:
        task = takes.task or Task.CLASSIFICATION
        text = write_entry(trial, takes, Finding(task, 2 if task is Task.CLASSIFICATION else 0))
        return f"{text}\n# Not tried yet, as {takes.lacks} is missing: the file does not hold it."
    report(f"converting {path.name} at {trial.geometry.width}x{trial.geometry.height}")
    text = write_entry(trial, takes, find_task(trial, takes, open_source(trial, trust)))
    return f"{text}\n{_try_entry(text, trial, trust, report)}"


def _create_trial(path: Path, name: str, factory: str | None) -> Model:
    """An entry with which the file can be opened."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    check_file(path)
    kind = find_kind(path)
    if kind not in FRAMEWORKS:
        raise CheckpointError(f"{path}: is {kind}; known are {', '.join(FRAMEWORKS)}")
    fields = {"framework": FRAMEWORKS[kind], "checkpoint": path, "factory": factory, "task": Task.EMBEDDING}
    geometry = {"mode": "stretch", "width": SIDE, "height": SIDE}
    return Model.model_validate({"name": name, "geometry": geometry, **fields})


def _fit(trial: Model, takes: Input) -> Model:
    """The trial entry with what the file takes."""
    if takes.channels not in (None, 1, 3):
        raise CheckpointError(f"{trial.checkpoint}: takes {takes.channels} channels; photos have 1 (grey) or 3")
    sides = {"width": takes.width or SIDE, "height": takes.height or SIDE}
    channels = "grey" if takes.channels == 1 else "rgb"
    flat = [name for name, rank in takes.outputs.items() if rank == 2]
    return trial.model_copy(update={
        "task": takes.task or trial.task,
        "geometry": trial.geometry.model_copy(update=sides),
        "pixels": type(trial.pixels).model_validate({"channels": channels}),
        "output": next(iter(flat or takes.outputs)) if len(takes.outputs) > 1 else None,
    })  # fmt: skip


def find_task(trial: Model, takes: Input, source: Source) -> Finding:
    """By the shapes of the outputs, and the operators that make them."""
    outputs = source.predict(_make_noise(trial, source))
    shapes = [output.shape[1:] for output in outputs]
    finding = _find_detector(trial, source, outputs, shapes) or _find_flat(trial, takes, source, shapes)
    return replace(finding, scales=scales_itself(source.network.graph))


def _make_noise(trial: Model, source: Source) -> np.ndarray:
    depth, sides = trial.pixels.channels.depth, (trial.geometry.height, trial.geometry.width)
    shape = (depth, *sides) if source.layout is Layout.NCHW else (*sides, depth)
    return np.random.default_rng(0).random((source.fixed_batch or 1, *shape), dtype=np.float32)


def _find_flat(trial: Model, takes: Input, source: Source, shapes: Sequence[tuple[int, ...]]) -> Finding:
    """The first output that is a row of numbers per picture."""
    index = next((index for index, shape in enumerate(shapes) if len(shape) == 1), None)
    if index is None:
        seen = ", ".join("x".join(map(str, shape)) for shape in shapes)
        raise CheckpointError(f"{trial.checkpoint}: gives {seen} numbers for a picture, which no task here reads")
    name = source.outputs[index]
    found = _find_vector(last_operators(source.network.graph, name)[0], shapes[index][0])
    return replace(
        found, lines=_write_output(trial.output or name, list(takes.outputs) or source.outputs) + found.lines
    )


def _write_output(name: str, names: list[str]) -> tuple[str, ...]:
    """The line that chooses an output, where there are several."""
    return (f'output = "{name}"  # of {", ".join(names)}',) if len(names) > 1 else ()


def _find_vector(last: str, units: int) -> Finding:
    """A classifier's or an embedding's output, by its last operator."""
    labels = max(units, 2)
    if last in ACTIVATED:
        return Finding(Task.CLASSIFICATION, labels)
    if last in LINEAR:
        activation = "sigmoid" if units == 1 else "softmax"
        return Finding(Task.CLASSIFICATION, labels, (f'activation = "{activation}"{LOGITS}',))
    return Finding(Task.EMBEDDING, lines=("normalise = true  # to unit length",))


def _find_detector(
    trial: Model, source: Source, outputs: Sequence[np.ndarray], shapes: Sequence[tuple[int, ...]]
) -> Finding | None:
    """The boxes and logits of a DETR, or the first output that has rows."""
    own = len(source.labels or [])
    wide = {shape[1] for shape in shapes if len(shape) == 2}
    for labels in [own] if own else sorted(wide - {4}):
        if find_pair(shapes, source.outputs, labels):
            return Finding(Task.DETECTION, 0 if own else labels, head=Head.DETR)
    index = next((index for index, shape in enumerate(shapes) if len(shape) == 2), None)
    if index is None:
        return None
    lines = _write_output(source.outputs[index], source.outputs)
    if own:
        return Finding(Task.DETECTION, lines=lines)
    head, labels = _guess_head(shapes[index], outputs[index], count_cells(trial))
    doubt = YOLOX_DOUBT if head is Head.YOLOX else ""
    return Finding(Task.DETECTION, labels, (*lines, f'decoding = {{ head = "{head}" }}{doubt}'), head)


def _guess_head(shape: tuple[int, ...], output: np.ndarray, cells: set[int]) -> tuple[Head, int]:
    """The head that most files of this shape have, and how many labels it has then."""
    rows, columns = shape
    if columns in cells or columns in {3 * each for each in cells} or rows < columns:
        return Head.ULTRALYTICS, rows - 4
    if rows in {3 * each for each in cells}:
        return Head.YOLOV5, columns - 5
    if rows in cells:
        return Head.YOLOX, columns - 5
    if columns == 6:
        return Head.END_TO_END, max(1, int(output[..., 5].max()) + 1)
    return Head.DETR, columns - 4


def scales_itself(graph: onnx.GraphProto) -> bool:
    """Whether the network begins with arithmetic on its pixels."""
    constants = {each.name for each in graph.initializer}
    value = next(each.name for each in graph.input if each.name not in constants)
    while len(users := [node for node in graph.node if value in node.input]) == 1:
        if users[0].op_type not in PASSING:
            return users[0].op_type in SCALING
        value = users[0].output[0]
    return False


def _try_entry(text: str, trial: Model, trust: bool, report: Progress) -> str:
    """Export's own verdict, as a comment."""
    (entry,) = tomllib.loads(text)["models"].values()
    model = Model.model_validate({**entry, "name": trial.name, "checkpoint": trial.checkpoint})
    try:
        TASKS[model.task].check_entry(model)
        parity = convert(model, list_pictures(None), trust, report).parity
    except (ExportError, ValueError) as error:
        return f"# Tried: export refuses it so far: {error}"
    return f"# Tried: it exports. On the sample photo it differs from {model.framework} by {parity.difference:.0e}."
