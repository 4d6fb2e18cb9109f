"""`python -m scoring report DIR`: what a scored dataset says, as one HTML file and as CSV tables.

Examples:
  python -m scoring report scores
  python -m scoring report scores --by user --outcome likes
  python -m scoring report scores-new --compare scores-old
"""

import argparse
import sys

from scoring.report.assemble import Choices, assemble
from scoring.report.errors import ReportError
from scoring.report.page import write_report


def main(arguments: list[str]) -> int:
    """Exit status 0, or 2 with one line that says what was wrong and what is accepted."""
    options = vars(parse(arguments))
    out = options.pop("out") or f"{options['folder'].rstrip('/')}/_report"
    try:
        page = write_report(assemble(Choices(**options)), out)
    except ReportError as error:
        print(f"scoring report: {error}", file=sys.stderr)
        return 2
    print(page)
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scoring report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="DIR", help="what `python -m scoring --out` wrote; a path or a URI")
    parser.add_argument("--out", metavar="FOLDER", help="for report.html and the CSV files; default DIR/_report")
    parser.add_argument("--by", metavar="COLUMN", help="names the person of each photo; persons then are the unit")
    parser.add_argument(
        "--outcome", metavar="COLUMN", help="a number per photo, such as likes, to compare by attribute"
    )
    parser.add_argument("--compare", metavar="DIR", help="another run: what drifted from there to here")
    parser.add_argument(
        "--threshold", type=fraction, default=0.5, help="probability from which a photo is a yes; default %(default)s"
    )
    parser.add_argument(
        "--min-score", type=fraction, default=0.25, help="objects with a lower score are left out; default %(default)s"
    )
    parser.add_argument(
        "--thumbnails", action="store_true", help="show example photos; the page then holds pictures of people"
    )
    return parser.parse_args(arguments)


def fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")
    return value
