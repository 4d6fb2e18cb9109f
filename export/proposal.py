"""A proposed entry of models.toml, as text; what no file says is marked in the comment behind it."""

import json
import re
from collections.abc import Set
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from contract.tasks import Task, output_names
from export.entry import RESERVED, ROOT, Framework, Head, Model
from export.frameworks.input import Input

ASK = "  # as in training"
IMAGENET = "mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225]"


@dataclass(frozen=True)
class Finding:
    """What is served of a file. `labels`: how many the entry must name, 0 where the file names them or has none."""

    task: Task
    labels: int = 0
    lines: tuple[str, ...] = ()
    head: Head | None = None
    scales: bool = False


def choose_name(path: Path, taken: Set[str]) -> str:
    """The file's own name, as entries are called; with a number behind it where it, or an output that a task would give
    it, is `taken`."""
    plain = read_name(path)
    names = chain([plain], (f"{plain}_{number}" for number in count(2)))
    return next(name for name in names if name not in RESERVED and not _list_outputs(name) & taken)


def read_name(path: Path) -> str:
    """The file's name in letters that an entry's may have."""
    name = re.sub(r"\W+", "_", path.stem.lower(), flags=re.ASCII).strip("_")
    return name if name[:1].isalpha() else f"model_{name}"


def _list_outputs(name: str) -> set[str]:
    """Of a model whose task is not known yet; its name is among them."""
    return {output for task in Task for output in output_names(task, name)}


def write_entry(trial: Model, takes: Input, finding: Finding) -> str:
    """The entry as TOML."""
    path = trial.checkpoint.resolve()
    path = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    names = [f"label_{index}" for index in range(finding.labels)]
    lines = [
        f"[models.{trial.name}]{_explain_name(trial)}",
        f'task = "{finding.task}"',
        f'framework = "{trial.framework}"',
        f"checkpoint = {json.dumps(path.as_posix(), ensure_ascii=False)}",
        *_write_missing(trial, takes),
        *([f"labels = {json.dumps(names)}{ASK}, by index"] if names else []),
        *finding.lines,
        _write_geometry(trial, takes, finding),
        _write_pixels(trial, finding),
    ]
    return "\n".join(lines)


def _explain_name(trial: Model) -> str:
    """Why an entry is not called as its file is."""
    plain = read_name(trial.checkpoint)
    if trial.name == plain:
        return ""
    return f"  # {plain} is {'a word of the service' if plain in RESERVED else 'taken by another entry'}"


def _write_missing(trial: Model, takes: Input) -> list[str]:
    if takes.lacks == "factory":
        return ['factory = "module:function"  # that builds its network; then run doctor again, with --factory']
    lines = [f'factory = "{trial.factory}"'] if trial.factory else []
    if takes.task is Task.CAPTION:
        lines.append('decoding = { vocabulary = "vocabulary.json", beam_width = 3 }  # its tokens, by index')
    return lines


def _write_geometry(trial: Model, takes: Input, finding: Finding) -> str:
    width, height = trial.geometry.width, trial.geometry.height
    mode, more = "stretch", ""
    if finding.task is Task.DETECTION:
        mode, more = "letterbox", ', resample = "bilinear"'
    elif trial.framework is Framework.KERAS:
        more = ', resample = "nearest"'
    elif trial.framework is Framework.TORCH and finding.task is not Task.CAPTION:
        mode, more = "center_crop", f", resize = {max(width, height) * 8 // 7}"
    sides = "" if takes.width and takes.height else "; the file takes several sizes, or does not say which"
    return f'geometry = {{ mode = "{mode}", width = {width}, height = {height}{more} }}{ASK}{sides}'


def _write_pixels(trial: Model, finding: Finding) -> str:
    channels, scaling, comment = trial.pixels.channels.value, "divide = 255", ASK
    if finding.scales:
        scaling, comment = "divide = 1", "  # it begins with arithmetic of its own on them"
    elif finding.head is Head.YOLOX:
        channels, scaling = "bgr", "divide = 1"
    elif trial.framework is Framework.TORCH and channels == "rgb":
        scaling = f"divide = 255, {IMAGENET}"
    return f'pixels = {{ channels = "{channels}", {scaling} }}{comment}'
