"""The work in process, which the limit and the peers do, is the ensemble's: for every task, and for regions."""

import numpy as np
import pytest

from bench.pipeline import Pipeline
from bench.work import describe_work, read_catalog
from contract.answer import Classification, Detections, Embedding, Sentence
from tests import checkpoints
from tests.analyzing import Analyzer
from tests.pictures import encode, gradient
from tests.serving_process import serve_exported
from tests.test_export import run

LOOKING = 'region = { of = "bright", margin = 0.1, most = 3, min_score = 0.01 }'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline")
    colour = checkpoints.torch_entry(folder)
    checkpoints.write_manifest(
        folder,
        checkpoints.bright_entry(folder),
        checkpoints.caption_entry(folder),
        colour,
        colour.replace("models.colour", "models.close") + LOOKING,
        checkpoints.embedding_entry(folder, "likeness", "normalise = true"),
    )
    assert run(folder) == 0
    return folder


def test_pipeline_says_what_the_ensemble_says(folder):
    with serve_exported(folder) as serving:
        expected = Analyzer(serving.urls["Triton gRPC"]).results(encode(gradient()))
    cards = read_catalog(folder / "ensembles").select()
    pipeline = Pipeline(describe_work(cards, folder / "networks", folder / "ensembles"))
    found, answer = pipeline.analyze(encode(gradient())), pipeline.answer(encode(gradient()))
    assert found.keys() == expected.keys() == answer.keys() == {"bright", "close", "colour", "likeness", "tell"}
    for name, result in expected.items():
        check(result, found[name])


def check(expected, found):
    match expected:
        case Classification():
            np.testing.assert_allclose(found, expected.probabilities, atol=1e-4)
        case Embedding():
            np.testing.assert_allclose(found, expected.values, atol=1e-4)
        case Sentence():
            assert found[0] == expected.text
            assert found[1] == pytest.approx(expected.score, abs=1e-4)
        case Detections():
            np.testing.assert_allclose(found[:, :4], expected.boxes, atol=0.1)
            np.testing.assert_allclose(found[:, 4], expected.scores, atol=1e-4)
            np.testing.assert_array_equal(found[:, 5], expected.labels)
        case list():
            assert len(found) == len(expected) > 0
            for one, other in zip(expected, found, strict=True):
                check(one, other)


def test_whoever_looks_at_regions_needs_a_detector(folder):
    (close,) = read_catalog(folder / "ensembles").select(["close"])
    work = describe_work([close], folder / "networks", folder / "ensembles")
    assert [network["name"] for network in work["networks"]] == ["bright", "close"]
