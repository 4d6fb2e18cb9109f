"""`python -m serving`: exit status 0 after SIGTERM or SIGINT, 1 when serving fails, 2 for a wrong setting."""

import sys

from serving.errors import ServingError, SettingsError
from serving.settings import read_settings
from serving.supervisor import Supervisor


def main() -> int:
    """Serve until asked to stop."""
    try:
        settings = read_settings(sys.argv[1:])
        Supervisor(settings, lambda text: print(text, flush=True)).run()
    except ServingError as error:
        print(f"serving: {error}", file=sys.stderr, flush=True)
        return 2 if isinstance(error, SettingsError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
