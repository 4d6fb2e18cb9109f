"""What several tasks judge alike."""

from typing import Any

import numpy as np

from export.entry import Model
from export.errors import CheckpointError


def check_finite(values: np.ndarray, model: Model) -> None:
    """Raises CheckpointError for NaN and infinity."""
    if not np.isfinite(values).all():
        share = 1 - np.isfinite(values).mean()
        raise CheckpointError(
            f"{model.checkpoint}: {model.name} gives NaN or infinity in {share:.0%} of its numbers on the pictures of "
            "the export; correct pixels, or train it again"
        )


def share_of_equal(expected: list[Any], found: list[Any]) -> float:
    return float(np.mean([one == other for one, other in zip(expected, found, strict=True)]))
