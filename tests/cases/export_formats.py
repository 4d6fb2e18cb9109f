"""Cases 05, 10, 18 and 25: checkpoints as training scripts write them, exported."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.cases.check import Check, near, same, says
from tests.cases.network import answer
from tests.cases.workplace import Ended, Workplace

WRAPPED = ("half", "dataparallel", "compiled", "checkpoint", "model_state_dict", "parallel_checkpoint", "lightning")
TOLERANCE = {"half": 1e-3}


def finish(name: str, ended: Ended) -> Iterator[Check]:
    yield Check(name, "exported", "exported" if ended.status == 0 else ended.printed[-400:], ended.status == 0)


def refuse(name: str, ended: Ended, *words: str) -> Iterator[Check]:
    """Status 2 and one line."""
    yield same(f"{name}: status", 2, ended.status)
    line = next((line for line in ended.printed.splitlines() if line.startswith("export: ")), ended.printed[-400:])
    yield says(f"{name}: message", line, *words)


def try_torch_checkpoints(workplace: Workplace) -> Iterator[Check]:
    """Wrapped weights are the same network."""
    folder = workplace.make("05")
    yield from finish("plain", workplace.export(folder / "plain.toml"))
    right = answer(folder / "plain.out")
    for name in WRAPPED:
        ended = workplace.export(folder / f"{name}.toml")
        yield from finish(name, ended)
        if ended.status == 0:
            worst = float(np.abs(answer(folder / f"{name}.out") - right).max())
            yield near(f"{name}: differs from plain by", 0.0, worst, TOLERANCE.get(name, 1e-6))
    yield from refuse("nomod", workplace.export(folder / "nomod.toml"), "mynets")


# Of case 10: what cannot be served, and what its refusal speaks of.
KERAS = {
    "mixed_float16": (),
    "mixed_float16_last_fp32": (),
    "rescaling_inside": (),
    "nested": (),
    "free_sides": (),
    "gru_rows": (),
    "lstm_bidirectional": (),
    "uint8_input": (),
    "normalization_inside": (),
    "channels_first": ("channels",),
    "two_inputs": ("one input",),
    "flat_input": ("3072",),
}


def try_keras_files(workplace: Workplace) -> Iterator[Check]:
    folder = workplace.make("10")
    for name, words in KERAS.items():
        ended = workplace.export(folder / f"{name}.toml")
        yield from refuse(name, ended, *words) if words else finish(name, ended)


def try_torchvision_factory(workplace: Workplace) -> Iterator[Check]:
    """A factory of torchvision is found, or the message says that torch and torchvision are of different builds."""
    folder = workplace.copy("18")
    manifest = folder / "tv.toml"
    save_weights(folder / "plain.pt", {})
    try:
        import torchvision
    except RuntimeError:
        return (yield from refuse("tv", workplace.export(manifest), "torch and torchvision are of different builds"))
    yield from refuse("tv with no weights", workplace.export(manifest), "torchvision.models:resnet18")
    save_weights(folder / "plain.pt", torchvision.models.resnet18().state_dict())
    labels = json.dumps([f"label {number}" for number in range(1000)])
    manifest.write_text(manifest.read_text().replace('["a", "b", "c"]', labels))
    yield from finish("tv", workplace.export(manifest))


def save_weights(path: Path, weights: dict[str, Any]) -> None:
    import torch  # which takes seconds, and most cases need none

    torch.save(weights, path)


TORCHSCRIPT = {
    "view": (),
    "two_outputs": ("output",),
    "two_named": ("output",),
    "cuda": ("cuda",),
    "half": ("alf",),
    "fixed_batch": ("batch",),
    "dict_output": (),
}


def try_torchscript(workplace: Workplace) -> Iterator[Check]:
    folder = workplace.make("25")
    for name, words in TORCHSCRIPT.items():
        ended = workplace.export(folder / f"{name}.toml")
        yield from refuse(name, ended, *words) if words else finish(name, ended)
    if ended.status == 0:
        yield named_head(folder)


def named_head(folder: Path) -> Check:
    """Of the dict's two heads, the one called `out` is served."""
    import torch

    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    batch = torch.from_numpy(pixels.transpose(2, 0, 1)[None] / np.float32(255))
    right = torch.jit.load(folder / "dict_output.pt")(batch)["out"].detach().numpy()[0]
    worst = float(np.abs(answer(folder / "dict_output.out", pixels) - right).max())
    return near("dict_output: differs from the head `out` by", 0.0, worst, 1e-5)
