"""What one does with exported models: list them, check them, choose the version that is served, remove one."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import tomlkit

from export.build import TOOLS, Progress, convert
from export.certificate import NAME, Certificate, is_same_entry, network_checksum
from export.checkpoint import resolve
from export.entry import Model
from export.errors import ExportError, ManifestError
from export.frameworks.source import checksum
from export.manifest import Manifest, load_manifest, parse_manifest
from export.parity import list_pictures
from export.repository import Repository


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


def remove(path: Path, name: str, repository: Repository) -> Manifest:
    """Take a model out of the manifest `path` and its network out of the repository; or a network that no entry names.

    Raises:
        ManifestError: nothing has this name, it is the last model, or another one looks at its boxes.
    """
    manifest, text = load_manifest(path), path.read_text(encoding="utf-8")
    if name not in list_leftovers(manifest, repository):
        manifest, text = _leave_out(manifest, path, name)
    # The ensemble first: a server that loads meanwhile never misses a network.
    repository.write_configs(manifest)
    path.write_text(text, encoding="utf-8")
    shutil.rmtree(repository.networks / name, ignore_errors=True)
    return manifest


def _leave_out(manifest: Manifest, path: Path, name: str) -> tuple[Manifest, str]:
    """The manifest without an entry, and its text."""
    manifest.select([name])
    if len(manifest.models) == 1:
        raise ManifestError(f"{path}: {name} is the last model; the ensemble needs one")
    document = read_document(path)
    document["models"].remove(name)  # type: ignore[union-attr]
    text = tomlkit.dumps(document)
    try:
        return parse_manifest(text, path), text
    except ManifestError as error:
        raise ManifestError(f"{name} cannot be removed: {error}") from error


def list_leftovers(manifest: Manifest, repository: Repository) -> list[str]:
    """Networks that export made and no entry names any more."""
    made = {path.parents[1].name for path in repository.networks.glob(f"*/*/{NAME}")}
    return sorted(made - {model.name for model in manifest.models})


def read_document(manifest: Path) -> tomlkit.TOMLDocument:
    """The manifest with its comments and layout, for a change in place."""
    return tomlkit.parse(manifest.read_text(encoding="utf-8"))
