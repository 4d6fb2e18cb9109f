"""The preprocess step's own modules, for everybody who must see a photo as the networks do.

The steps of `ensembles/` are self-contained folders, as Triton repositories are; this is the one place that loads code
from them.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ENSEMBLES = Path(__file__).parents[1] / "ensembles"
MAX_PIXELS = 100_000_000  # a 100-megapixel photo decodes to 300 MB


def load_module(path: Path) -> ModuleType:
    """A module of a folder that Triton's stubs import from, under the name by which the step itself imports it."""
    if path.stem in sys.modules:
        return sys.modules[path.stem]
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_step(step: str, name: str) -> ModuleType:
    """Module `name` of an ensemble step."""
    return load_module(ENSEMBLES / step / "1" / f"{name}.py")


load_step("preprocess", "geometry")  # which picture imports
picture = load_step("preprocess", "picture")
BadImage = picture.BadImage
Geometry = picture.Geometry
open_upright = picture.open_upright
