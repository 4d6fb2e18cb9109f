"""Keeps what exporters print about their inner steps from hiding what the user should read."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def _swallow_prints() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Exporters report their inner steps; what goes wrong is raised, the rest is noise here."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), _swallow_prints():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
