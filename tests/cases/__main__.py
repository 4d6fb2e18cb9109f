"""Try the shared cases on the service. One line per thing that was looked at; exit status 1 when one is not right.

Examples:
  python -m tests.cases           every case
  python -m tests.cases 02 15     some
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.cases import ROOT, export_formats, export_values, formats, scoring_tables, serving, triton, uploads
from tests.cases.check import Check
from tests.cases.workplace import Workplace

CASES: dict[str, Callable[[Workplace], Iterator[Check]]] = {
    "02": formats.try_broken_exif,
    "03": uploads.try_pil_client,
    "04": uploads.try_upload_shapes,
    "05": export_formats.try_torch_checkpoints,
    "06": export_values.try_keras_outputs,
    "10": export_formats.try_keras_files,
    "12": scoring_tables.try_csv,
    "13": serving.try_edges,
    "15": formats.try_formats,
    "16": formats.try_page,
    "17": serving.try_path_with_space,
    "18": export_formats.try_torchvision_factory,
    "19": serving.try_proxy_and_cors,
    "20": triton.try_clients,
    "21": formats.try_company,
    "22": uploads.try_too_large,
    "23": serving.try_nan,
    "24": scoring_tables.try_parquet,
    "25": export_formats.try_torchscript,
    "26": export_values.try_onnx_heads,
    "27": export_values.try_pixels,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.cases", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("numbers", nargs="*", metavar="NUMBER", help="default: all")
    parser.add_argument("--cases", type=Path, default=ROOT.parent / "shared" / "cases", help="default: %(default)s")
    options = parser.parse_args()
    if unknown := set(options.numbers) - set(CASES):
        parser.error(f"there is no case {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    if not options.cases.is_dir():
        parser.error(f"there are no cases in {options.cases}; name their folder with --cases")
    faults = 0
    with Workplace(options.cases.resolve()) as workplace:
        for number in options.numbers or CASES:
            faults += try_case(number, workplace)
    print(f"{faults} faults" if faults else "everything as expected")
    return 1 if faults else 0


def try_case(number: str, workplace: Workplace) -> int:
    """Prints what was looked at; how much of it was not right. A case that breaks off is a fault; the next begins."""
    faults, began = 0, time.monotonic()
    try:
        for check in CASES[number](workplace):
            print(number, check, flush=True)
            faults += not check.ok
    except Exception as error:
        print(number, Check("the case", "an end", f"{type(error).__name__}: {error}"[:600], False), flush=True)
        faults += 1
    print(f"{number} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return faults


if __name__ == "__main__":
    sys.exit(main())
