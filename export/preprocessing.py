"""The ensemble steps' own code, for everything here that needs pixels or boxes as the service sees them."""

import numpy as np

from contract.pixels import MAX_PIXELS, load_module, load_step, picture
from export.manifest import Model

boxes = load_step("postprocess_detection", "boxes")


def geometry_of(model: Model):
    """The preprocess step's `Geometry` of a manifest entry."""
    return picture.Geometry(**model.geometry.model_dump(mode="json"))


def load_pixels(data: bytes, model: Model) -> np.ndarray:
    """UINT8 [H,W,3] RGB of an encoded image file in the model's geometry."""
    geometry = geometry_of(model)
    return picture.decode(data, [geometry], MAX_PIXELS).fit(geometry)
