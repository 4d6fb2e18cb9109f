"""`make bench`: measures the service against the limit of the machine and against what people would use instead.

Runs that are compared take turns, figures are medians over the rounds, and ratios are taken within a round. The tables
go to bench/README.md. Only ratios of one run mean something on a machine that others use too.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.context import Context
from bench.photos import write_photo
from bench.report import README, describe_machine, show_verdicts, write_section
from bench.sections import ON_REQUEST, SECTIONS
from bench.service import start_service


def main(arguments: Sequence[str]) -> int:
    options = make_parser().parse_args(arguments)
    names, began = options.only or list(SECTIONS), time.monotonic()
    with TemporaryDirectory() as folder, start_service(*choose_target()) as service:
        context = Context(
            service, choose_photos(options.photos, Path(folder)), options.seconds, options.rounds, options.other
        )
        machine = describe_machine()
        failed = [name for name in names if not measure(name, context, options.dry or name in ON_REQUEST)]
    whole = names == list(SECTIONS)
    report(
        "machine", f"{machine} The whole took {(time.monotonic() - began) / 60:.0f} minutes.", options.dry or not whole
    )
    report("aims", show_verdicts(context.verdicts), options.dry or not whole)
    return 1 if failed else 0


def measure(name: str, context: Context, dry: bool) -> bool:
    """Measure one section and report it. One that fails says so in its place, and the others go on."""
    started, done = time.monotonic(), True
    try:
        text = (SECTIONS | ON_REQUEST)[name](context)
    except Exception as error:
        text, done = f"Not measured: {type(error).__name__}: {error}", False
    report(name, text, dry)
    print(f"({name}: {time.monotonic() - started:.0f} s)\n", flush=True)
    return done


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=[*SECTIONS, *ON_REQUEST], help="sections to measure (default: all but compare)"
    )
    parser.add_argument("--seconds", type=float, default=2.5, help="of each measurement (default: 2.5)")
    parser.add_argument("--rounds", type=int, default=3, help="of measurements in turns (default: 3)")
    parser.add_argument("--photos", type=Path, help="folder of JPEG files (default: the sample at 1280×720)")
    parser.add_argument("--other", type=Path, help="worktree of another commit, for `compare`")
    parser.add_argument("--dry", action="store_true", help=f"print only, leave {README.name} as it is")
    return parser


def choose_target() -> list[str]:
    """On a machine with an NVIDIA GPU, the networks' `cuda` configs."""
    return ["--model-config-name=cuda"] if shutil.which("nvidia-smi") else []


def choose_photos(folder: Path | None, into: Path) -> tuple[str, ...]:
    """The JPEG files of `folder`, or the sample as large as a usual web photo. Raises ValueError if there are none."""
    if folder is None:
        return (str(write_photo(into / "photo.jpg", 1280, 720, quality=92)),)
    photos = tuple(str(path) for path in sorted(folder.glob("*.jpg")))
    if not photos:
        raise ValueError(f"{folder} holds no .jpg file")
    return photos


def report(name: str, text: str, dry: bool) -> None:
    print(f"## {name}\n\n{text}\n", flush=True)
    if not dry:
        write_section(name, text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
