"""Turn checkpoints into the Triton model repository that the manifest describes.

Examples:
  python -m export                                  every model of models.toml that changed
  python -m export smiling --force                  one model, also if it did not change
  python -m export objects --checkpoint yolo26n.pt  another checkpoint for one model
  python -m export --configs-only                   only write every config.pbtxt again
"""

import argparse
import sys
import time
from pathlib import Path

from export.build import Built, build, is_current
from export.errors import ExportError
from export.frameworks import resolve
from export.manifest import MANIFEST, Manifest, Model, load_manifest
from export.parity import list_pictures
from export.repository import ENSEMBLES, NETWORKS, Repository


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    repository = Repository(options.networks, options.ensembles)
    try:
        manifest = load_manifest(options.manifest)
        if not options.configs_only:
            export(select(manifest, options), repository, options)
        repository.write_configs(manifest)
    except ExportError as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="models of the manifest; default all")
    parser.add_argument("--manifest", type=Path, default=MANIFEST, help="default: models.toml")
    parser.add_argument("--networks", type=Path, default=NETWORKS, help="default: model_repository/")
    parser.add_argument("--ensembles", type=Path, default=ENSEMBLES, help="default: ensembles/")
    parser.add_argument(
        "--checkpoint", type=Path, help="take this file in place of the entry's; needs exactly one NAME"
    )
    parser.add_argument("--pictures", type=Path, help="folder of pictures to compare on; default the sample photo")
    parser.add_argument("--force", action="store_true", help="export also what did not change")
    parser.add_argument("--configs-only", action="store_true", help="write the configs again, convert nothing")
    return parser.parse_args(arguments)


def select(manifest: Manifest, options: argparse.Namespace) -> list[Model]:
    models = manifest.select(options.names)
    if options.checkpoint is None:
        return models
    if len(options.names) != 1:
        raise ExportError("--checkpoint needs exactly one NAME")
    return [models[0].model_copy(update={"checkpoint": options.checkpoint})]


def export(models: list[Model], repository: Repository, options: argparse.Namespace) -> None:
    """Stage every model first; the repository changes only when all have passed."""
    pictures = list_pictures(options.pictures)
    with repository.staging() as staging:
        built = []
        for model in [resolve(model) for model in models]:
            if not options.force and is_current(model, repository.certificate(model.name)):
                print(f"{model.name:<16} unchanged")
                continue
            start = time.monotonic()
            built.append(build(model, pictures, staging))
            report(built[-1], time.monotonic() - start)
        for each in built:
            repository.install(each.model.name, each.folder)


def report(built: Built, seconds: float) -> None:
    size = (built.folder / "model.onnx").stat().st_size / 1e6
    parity = built.certificate.parity
    print(
        f"{built.model.name:<16} {size:6.2f} MB  difference {parity['difference']:.1e} "
        f"(tolerated {parity['atol']:.0e}) at batch {parity['batches']}  {seconds:.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
