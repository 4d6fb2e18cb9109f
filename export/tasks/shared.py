"""What several tasks judge alike."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from export.entry import Model
from export.errors import CheckpointError


@dataclass(frozen=True)
class Difference:
    """How far two networks are from each other: in the values of `atol`, and a detector's boxes in pixels."""

    value: float
    pixels: float = 0.0

    def within(self, model: Model) -> bool:
        """Whether the entry tolerates it; NaN it does not."""
        return self.value <= model.atol and self.pixels <= model.atol_pixels

    def describe(self) -> str:
        return f"{self.value:.2g}" + (f" and {self.pixels:.2g} pixels" if self.pixels else "")


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
