"""`python -m gateway --help` lists the settings; `python -m gateway key NAME` makes an API key."""

import argparse
import sys
import textwrap

from gateway.operations.keys import create_key
from gateway.settings import CONFIG, list_settings


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gateway",
        description=__doc__,
        epilog=describe_settings(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command")
    key = commands.add_parser("key", help="make an API key and its entry for API_KEYS")
    key.add_argument("name", help="whose key it is; logs and limits show it")
    arguments = parser.parse_args()
    if arguments.command == "key":
        secret, entry = create_key(arguments.name)
        print(f"key, for its owner alone:  {secret}\nentry for API_KEYS:        {entry}")
    else:
        parser.print_help()
    return 0


def describe_settings() -> str:
    """Every setting with default and description."""
    lines = [f"settings, by environment or as keys in the TOML file that {CONFIG} names:"]
    for name, default, description in list_settings():
        lines += [f"  {name}" + (f" ({default})" if default else ""), textwrap.indent(description, "      ")]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
