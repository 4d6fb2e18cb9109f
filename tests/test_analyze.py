"""The ensemble on the real server."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest

from contract.failure import AnalyzeError, BadPhoto
from contract.tasks import IMAGE_SIZE, MAX_DETECTIONS, Task, output_names
from export.manifest import load_manifest
from tests.pictures import encode, gradient

MODELS = [model for model in load_manifest().models if model.default]
DETECTOR = next(model.name for model in MODELS if model.task is Task.DETECTION)
CAPTIONER = next(model.name for model in MODELS if model.task is Task.CAPTION)
CLASSIFIERS = [model.name for model in MODELS if model.task is Task.CLASSIFICATION]
BOXES, SCORES, LABELS = output_names(Task.DETECTION, DETECTOR)
SENTENCE, SENTENCE_SCORE = output_names(Task.CAPTION, CAPTIONER)
SHAPES = {BOXES: (MAX_DETECTIONS, 4), SCORES: (MAX_DETECTIONS,), LABELS: (MAX_DETECTIONS,)}
SHAPES |= {SENTENCE: (1,), SENTENCE_SCORE: (1,), IMAGE_SIZE: (2,)}
OUTPUTS = [IMAGE_SIZE, *(output for model in MODELS for output in output_names(model.task, model.name))]


def test_every_output_of_the_sample(analyze, sample_photo):
    tensors = analyze(sample_photo)
    assert set(OUTPUTS) <= set(tensors)
    assert {name: tensors[name].shape[1:] for name in SHAPES} == SHAPES
    assert tensors[IMAGE_SIZE].tolist() == [[512, 512]]
    for name in CLASSIFIERS:
        looked = tensors[name][tensors[name][..., 0] >= 0]
        assert looked.sum(-1) == pytest.approx(1, abs=1e-5)
    assert len(tensors[SENTENCE][0, 0].decode().split()) > 2
    assert tensors[SENTENCE_SCORE][0, 0] < 0


def test_detections_are_sorted_and_inside_the_photo(analyze, sample_photo):
    tensors = analyze(sample_photo, outputs=[BOXES, SCORES, LABELS])
    boxes, scores, labels = (tensors[name][0] for name in (BOXES, SCORES, LABELS))
    assert np.all(np.diff(scores) <= 0)
    assert np.all((scores > 0) == (labels >= 0))
    assert np.all((boxes >= 0) & (boxes <= 512))


@pytest.mark.parametrize("outputs", [subset for size in (1, 2) for subset in combinations(OUTPUTS, size)])
def test_any_subset_of_outputs_can_be_asked_for(analyze, outputs):
    """Triton's pruning has refused some subsets when a tensor served two purposes."""
    assert set(analyze(encode(gradient()), outputs=list(outputs))) == set(outputs)


@pytest.mark.parametrize(
    ("output", "steps"),
    [
        (IMAGE_SIZE, {"preprocess"}),
        # There is no face in the photo that the network could look at.
        ("smiling", {"preprocess", "faces", "postprocess_detection", "regions"}),
        (SENTENCE, {"preprocess", CAPTIONER, "postprocess_caption"}),
        (BOXES, {"preprocess", DETECTOR, "postprocess_detection"}),
    ],
)
def test_only_the_steps_of_the_wanted_output_run(analyze, output, steps):
    before = analyze.count_inferences()
    analyze(encode(gradient()), outputs=[output])
    after = analyze.count_inferences()
    assert {name for name in after if after[name] > before.get(name, 0)} == steps | {"analyze"}


def test_a_batch_gives_what_single_photos_give(analyze, sample_photo):
    photos = [sample_photo, encode(gradient()), encode(gradient(200, 300), "JPEG")]
    together = analyze(*photos)
    for row, photo in enumerate(photos):
        alone = analyze(photo)
        assert together[IMAGE_SIZE][row].tolist() == alone[IMAGE_SIZE][0].tolist()
        assert together[SENTENCE][row] == alone[SENTENCE][0]
        for name in (SENTENCE_SCORE, SCORES):
            assert np.allclose(together[name][row], alone[name][0], atol=1e-4)


def test_a_broken_image_fails_alone_in_the_middle_of_a_batch(analyze, sample_photo):
    """Requests sent together are batched by Triton; the broken one's neighbours are answered."""
    files = [sample_photo, sample_photo, b"no picture", sample_photo, sample_photo]
    with ThreadPoolExecutor(len(files)) as pool:
        outcomes = list(pool.map(lambda file: outcome(analyze, file), files))
    refusal = outcomes.pop(2)
    assert outcomes == ["answered"] * 4
    assert isinstance(refusal, BadPhoto)
    assert str(refusal).startswith("cannot decode image")


def outcome(analyze, file: bytes) -> AnalyzeError | str:
    try:
        assert analyze(file)[BOXES].shape == (1, MAX_DETECTIONS, 4)
    except AnalyzeError as error:
        return error
    return "answered"
