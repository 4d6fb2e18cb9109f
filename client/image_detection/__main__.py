"""python -m image_detection photos > answers.csv: one row per photo of a folder. API_KEY may hold a key."""

import argparse
import os
import sys

from image_detection.client import Client, ServiceError
from image_detection.frames import to_box_frame, to_frame


def main() -> int:
    arguments = parse_arguments()
    options = {"features": arguments.features, "min_score": arguments.min_score}
    wanted = {name: value for name, value in options.items() if value is not None}
    try:
        with Client(arguments.url, os.environ.get("API_KEY")) as client:
            results = client.analyze_folder(arguments.folder, **wanted)
        # Names of files that are no UTF-8 come out as they are.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
        to_frame(results).to_csv(sys.stdout, index=False)
        if arguments.boxes:
            to_box_frame(results).to_csv(arguments.boxes, index=False, errors="surrogateescape")
    except (ServiceError, OSError) as error:
        print(f"image_detection: {error}", file=sys.stderr)
        return 2
    failed = sum(result.error is not None for result in results)
    if failed:
        print(f"image_detection: {failed} of {len(results)} photos failed; the column error says why", file=sys.stderr)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m image_detection", description=__doc__)
    parser.add_argument("folder", help="its photos, and those of the folders below")
    url = os.environ.get("GATEWAY_URL", "http://127.0.0.1:8080")
    parser.add_argument("--url", default=url, help="the service; default GATEWAY_URL, else http://127.0.0.1:8080")
    parser.add_argument("--features", help="these models only, commas between")
    parser.add_argument("--min-score", type=float, help="leave out boxes with a lower score")
    parser.add_argument(
        "--boxes", metavar="FILE", help="also write one row per box, such as a face's, to this CSV file"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
