"""A proposed entry of models.toml, as text; what no file says is marked in the comment behind it."""

import json
from dataclasses import dataclass

from contract.tasks import Task
from export.entry import ROOT, Framework, Head, Model
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


def write_entry(trial: Model, takes: Input, finding: Finding) -> str:
    """The entry as TOML."""
    path = trial.checkpoint.resolve()
    path = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    names = [f"label_{index}" for index in range(finding.labels)]
    lines = [
        f"[models.{trial.name}]",
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
