"""`python -m scoring SOURCE… --out DIR` scores photos; `python -m scoring report DIR` tells what was found."""

import sys


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["report"]:
        # matplotlib and scipy are not needed for scoring.
        from scoring.report.command import main as report

        return report(arguments[1:])
    print("scoring: only `report` is here yet", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
