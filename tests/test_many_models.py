"""Several models of every task, each one entry of the manifest: from the entry to gRPC and REST, on the real server."""

import httpx
import numpy as np
import pytest
from PIL import Image

from bench.pipeline import Pipeline
from bench.work import describe_work, read_catalog
from contract.answer import Classification, Detections, Embedding, Sentence
from contract.tasks import NO_REGION, Task, output_names
from tests import checkpoints
from tests.analyzing import Analyzer
from tests.pictures import encode, gradient
from tests.serving_process import serve_exported
from tests.test_export import run

BLACK = encode(Image.new("RGB", (80, 50)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    checkpoints.write_many(folder)
    assert run(folder) == 0
    return folder


@pytest.fixture(scope="module")
def serving(folder):
    with serve_exported(folder) as serving:
        yield serving


@pytest.fixture(scope="module")
def analyze(serving):
    return Analyzer(serving.urls["Triton gRPC"])


def test_everything_is_what_is_asked_for_by_default(analyze):
    results = analyze.results(encode(gradient()))
    assert sorted(results) == ["again", "bright", "close", "colour", "likeness", "short", "tell"]
    assert isinstance(results["again"], Detections)
    assert isinstance(results["colour"], Classification)
    assert isinstance(results["short"], Sentence)
    assert isinstance(results["likeness"], Embedding)


def test_captioners_have_their_own_length(analyze):
    results = analyze.results(encode(gradient()), "tell", "short")
    assert len(results["short"].text.split()) <= 2 < len(results["tell"].text.split())


def test_embedding_has_unit_length_when_the_entry_says_so(analyze):
    values = analyze.results(encode(gradient()), "likeness")["likeness"].values
    assert values.shape == (3,)
    assert np.linalg.norm(values) == pytest.approx(1, abs=1e-5)
    assert analyze.catalog().cards["likeness"].size == 3


def test_row_k_belongs_to_box_k(analyze):
    """As many rows as boxes are looked at, the best first; none more is computed."""
    boxes = analyze.results(encode(gradient()), "bright")["bright"]
    before = analyze.count_inferences()["close"]
    looked = analyze.results(encode(gradient()), "close")["close"]
    assert analyze.count_inferences()["close"] - before == len(looked) == min(3, len(boxes.scores)) > 0
    for each in looked:
        assert each.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_photos_of_a_request_have_their_own_regions(analyze):
    """Also when they differ in size, and in how many boxes they have."""
    photos = [encode(gradient()), encode(gradient(64, 200)), BLACK]
    together = analyze(*photos, outputs=["close"])["close"]
    for row, photo in zip(together, photos, strict=True):
        (alone,) = analyze(photo, outputs=["close"])["close"]
        np.testing.assert_allclose(row[: len(alone)], alone, atol=1e-5)
        assert (row[len(alone) :] == NO_REGION).all()


def test_a_photo_without_boxes_costs_no_classification(analyze):
    before = analyze.count_inferences()["close"]
    assert analyze.results(BLACK, "close")["close"] == [None]
    assert analyze.count_inferences()["close"] == before


@pytest.mark.parametrize("name", ["bright", "close", "parts", "short", "likeness"])
def test_every_model_can_be_asked_for_alone(analyze, name):
    card = analyze.catalog().cards[name]
    assert set(analyze(encode(gradient()), outputs=list(card.outputs))) == set(output_names(card.task, name))


def test_rest_answers_under_the_models_names(serving):
    url = f"{serving.urls['Gateway']}/v1/analyze"
    (image,) = httpx.post(url, files={"file": encode(gradient())}).json()["images"]
    assert {"bright", "again", "tell", "short"} <= set(image)
    assert set(image["embeddings"]) == {"likeness"}
    assert len(image["embeddings"]["likeness"]) == 3
    (image,) = httpx.post(f"{url}?features=parts", files={"file": encode(gradient())}).json()["images"]
    assert "tell" not in image


def test_models_of_every_task_are_listed(serving):
    models = httpx.get(f"{serving.urls['Gateway']}/v1/models").json()["models"]
    assert {model["task"] for model in models} == set(Task)
    assert [model["name"] for model in models if not model["default"]] == ["parts"]


def test_the_bench_computes_in_process_what_the_ensemble_says(folder, analyze):
    expected = analyze.results(encode(gradient()))
    cards = read_catalog(folder / "ensembles").select()
    pipeline = Pipeline(describe_work(cards, folder / "networks", folder / "ensembles"))
    found = pipeline.analyze(encode(gradient()))
    assert found.keys() == expected.keys() == pipeline.answer(encode(gradient())).keys()
    for name, result in expected.items():
        check_same(result, found[name])


def check_same(expected, found):
    match expected:
        case Classification():
            np.testing.assert_allclose(found, expected.probabilities, atol=1e-4)
        case Embedding():
            np.testing.assert_allclose(found, expected.values, atol=1e-4)
        case Sentence():
            assert found == (expected.text, pytest.approx(expected.score, abs=1e-4))
        case Detections():
            rows = np.column_stack([expected.boxes, expected.scores, expected.labels])
            np.testing.assert_allclose(found, rows, atol=1e-2)
        case list():
            for one, other in zip(expected, found, strict=True):
                check_same(one, other)
