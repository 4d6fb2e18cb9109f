"""The notebooks of examples/; `python -m tests.notebooks` keeps the results that they have with the running service."""

import os
import sys
from copy import deepcopy

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
NAMES = ("notebook", "impact")


def read(name: str) -> NotebookNode:
    return nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)


def execute(notebook: NotebookNode) -> NotebookNode:
    """A copy with what its cells put out. Addresses come from the environment; no times are recorded."""
    notebook = deepcopy(notebook)
    metadata = deepcopy(notebook.metadata)
    resources = {"metadata": {"path": str(ROOT)}}
    NotebookClient(notebook, timeout=180, record_timing=False, resources=resources).execute()
    notebook.metadata = metadata  # the interpreter's version is of no interest
    return notebook


def main() -> None:
    os.environ["PYTHONPATH"] = str(ROOT / "client")
    for name in sys.argv[1:] or NAMES:
        nbformat.write(execute(read(name)), EXAMPLES / f"{name}.ipynb")


if __name__ == "__main__":
    main()
