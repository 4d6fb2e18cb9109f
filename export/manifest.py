"""models.toml: one entry per model, validated on load."""

import tomllib
from itertools import chain
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ValidationError, model_validator

from contract.tasks import Task, output_names
from export.download import cache_path
from export.entry import ROOT, Decoding, Entry, GeometryEntry, Model, Pixels, RegionEntry
from export.errors import ManifestError
from export.tasks import TASKS, regions

MANIFEST = ROOT / "models.toml"


class Manifest(Entry):
    models: list[Model]

    @model_validator(mode="after")
    def check_tasks(self) -> Self:
        for model in self.models:
            try:
                TASKS[model.task].check_entry(model)
                if model.framework not in TASKS[model.task].LOADERS:
                    accepted = ", ".join(TASKS[model.task].LOADERS)
                    raise ValueError(f"task {model.task} takes framework {accepted}")
                regions.check_entry(model, self.models)
            except ValueError as error:
                raise ValueError(f"model {model.name}: {error}") from error
        return self

    @model_validator(mode="after")
    def check_outputs(self) -> Self:
        """Outputs of the ensemble are named after the models; two must not meet."""
        owners: dict[str, str] = {}
        for model in self.models:
            for output in output_names(model.task, model.name):
                if owner := owners.get(output):
                    raise ValueError(f"{model.name} and {owner} would both have the output {output}; rename one")
                owners[output] = model.name
        return self

    def select(self, names: list[str]) -> list[Model]:
        """The named models, all when none is named."""
        known = [model.name for model in self.models]
        for name in names:
            if name not in known:
                raise ManifestError(f"no model {name} in the manifest; it has {', '.join(known)}")
        return [model for model in self.models if not names or model.name in names]


def load_manifest(path: Path = MANIFEST) -> Manifest:
    """Read and validate. Raises ManifestError as `parse_manifest` does."""
    try:
        return parse_manifest(path.read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: {error}") from error


def parse_manifest(text: str, path: Path) -> Manifest:
    """The manifest that `text` would be in the file `path`; relative paths are made absolute from its folder.

    Raises:
        ManifestError: names file, model and field, and lists what is accepted.
    """
    tables = _parse_tables(text, path)
    try:
        entries = [{"name": name, **_anchor(table, path.parent)} for name, table in tables.items()]
        return Manifest.model_validate({"models": entries})
    except ValidationError as error:
        raise ManifestError(_explain(path, list(tables), error)) from error


def list_taken(path: Path) -> set[str]:
    """Names that no new entry's outputs may have: those of entries, also of such as would be refused, and of their
    outputs. None where there is no manifest.

    Raises:
        ManifestError: it is no TOML.
    """
    tables = _parse_tables(path.read_text(encoding="utf-8"), path) if path.is_file() else {}
    outputs = [output_names(task, name) for name, table in tables.items() for task in Task if table.get("task") == task]
    return {*tables, *chain.from_iterable(outputs)}


def _parse_tables(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text).get("models", {})
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"{path}: {error}") from error


def _anchor(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The entry with its paths taken from the manifest's folder."""
    anchored = dict(table)
    for field in ("checkpoint", "calibration"):
        if isinstance(table.get(field), str):
            anchored[field] = folder / table[field]
    if str(table.get("checkpoint")).startswith(("https://", "http://")):
        anchored |= {"url": table["checkpoint"], "checkpoint": cache_path(table["checkpoint"])}
    decoding = table.get("decoding")
    if isinstance(decoding, dict) and isinstance(decoding.get("vocabulary"), str):
        anchored["decoding"] = {**decoding, "vocabulary": folder / decoding["vocabulary"]}
    return anchored


def _explain(path: Path, names: list[str], error: ValidationError) -> str:
    """One line per wrong field: file, model, field, cause; pydantic names the accepted values."""
    lines = []
    for problem in error.errors():
        where = list(problem["loc"])
        model = f" model {names[int(where[1])]}:" if len(where) > 1 else ""
        field = f" {'.'.join(str(part) for part in where[2:])}:" if len(where) > 2 else ""
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"unknown field; accepted are {', '.join(_siblings(where))}"
        lines.append(f"{path}:{model}{field} {message}")
    return "\n".join(lines)


def _siblings(where: list) -> list[str]:
    """The fields accepted at the place of an unknown one."""
    tables: dict[str, type[BaseModel]] = {
        "geometry": GeometryEntry,
        "pixels": Pixels,
        "decoding": Decoding,
        "region": RegionEntry,
    }
    table = tables.get(str(where[2]), Model) if len(where) > 3 else Model
    return [name for name in table.model_fields if name not in ("name", "url")]
