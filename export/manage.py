"""What one does with exported models: list them, check them, choose the version that is served, remove one."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import tomlkit

from export.build import TOOLS, Progress, convert
from export.certificate import Certificate, is_same_entry, network_checksum
from export.checkpoint import resolve
from export.entry import Model
from export.errors import ExportError, ManifestError
from export.frameworks.source import checksum
from export.manifest import Manifest, load_manifest
from export.parity import list_pictures
from export.repository import Repository

HEADINGS = ("model", "version", "kept", "precision", "MB", "difference", "tolerated", "checkpoint")


def describe(model: Model, repository: Repository) -> list[str]:
    """A model's row of the table under HEADINGS."""
    version = repository.served_version(model)
    certificate = repository.certificate(model.name, version)
    if version is None or certificate is None:
        return [model.name, "none", *[""] * (len(HEADINGS) - 2)]
    size = (repository.folder(model.name, version) / "model.onnx").stat().st_size / 1e6
    kept = ", ".join(map(str, repository.versions(model.name)))
    parity = [_with_pixels(certificate.parity, *names) for names in (("difference", "pixels"), ("atol", "atol_pixels"))]
    precision = str(certificate.entry.get("precision", "fp32"))
    return [model.name, str(version), kept, precision, f"{size:.2f}", *parity, certificate.source]


def _with_pixels(parity: dict, value: str, pixels: str) -> str:
    """A difference; of detectors with that of their boxes."""
    return f"{parity[value]:.0e}" + (f", {parity[pixels]:.2g} px" if parity.get("pixels") else "")


# What the words of the table mean, where they stand.
LEGEND = """
version: the one that is served. kept: all on disk. difference: the largest from the checkpoint's framework on real
pixels (of a detector's scores, and of its boxes in px). tolerated: what the entry's atol and atol_pixels allow."""


def tell_strangers(manifest: Manifest, repository: Repository) -> list[str]:
    """Networks that no entry names any more, one line each; Triton goes on loading them."""
    known = {model.name for model in manifest.models}
    folders = sorted(path.parent for path in repository.networks.glob("*/config.pbtxt"))
    return [
        f"{folder.name}: no entry has this name any more, but Triton loads it: delete {folder}, then make reload"
        for folder in folders
        if folder.name not in known
    ]


def tell_notes(model: Model, repository: Repository) -> list[str]:
    """What was decided on the way from the checkpoint, one line each."""
    certificate = repository.certificate(model.name, repository.served_version(model))
    return [f"{model.name}: {note}" for note in (certificate.notes if certificate else [])]


def check(
    models: list[Model], repository: Repository, pictures: Path | None, trust: bool, report: Progress
) -> dict[str, str]:
    """Why each model does not hold what its certificate says; nothing for those that do."""
    failures = {}
    for model in models:
        try:
            check_one(model, repository, list_pictures(pictures), trust, report)
        except ExportError as error:
            failures[model.name] = str(error)
    return failures


def check_one(model: Model, repository: Repository, pictures: list[Path], trust: bool, report: Progress) -> None:
    """The files are those of the certificate, the entry is the one exported, and the outputs still agree; the last only
    where the checkpoint's framework is installed.

    Raises:
        ExportError: says which of these does not hold.
    """
    version = repository.served_version(model)
    certificate = repository.certificate(model.name, version)
    if version is None or certificate is None:
        raise ExportError(f"{model.name}: not exported yet; run `make export`")
    folder = repository.folder(model.name, version)
    model = resolve(model)
    check_files(model, certificate, folder)
    if not is_same_entry(model, certificate):
        raise ExportError(f"{model.name}: the entry changed since the export; run `make export`")
    missing = [name for name in TOOLS[model.framework] if find_spec(name) is None]
    if missing:
        report(f"{model.name}: files and entry hold; outputs not computed anew, as {missing[0]} is not installed")
        return
    convert(model, pictures, trust, report, (folder / "model.onnx").read_bytes())


def check_files(model: Model, certificate: Certificate, folder: Path) -> None:
    if certificate.network != network_checksum(folder):
        raise ExportError(f"{folder / 'model.onnx'}: is not the file that was certified; export {model.name} again")
    if certificate.checksum != checksum(model.checkpoint):
        raise ExportError(f"{model.checkpoint}: changed since {model.name} was exported; run `make export`")


def set_version(manifest: Path, name: str, version: int | None, repository: Repository) -> Manifest:
    """Have `version` of a model served, the newest for None: written into the manifest's entry.

    Raises:
        ExportError: there is no such version.
    """
    kept = repository.versions(name)
    if version is not None and version not in kept:
        raise ExportError(f"{name}: there is no version {version}; kept are {', '.join(map(str, kept)) or 'none'}")
    document = read_document(manifest)
    if version is None:
        document["models"][name].pop("version", None)  # type: ignore[index, union-attr]
    else:
        document["models"][name]["version"] = version  # type: ignore[index]
    manifest.write_text(tomlkit.dumps(document), encoding="utf-8")
    return load_manifest(manifest)


def remove(manifest: Path, name: str, repository: Repository) -> Manifest:
    """Take a model out of the manifest and its network out of the repository.

    Raises:
        ManifestError: it is the last one.
    """
    document = read_document(manifest)
    if len(document["models"]) == 1:  # type: ignore[arg-type]
        raise ManifestError(f"{manifest}: {name} is the last model; the ensemble needs one")
    document["models"].remove(name)  # type: ignore[union-attr]
    manifest.write_text(tomlkit.dumps(document), encoding="utf-8")
    remaining = load_manifest(manifest)
    # The ensemble first: a server that loads meanwhile never misses a network.
    repository.write_configs(remaining)
    shutil.rmtree(repository.networks / name, ignore_errors=True)
    return remaining


def read_document(manifest: Path) -> tomlkit.TOMLDocument:
    """The manifest with its comments and layout, for a change in place."""
    return tomlkit.parse(manifest.read_text(encoding="utf-8"))


def lay_out(rows: list[list[str]]) -> str:
    """Rows as a table, the first one being the headings."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
