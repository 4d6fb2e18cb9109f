"""Score photos into a Parquet dataset; `python -m report` says what is in it.

SOURCE is a photo, a folder, a glob in quotes, an uncompressed .tar, or a .csv or .parquet table, as a path or as the
URI of an object store. A run that was stopped goes on when it is started again. Exit status: 0 when every photo was
answered or is a broken picture; 1 when others failed, which the next run asks for again; 2 when the run cannot begin
or go on; 130 when it was stopped.
"""

import argparse
import signal
import sys
from collections.abc import Sequence

from contract.fault import describe_fault
from scoring.errors import ScoringError, Stopped

MOST_SECONDS = 1_000_000
GO_ON = "what is finished is kept, and the same command goes on from there"


def main(arguments: Sequence[str]) -> int:
    """Exit status."""
    options = vars(make_parser().parse_args(arguments))
    try:
        # Importing takes most of a start: --help does without.
        from scoring.job import Job
        from scoring.run import run
        from scoring.sources import Sources

        sources = Sources(tuple(options.pop("source")), options.pop("column"))
        return run(Job(sources, outputs=tuple(options.pop("outputs")), **options))
    except ScoringError as error:
        print(f"scoring: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print(f"scoring: {Stopped()}", file=sys.stderr)
        return Stopped.status
    except Exception as error:
        print(f"scoring: {describe_fault(error)}; {GO_ON}", file=sys.stderr)
        return 2


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scoring", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("source", nargs="+", type=location, metavar="SOURCE", help="what to score")
    add("--out", required=True, type=location, metavar="DIR", help="folder or URI of the dataset")
    add("--outputs", nargs="+", default=[], metavar="MODEL", help="what to compute (default: every model whose card says so)")  # fmt: skip  # noqa: E501
    add("--column", help="column of a table with paths, URIs or files (default: the one that looks like it)")
    add("--endpoint", default="127.0.0.1:8001", metavar="HOST:PORT[,HOST:PORT…]", help="Triton's gRPC; a DNS name may have many addresses (default: 127.0.0.1:8001)")  # fmt: skip  # noqa: E501
    add("--engine", choices=("local", "ray"), default="local", help="this process, or a Ray cluster (default: local)")
    add("--address", help="of the Ray cluster (default: one on this machine)")
    add("--actors", type=count, help="Ray actors (default: 2 per node)")
    add("--in-flight", type=count, default=32, help="photos in requests at a time, per process or actor (default: 32)")  # fmt: skip  # noqa: E501
    add("--timeout", type=seconds, default=60.0, help="seconds that a request may take (default: 60)")
    add("--patience", type=seconds, default=120.0, help="seconds that a busy or absent service is waited for (default: 120)")  # fmt: skip  # noqa: E501
    add("--min-score", type=score, help="leave out objects with a lower score (default: what the detector's card says)")
    add("--restart", action="store_true", help="remove the parts in DIR and begin again")
    return parser


def location(text: str) -> str:
    """An empty one, as of an unset variable, would be the working directory."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; give a path or URI")
    return text


def seconds(text: str) -> float:
    """gRPC and Triton count them in 64 bits."""
    if (value := read_number(text)) is None or not 0 < value <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0 and up to {MOST_SECONDS:,}")
    return value


def score(text: str) -> float:
    if (value := read_number(text)) is None or not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")
    return value


def count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def read_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
