"""The preprocess step's own pixel code, for everything here that needs pixels as the service sees them."""

import sys
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np

from export.manifest import ROOT, Model

_spec = spec_from_file_location("picture", ROOT / "ensembles" / "preprocess" / "1" / "picture.py")
assert _spec is not None
assert _spec.loader is not None
picture = sys.modules.setdefault("picture", module_from_spec(_spec))
_spec.loader.exec_module(picture)

MAX_PIXELS = 100_000_000  # a 100-megapixel photo decodes to 300 MB


def geometry_of(model: Model):
    """The preprocess step's `Geometry` of a manifest entry."""
    return picture.Geometry(**model.geometry.model_dump(mode="json"))


def load_pixels(data: bytes, model: Model) -> np.ndarray:
    """UINT8 [H,W,3] RGB of an encoded image file in the model's geometry."""
    geometry = geometry_of(model)
    return picture.decode(data, [geometry], MAX_PIXELS).fit(geometry)
