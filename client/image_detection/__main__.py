"""python -m image_detection photos > answers.csv: one row per photo of a folder. API_KEY may hold a key.

Exit status: 0, also where some photos failed; 1 when all of them failed; 2 when nothing could be asked or written.
"""

import argparse
import os
import sys

from image_detection.answers import Result
from image_detection.client import EXAMPLE, Client, ServiceError
from image_detection.frames import to_box_frame, to_frame


def main() -> int:
    arguments = parse_arguments()
    try:
        results = ask(arguments)
        write(results, arguments.boxes)
    except (ServiceError, OSError, ValueError) as error:
        print(f"image_detection: {error}", file=sys.stderr)
        return 2
    return report_failures(results)


def ask(arguments: argparse.Namespace) -> list[Result]:
    options = {"features": arguments.features, "min_score": arguments.min_score}
    wanted = {name: value for name, value in options.items() if value is not None}
    with Client(arguments.url, os.environ.get("API_KEY")) as client:
        return client.analyze_folder(arguments.folder, **wanted)


def write(results: list[Result], boxes: str | None) -> None:
    """The table to standard output, and that of the boxes to a file. Names that are no UTF-8 come out as they are."""
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    to_frame(results).to_csv(sys.stdout, index=False)
    if boxes:
        to_box_frame(results).to_csv(boxes, index=False, errors="surrogateescape")


def report_failures(results: list[Result]) -> int:
    """The exit status; says how many photos failed."""
    failed = sum(result.error is not None for result in results)
    if failed:
        photos = "photo" if len(results) == 1 else "photos"
        print(
            f"image_detection: {failed} of {len(results)} {photos} failed; the column error says why", file=sys.stderr
        )
    return 1 if failed == len(results) else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m image_detection", description=__doc__)
    parser.add_argument("folder", help="its photos, and those of the folders below")
    url = os.environ.get("GATEWAY_URL", EXAMPLE)
    parser.add_argument("--url", default=url, help=f"the service; default GATEWAY_URL, else {EXAMPLE}")
    parser.add_argument("--features", help="these models only, commas between")
    parser.add_argument("--min-score", type=float, help="leave out boxes with a lower score")
    parser.add_argument(
        "--boxes", metavar="FILE", help="also write one row per box, such as a face's, to this CSV file"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
