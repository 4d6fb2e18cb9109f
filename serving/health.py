"""`python -m serving.health`: whether Triton has every model ready. For container health checks, which run a command.

The settings are those of `python -m serving`, from the environment. Exit status 0 when all is ready, else 1.
"""

import sys

from serving.errors import ServingError
from serving.gateway import triton_url
from serving.model_control import connect
from serving.repositories import list_models
from serving.settings import read_settings


def main() -> int:
    """Ask Triton once."""
    try:
        settings = read_settings([])
        with connect(triton_url(settings), settings.triton_secret) as control:
            return 0 if control.is_ready(list_models(settings.model_repository)) else 1
    except ServingError as error:
        print(f"serving: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
