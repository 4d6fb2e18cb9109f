"""Score photos into a Parquet dataset; `python -m report` says what is in it.

SOURCE is a photo, a folder, a glob in quotes, an uncompressed .tar, or a .csv or .parquet table, as a path or as the
URI of an object store. A run that was stopped goes on when it is started again. Exit status: 0 when every photo was
answered or is a broken picture; 1 when others failed, which the next run asks for again; 2 when the run cannot begin;
130 when it was stopped.
"""

import argparse
import ctypes
import os
import signal
import sys

from scoring.errors import ScoringError

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Exit status."""
    return score(make_parser().parse_args(arguments))


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scoring", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("source", nargs="+", metavar="SOURCE", help="what to score")
    add("--out", required=True, metavar="DIR", help="folder or URI of the dataset")
    add("--outputs", nargs="+", default=[], metavar="MODEL", help="what to compute (default: everything)")
    add("--column", help="column of a table with paths, URIs or files (default: the one that looks like it)")
    add("--endpoint", default="127.0.0.1:8001", metavar="HOST:PORT[,HOST:PORT…]", help="Triton's gRPC; a DNS name may have many addresses (default: 127.0.0.1:8001)")  # fmt: skip  # noqa: E501
    add("--engine", choices=("local", "ray"), default="local", help="this process, or a Ray cluster (default: local)")
    add("--address", help="of the Ray cluster (default: one on this machine)")
    add("--actors", type=positive_int, help="Ray actors (default: 2 per node)")
    add(
        "--in-flight",
        type=positive_int,
        default=32,
        help="photos in requests at a time, per process or actor (default: 32)",
    )
    add("--timeout", type=positive, default=60.0, help="seconds that a request may take (default: 60)")
    add("--patience", type=positive, default=120.0, help="seconds that a busy or absent service is waited for (default: 120)")  # fmt: skip  # noqa: E501
    add("--min-score", type=float, default=0.25, help="leave out objects with a lower score (default: 0.25)")
    add("--restart", action="store_true", help="remove the parts in DIR and begin again")
    return parser


def positive(text: str) -> float:
    if not (value := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def positive_int(text: str) -> int:
    return int(positive(str(int(text))))


def score(options: argparse.Namespace) -> int:
    try:
        # Importing takes most of a start: --help and report do without.
        from scoring.run import Options, run
        from scoring.sources import Sources

        return run(
            Options(
                sources=Sources(tuple(options.source), options.column),
                out=options.out,
                outputs=tuple(options.outputs),
                endpoints=options.endpoint,
                engine=options.engine,
                address=options.address,
                actors=options.actors,
                in_flight=options.in_flight,
                timeout=options.timeout,
                patience=options.patience,
                min_score=options.min_score,
                restart=options.restart,
            )
        )
    except ScoringError as error:
        print(f"scoring: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print("scoring: stopped; the same command goes on from here", file=sys.stderr)
        return 130


def run_in_child(arguments: list[str]) -> int:
    """Exit status of `main` in a process of its own, which a SIGKILL of this one stops like a SIGTERM.

    Triton before 25.03 may crash or stand still when the client of requests under way is gone, so these are waited for:
    https://github.com/triton-inference-server/server/issues/7368 and 8034
    """
    parent, child = os.getpid(), os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if arguments[:1] != ["report"] and make_parser().parse_args(arguments).engine == "local":
            sys.meta_path.insert(0, PandasRefused)
        return main(arguments) if os.getppid() == parent else 130
    # A terminal's Ctrl-C reaches the child by itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: os.kill(child, number))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


class PandasRefused:
    """An import finder. Where there is pandas, pyarrow imports it at its first array, which doubles a start.

    Only the report and Ray use it."""

    @staticmethod
    def find_spec(name: str, path: object, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


if __name__ == "__main__":
    sys.exit(run_in_child(sys.argv[1:]))
