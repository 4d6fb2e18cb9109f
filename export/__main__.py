"""Turn checkpoints into the Triton model repository that the manifest describes.

Examples:
  python -m export                                  every model of models.toml that changed
  python -m export smiling --force                  one model, also if it did not change
  python -m export objects --checkpoint yolo26n.pt  another checkpoint for one model, this time
  python -m export check                            does every served model hold what its certificate says?
  python -m export smiling --force --dry-run        would it pass, and with which figures? changes nothing
  python -m export list                             the table of models
  python -m export smiling --set-version 1          serve an earlier version; `newest` undoes it
  python -m export --target cuda                    configs for ONNX Runtime on the GPU
  python -m export doctor my_model.h5               an entry for a file, out of the file itself
  python -m export remove hat                       take a model out of manifest and repository, or what it left there

export/README.md describes entries, checkpoints, precision and GPU targets.
"""

import argparse
import sys
from pathlib import Path

from contract.fault import describe_fault
from export.build import Built, build, is_current
from export.checkpoint import resolve, use_checkpoint
from export.entry import ACTIONS, Model
from export.errors import ExportError
from export.manage import check, remove, set_version
from export.manifest import MANIFEST, Manifest, list_taken, load_manifest
from export.parity import list_pictures
from export.proposal import choose_name
from export.repository import ENSEMBLES, KEPT_VERSIONS, NETWORKS, Repository
from export.table import summarise
from export.targets import Target, write_target
from export.wording import count_nouns


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0, or 2 with one line that names file, cause and remedy."""
    options = parse(arguments)
    try:
        run(options, Repository(options.networks, options.ensembles))
    except ExportError as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    except Exception as error:  # a full disk, a folder that cannot be written, a fault of our own
        print(f"export: {describe_fault(error)}", file=sys.stderr)
        return 2
    return 0


def run(options: argparse.Namespace, repository: Repository) -> None:
    """Do what the options say; the closing table tells how things stand."""
    if options.doctor:
        return advise(options)
    manifest = load_manifest(options.manifest)
    models = manifest.select([] if options.remove else options.names)
    built: list[Built] = []
    if options.check:
        verify(models, repository, options)
    elif options.set_version is not None:
        version = None if options.set_version == "newest" else int(options.set_version)
        manifest = set_version(options.manifest, only(options, "--set-version"), version, repository)
    elif options.remove:
        manifest = remove(options.manifest, only(options, "--remove"), repository)
    elif options.target:
        build_target(manifest, models, options.target, repository)
    elif not (options.configs_only or options.list):
        built = export(select(manifest, options), repository, options)
    if not (options.check or options.list or options.dry_run):
        repository.write_configs(manifest)
    print(summarise(manifest, repository, built, options.dry_run))


def advise(options: argparse.Namespace) -> None:
    """Print an entry for each file that stands in the place of names."""
    from export.doctor import examine

    if not options.names:
        raise ExportError("doctor needs a FILE")
    taken = list_taken(options.manifest)
    for path in map(Path, options.names):
        name = choose_name(path, taken)
        print(f"\n{examine(path, name, options.factory, options.trust_checkpoint, report)}")
        taken.add(name)


def report(text: str) -> None:
    """One line of progress."""
    print(f"{text} …", flush=True)


def build_target(manifest: Manifest, models: list[Model], target: Target, repository: Repository) -> None:
    """Write the target's config of the named models, and their plans."""
    names = {model.name for model in models}
    for model, certificate, version in repository.served(manifest):
        if model.name in names:
            report(f"{model.name}: version {version} for {target}")
            write_target(target, model, certificate, version, repository.networks)


def only(options: argparse.Namespace, flag: str) -> str:
    """The one name that was given."""
    if len(options.names) != 1:
        raise ExportError(f"{flag} needs exactly one NAME")
    return options.names[0]


def verify(models: list[Model], repository: Repository, options: argparse.Namespace) -> None:
    failures = check(models, repository, options.pictures, options.trust_checkpoint, report)
    if failures:
        raise ExportError("; ".join(failures.values()))
    verb = "holds what its certificate says" if len(models) == 1 else "hold what their certificates say"
    print(f"{count_nouns(len(models), 'model')} {verb}\n")


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
    parser.add_argument("--factory", help="module:function that builds a state dict's network; for doctor")
    parser.add_argument("--pictures", type=Path, help="folder of pictures to compare on; default the sample photo")
    parser.add_argument("--force", action="store_true", help="export also what did not change")
    parser.add_argument(
        "--keep", type=count, default=KEPT_VERSIONS, metavar="K", help="versions kept; default %(default)s"
    )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="unpickle also what can run any code; for files of people whom you trust",
    )
    actions = parser.add_argument_group("instead of exporting").add_mutually_exclusive_group()
    actions.add_argument("--dry-run", action="store_true", help="convert and compare, and change nothing")
    actions.add_argument("--check", action="store_true", help="verify files, entries and outputs of served models")
    actions.add_argument("--doctor", action="store_true", help="propose an entry for each FILE in place of NAME")
    actions.add_argument("--list", action="store_true", help="only print the table of models")
    actions.add_argument(
        "--set-version", metavar="N", type=version_number, help="serve version N of one model, or newest"
    )
    actions.add_argument("--remove", action="store_true", help="remove one model, or what a renamed one left")
    actions.add_argument(
        "--target",
        type=Target,
        choices=list(Target),
        help="write configs/<target>.pbtxt; tensorrt: build plans, on the GPU",
    )
    actions.add_argument("--configs-only", action="store_true", help="write the configs again, convert nothing")
    return parser.parse_args(spell_action(sys.argv[1:] if arguments is None else arguments))


def spell_action(arguments: list[str]) -> list[str]:
    """`check hat` means `--check hat`; no model can be called so."""
    return [f"--{each}" if each in ACTIONS else each for each in arguments]


def count(text: str) -> int:
    if not (text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1")
    return int(text)


def version_number(text: str) -> str:
    if text != "newest" and not (text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no version; accepted are numbers from 1, and newest")
    return text


def select(manifest: Manifest, options: argparse.Namespace) -> list[Model]:
    models = manifest.select(options.names)
    if options.checkpoint is None:
        return models
    if len(options.names) != 1:
        raise ExportError("--checkpoint needs exactly one NAME")
    return [use_checkpoint(models[0], options.checkpoint)]


def export(models: list[Model], repository: Repository, options: argparse.Namespace) -> list[Built]:
    """Stage every model first; the repository changes only when all have passed. Gives what was converted."""
    pictures = list_pictures(options.pictures)
    built: list[Built] = []
    with repository.staging() as staging:
        for model in [resolve(model) for model in models]:
            certificate = repository.certificate(model.name, max(repository.versions(model.name), default=None))
            if not options.force and is_current(model, certificate):
                continue
            built.append(build(model, pictures, staging, options.trust_checkpoint, report))
        for each in [] if options.dry_run else built:
            repository.install(each.model, each.folder, options.keep)
    return built


if __name__ == "__main__":
    sys.exit(main())
