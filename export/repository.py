"""The Triton model repository on disk: versions are staged outside of it and moved in whole."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export.certificate import NAME, Certificate, read_certificate
from export.configs import network_config, to_text, write_text
from export.ensemble import write_ensemble
from export.entry import ROOT, Model
from export.errors import ExportError
from export.manifest import Manifest
from export.targets import refresh_targets
from export.wiring import Served

NETWORKS = ROOT / "model_repository"
ENSEMBLES = ROOT / "ensembles"
KEPT_VERSIONS = 2


class Repository:
    """The networks' repository and the ensemble's, written together."""

    def __init__(self, networks: Path = NETWORKS, ensembles: Path = ENSEMBLES) -> None:
        self.networks, self.ensembles = networks, ensembles

    def versions(self, name: str) -> list[int]:
        """Versions of a network that are served or kept, oldest first."""
        folders = (self.networks / name).glob("*/model.onnx")
        return sorted(int(path.parent.name) for path in folders if path.parent.name.isdigit())

    def served_version(self, model: Model) -> int | None:
        """The version that the entry asks for, otherwise the newest; None where there is none."""
        return model.version or max(self.versions(model.name), default=None)

    def certificate(self, name: str, version: int | None) -> Certificate | None:
        """Of one version, if there is one."""
        if version is None or not (self.folder(name, version) / NAME).is_file():
            return None
        return read_certificate(self.folder(name, version))

    def folder(self, name: str, version: int) -> Path:
        return self.networks / name / str(version)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder on the same file system as the repository, but outside of it."""
        self.networks.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=self.networks.parent) as folder:
            yield Path(folder)

    def install(self, model: Model, staged: Path, keep: int = KEPT_VERSIONS) -> int:
        """Move a staged version folder in as the next version; the oldest beyond `keep` go, the served one stays."""
        versions = self.versions(model.name)
        version = versions[-1] + 1 if versions else 1
        target = self.folder(model.name, version)
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.rename(target)
        for old in [*versions, version][:-keep]:
            if old != model.version:
                shutil.rmtree(self.folder(model.name, old))
        return version

    def served(self, manifest: Manifest) -> Served:
        """Every model of the manifest with the certificate of the version that is served.

        Raises:
            ExportError: a model was not exported yet, or not in this version.
        """
        served: Served = []
        for model in manifest.models:
            version = self.served_version(model)
            certificate = self.certificate(model.name, version)
            if version is None or certificate is None:
                wanted = f"version {model.version} of it " if model.version else ""
                raise ExportError(f"{self.networks / model.name}: {wanted}is not exported yet; run `make export`")
            served.append((model, certificate, version))
        return served

    def write_configs(self, manifest: Manifest) -> None:
        """Every config.pbtxt of both repositories, and the caption step's vocabulary."""
        served = self.served(manifest)
        for model, certificate, version in served:
            write_text(self.networks / model.name / "config.pbtxt", to_text(network_config(model, certificate)))
            refresh_targets(model, certificate, version, self.networks)
        write_ensemble(served, self.ensembles)
