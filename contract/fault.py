"""What a command says of an error that nobody has thought of."""

import os
import traceback


def describe_fault(error: Exception) -> str:
    """One line, with the place in the code."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}:{place.lineno}"
    return f"a fault of the program: {type(error).__name__}: {' '.join(str(error).split())} ({where})"
