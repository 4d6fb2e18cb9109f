"""`python -m report DATASET`: what a scored dataset says, as one HTML page and as CSV tables.

Examples:
  python -m report scores
  python -m report scores --by user --outcome likes
  python -m report scores-new --compare scores-old
"""

import sys

from pydantic import ValidationError
from pydantic_settings import CliApp

from contract.fault import describe_fault
from report.assemble import assemble
from report.errors import ReportError
from report.options import Options
from report.page import write_report


def main(arguments: list[str]) -> int:
    """Exit status 0, or 2 with one line that says what was wrong and what is accepted."""
    try:
        options = CliApp.run(Options, cli_args=arguments)
        page = write_report(options.dataset, assemble(options), options.folder)
    except (ReportError, ValidationError) as error:
        print(f"report: {describe_error(error)}", file=sys.stderr)
        return 2
    except Exception as error:
        print(f"report: {describe_fault(error)}", file=sys.stderr)
        return 2
    print(page)
    return 0


def describe_error(error: ReportError | ValidationError) -> str:
    if isinstance(error, ReportError):
        return str(error)
    first = error.errors()[0]
    flag = str(first["loc"][0]).replace("_", "-")
    return f"--{flag} {first['input']}: {first['msg'].lower()}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
