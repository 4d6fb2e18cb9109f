"""Pixels as the service's networks see them."""

import numpy as np

from contract.pixels import MAX_PIXELS, Geometry, picture
from export.entry import Model


def geometry_of(model: Model):
    """The preprocess step's `Geometry` of a manifest entry."""
    return Geometry(**model.geometry.model_dump(mode="json"))


def load_pixels(data: bytes, model: Model) -> np.ndarray:
    """UINT8 [H,W,3] RGB of an encoded image file in the model's geometry."""
    geometry = geometry_of(model)
    return picture.decode(data, [geometry], MAX_PIXELS).fit(geometry)
