"""The ensemble steps' own code, for everything here that needs pixels or boxes as the service sees them."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np

from export.manifest import ROOT, Model


def load_step(step: str, name: str) -> ModuleType:
    """Module `name` of an ensemble step, under the name by which the step itself imports it."""
    return load_module(ROOT / "ensembles" / step / "1" / f"{name}.py")


def load_module(path: Path) -> ModuleType:
    """A module of a folder that Triton's stubs import from, and that is no package."""
    name = path.stem
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.setdefault(name, module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


picture = load_step("preprocess", "picture")
boxes = load_step("postprocess_detection", "boxes")

MAX_PIXELS = 100_000_000  # a 100-megapixel photo decodes to 300 MB


def geometry_of(model: Model):
    """The preprocess step's `Geometry` of a manifest entry."""
    return picture.Geometry(**model.geometry.model_dump(mode="json"))


def load_pixels(data: bytes, model: Model) -> np.ndarray:
    """UINT8 [H,W,3] RGB of an encoded image file in the model's geometry."""
    geometry = geometry_of(model)
    return picture.decode(data, [geometry], MAX_PIXELS).fit(geometry)
