"""`make bench`: measures the service against the limit of the machine and against what people would use instead.

Runs that are compared take turns, figures are medians over the rounds, and ratios are taken within a round. The tables
go to bench/README.md, those of bulk scoring to scoring/README.md. Only ratios of one run mean something on a machine
that others use too.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.context import Context, choose_target
from bench.photos import write_photo
from bench.report import README, SCORING_README, describe_machine, show_verdicts, write_section
from bench.sections import BULK, ON_REQUEST, SECTIONS, SERVICE
from bench.service import start_service


def main(arguments: Sequence[str]) -> int:
    options, began = make_parser().parse_args(arguments), time.monotonic()
    with TemporaryDirectory() as name, start_service(*choose_target()) as service:
        folder = Path(name)
        photos = choose_photos(options.photos, folder)
        context = Context(service, folder, photos, options.seconds, options.rounds, options.bulk, options.other)
        machine = describe_machine()
        failed = [name for name in options.only if not measure(name, context, machine, options.dry)]
    machine += f" The whole took {(time.monotonic() - began) / 60:.0f} minutes."
    # The README says which run its tables are of, if all of them are of one.
    is_whole = {*SERVICE} <= {*options.only}
    report("machine", machine, options.dry or not is_whole)
    if context.verdicts:
        report("aims", show_verdicts(context.verdicts), options.dry or not is_whole)
    return 1 if failed else 0


def measure(name: str, context: Context, machine: str, dry: bool) -> bool:
    """Measure one section and report it. One that fails says so in its place, and the others go on."""
    started, done = time.monotonic(), True
    try:
        text = SECTIONS[name](context)
    except Exception as error:
        text, done = f"Not measured: {type(error).__name__}: {error}", False
    if name in BULK:  # they are seldom measured in one go
        text += f"\n\nMeasured {machine}"
    report(name, text, dry or name in ON_REQUEST)
    print(f"({name}: {time.monotonic() - started:.0f} s)\n", flush=True)
    return done


def report(name: str, text: str, dry: bool) -> None:
    print(f"## {name}\n\n{text}\n", flush=True)
    if not dry:
        write_section(name, text, SCORING_README if name.startswith("bulk-") else README)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add, whole = parser.add_argument, [*SERVICE, *BULK]
    add("--only", nargs="+", choices=SECTIONS, default=whole, help="sections to measure (default: all but compare)")
    add("--seconds", type=float, default=2.5, help="of each measurement (default: 2.5)")
    add("--rounds", type=int, default=3, help="of measurements in turns (default: 3)")
    add("--photos", type=Path, help="folder of JPEG files (default: the sample at 1280×720)")
    add("--bulk", type=int, default=2000, help="photos in the folder that is scored in bulk (default: 2000)")
    add("--other", type=Path, help="worktree of another commit, for compare")
    add("--dry", action="store_true", help="print only, leave the READMEs as they are")
    return parser


def choose_photos(folder: Path | None, into: Path) -> tuple[str, ...]:
    """The JPEG files of `folder`, or the sample as large as a usual web photo. Raises ValueError if there are none."""
    if folder is None:
        return (str(write_photo(into / "photo.jpg", 1280, 720, quality=92)),)
    photos = tuple(str(path) for path in sorted(folder.glob("*.jpg")))
    if not photos:
        raise ValueError(f"{folder} holds no .jpg file")
    return photos


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
