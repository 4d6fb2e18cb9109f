"""The collected complaints of other services' users, tried on this one: `python -m tests.cases`.

Each folder of the shared cases has a generator or a recipe and the right values (`make.py` or `try.*`, `expected.txt`).
They are no part of the repository, nor this of the test suite, which has a cheap test for each kind of fault.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "client"))  # as pytest is told in pyproject.toml
