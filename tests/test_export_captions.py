"""The bundled caption network's beam search inside ONNX, against the reference in PyTorch on real pictures."""

import numpy as np
import pytest

from export.checkpoint import load_source
from export.entry import Weights
from export.graph import normalise, wrap
from export.manifest import load_manifest
from export.parity import SAMPLE, list_pictures
from export.preprocessing import load_pixels
from export.session import open_session

BATCHES = (1, 2, 8)


@pytest.fixture(scope="module")
def pictures(request):
    """UINT8 pictures in the caption model's geometry: photos and faces of the shared data, or turned samples."""
    (model,) = load_manifest().select(["caption"])
    sample = load_pixels(SAMPLE.read_bytes(), model)
    shared = request.getfixturevalue("shared_data") if request.param else None
    paths = [*list_pictures(shared / "photos"), *list_pictures(shared / "faces")[::100]] if shared else []
    made = [np.roll(sample, 16 * index, axis=index % 2) // (1 + index % 3) for index in range(8)]
    return np.stack([load_pixels(path.read_bytes(), model) for path in paths] or made)


@pytest.mark.parametrize(
    ("pictures", "beam_width"),
    [(False, 1), (False, 5), (True, 3)],
    ids=["sample", "sample", "shared"],
    indirect=["pictures"],
)
def test_captions_are_those_of_the_reference(pictures, beam_width):
    (model,) = load_manifest().select(["caption"])
    decoding = model.decoding.model_copy(update={"beam_width": beam_width})
    model = model.model_copy(update={"decoding": decoding, "weights": Weights.FP32})
    source = load_source(model)
    session = open_session(wrap(source, model).SerializeToString())
    expected_tokens, expected_scores = source.predict(normalise(pictures, model, source.layout))
    assert len(np.unique(expected_tokens, axis=0)) > 1
    for size in BATCHES:
        parts = [pictures[start : start + size] for start in range(0, len(pictures), size)]
        tokens, scores = (np.concatenate(each) for each in zip(*(run(session, part) for part in parts), strict=True))
        assert np.array_equal(tokens, expected_tokens)
        np.testing.assert_allclose(scores, expected_scores, atol=1e-3)


def run(session, images):
    return session.run(None, {"IMAGES": images})
