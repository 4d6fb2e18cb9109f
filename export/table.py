"""The closing table: every model of the manifest, and what there is to say about them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

from export.build import Built
from export.certificate import Certificate
from export.entry import Model
from export.manage import list_leftovers
from export.manifest import Manifest
from export.repository import Repository

# What the words of the table mean, where they stand.
COLUMNS = {
    "model": "its entry's name",
    "version": "the one that is served; 'dry run' where the row tells what was measured now, and not written",
    "kept": "all on disk",
    "precision": "of the network's arithmetic",
    "MB": "the network's size on disk",
    "difference": "the largest from the checkpoint's framework on real pixels (a detector's: of its scores, and of its "
    "boxes in px)",
    "tolerated": "what the entry's atol and atol_pixels allow",
    "checkpoint": "the file that the network was made of",
    "seconds": "what converting and comparing took, now",
}
LEGEND = fill(" ".join(f"{name}: {meaning}." for name, meaning in COLUMNS.items()), 118)


def summarise(manifest: Manifest, repository: Repository, built: Sequence[Built], dry_run: bool) -> str:
    """The table with its legend and notes. `built` was exported now, or only tried in a dry run."""
    seconds = {each.model.name: f"{each.seconds:.1f}" for each in built}
    trials = {each.model.name: each for each in built if dry_run}
    rows, notes = [[*COLUMNS]], []
    for model in manifest.models:
        trial = trials.get(model.name)
        rows.append([*describe(model, repository, trial), seconds.get(model.name, "")])
        notes += tell_notes(model, repository, trial)
    notes += tell_strangers(manifest, repository)
    parts = [lay_out(rows), LEGEND, "\n".join(notes), tell_trials(built) if dry_run else ""]
    return "\n\n".join(part for part in parts if part)


def describe(model: Model, repository: Repository, trial: Built | None) -> list[str]:
    """A model's row, less its seconds."""
    shown = find_shown(model, repository, trial)
    if shown is None:
        return [model.name, "none", *[""] * (len(COLUMNS) - 3)]
    version, certificate, size = shown
    kept = ", ".join(map(str, repository.versions(model.name)))
    parity = [_with_pixels(certificate.parity, *names) for names in (("difference", "pixels"), ("atol", "atol_pixels"))]
    precision = str(certificate.entry.get("precision", "fp32"))
    return [model.name, version, kept, precision, f"{size / 1e6:.2f}", *parity, certificate.source]


def find_shown(model: Model, repository: Repository, trial: Built | None) -> tuple[str, Certificate, int] | None:
    """What a dry run has measured, otherwise the served version: its name, certificate, and size in bytes."""
    if trial:
        return "dry run", trial.certificate, trial.size
    version = repository.served_version(model)
    certificate = repository.certificate(model.name, version)
    if version is None or certificate is None:
        return None
    return str(version), certificate, (repository.folder(model.name, version) / "model.onnx").stat().st_size


def _with_pixels(parity: Mapping, value: str, pixels: str) -> str:
    """A difference; of detectors with that of their boxes."""
    return f"{parity[value]:.0e}" + (f", {parity[pixels]:.2g} px" if parity.get("pixels") else "")


def tell_notes(model: Model, repository: Repository, trial: Built | None) -> list[str]:
    """What was decided on the way from the checkpoint, one line each; and a newer version that is not served."""
    shown = find_shown(model, repository, trial)
    notes = list(shown[1].notes) if shown else []
    newest = max(repository.versions(model.name), default=0)
    if model.version and newest > model.version:
        notes.append(f"version {newest} is there, but the entry says version = {model.version}")
    return [f"{model.name}: {note}" for note in notes]


def tell_strangers(manifest: Manifest, repository: Repository) -> list[str]:
    """Networks that no entry names any more, one line each; Triton goes on loading them."""
    known, leftovers = {model.name for model in manifest.models}, list_leftovers(manifest, repository)
    folders = sorted(path.parent for path in repository.networks.glob("*/config.pbtxt"))
    return [_tell_stranger(folder, folder.name in leftovers) for folder in folders if folder.name not in known]


def _tell_stranger(folder: Path, is_leftover: bool) -> str:
    if is_leftover:
        remedy = f'make export ARGS="remove {folder.name}", then make reload'
        return f"{folder.name}: no entry has this name any more, but Triton loads it: {remedy}"
    remedy = f"if nobody needs it delete {folder}, then make reload"
    return f"{folder.name}: no entry has this name and export did not make it, but Triton loads it: {remedy}"


def tell_trials(trials: Sequence[Built]) -> str:
    """What came of a dry run that was not refused."""
    if not trials:
        return (
            "Dry run: nothing was converted, as neither entries nor checkpoints changed; --force does it all the same."
        )
    return f"Dry run: {', '.join(each.model.name for each in trials)} passed. Nothing was written."


def lay_out(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a table, the first one being the headings."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
