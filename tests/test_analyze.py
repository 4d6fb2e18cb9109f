"""The ensemble on the real server."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from tests.pictures import encode, gradient

SHAPES = {
    "smiling": (2,),
    "sunglasses": (2,),
    "CAPTION": (1,),
    "CAPTION_SCORE": (1,),
    "DETECTION_BOXES": (300, 4),
    "DETECTION_SCORES": (300,),
    "DETECTION_LABELS": (300,),
    "IMAGE_SIZE": (2,),
}


def test_every_output_of_the_sample(analyze, sample_photo):
    tensors = analyze(sample_photo)
    assert {name: tensor.shape[1:] for name, tensor in tensors.items()} == SHAPES
    assert tensors["IMAGE_SIZE"].tolist() == [[512, 512]]
    for name in ("smiling", "sunglasses"):
        assert tensors[name].sum() == pytest.approx(1, abs=1e-5)
    assert len(tensors["CAPTION"][0, 0].decode().split()) > 2
    assert tensors["CAPTION_SCORE"][0, 0] < 0


def test_detections_are_sorted_and_inside_the_photo(analyze, sample_photo):
    tensors = analyze(sample_photo, outputs=["DETECTION_BOXES", "DETECTION_SCORES", "DETECTION_LABELS"])
    boxes, scores, labels = (tensors[f"DETECTION_{name}"][0] for name in ("BOXES", "SCORES", "LABELS"))
    assert np.all(np.diff(scores) <= 0)
    assert np.all((scores > 0) == (labels >= 0))
    assert np.all((boxes >= 0) & (boxes <= 512))


@pytest.mark.parametrize("outputs", [subset for size in (1, 2) for subset in combinations(SHAPES, size)])
def test_any_subset_of_outputs_can_be_asked_for(analyze, outputs):
    """Triton's pruning has refused some subsets when a tensor served two purposes."""
    assert set(analyze(encode(gradient()), outputs=list(outputs))) == set(outputs)


def executions(client) -> dict[str, int]:
    """Inferences of each model so far. Triton counts them a moment after it has answered."""
    counts = [read_counts(client), {}]
    while counts[0] != counts[1]:
        time.sleep(0.2)
        counts = [read_counts(client), counts[0]]
    return counts[0]


def read_counts(client) -> dict[str, int]:
    statistics = client.get_inference_statistics(as_json=True)["model_stats"]
    return {model["name"]: int(model.get("inference_count", 0)) for model in statistics}


@pytest.mark.parametrize(
    ("output", "steps"),
    [
        ("IMAGE_SIZE", {"preprocess"}),
        ("smiling", {"preprocess", "smiling"}),
        ("CAPTION", {"preprocess", "caption", "postprocess_caption"}),
        ("DETECTION_BOXES", {"preprocess", "objects", "postprocess_detection"}),
    ],
)
def test_only_the_steps_of_the_wanted_output_run(analyze, output, steps):
    before = executions(analyze.client)
    analyze(encode(gradient()), outputs=[output])
    after = executions(analyze.client)
    assert {name for name in after if after[name] > before.get(name, 0)} == steps | {"analyze"}


def test_a_batch_gives_what_single_photos_give(analyze, sample_photo):
    photos = [sample_photo, encode(gradient()), encode(gradient(200, 300), "JPEG")]
    together = analyze(*photos)
    for row, photo in enumerate(photos):
        alone = analyze(photo)
        assert together["IMAGE_SIZE"][row].tolist() == alone["IMAGE_SIZE"][0].tolist()
        assert together["CAPTION"][row] == alone["CAPTION"][0]
        for name in ("smiling", "sunglasses", "DETECTION_SCORES"):
            assert np.allclose(together[name][row], alone[name][0], atol=1e-4)


def test_a_broken_image_fails_alone_in_the_middle_of_a_batch(analyze, sample_photo):
    """Requests sent together are batched by Triton; the broken one's neighbours are answered."""
    files = [sample_photo, sample_photo, b"no picture", sample_photo, sample_photo]
    with ThreadPoolExecutor(len(files)) as pool:
        outcomes = list(pool.map(lambda file: outcome(analyze, file), files))
    refusal = outcomes.pop(2)
    assert outcomes == ["answered"] * 4
    assert "StatusCode.INVALID_ARGUMENT" in refusal
    assert "preprocess: cannot decode image" in refusal


def outcome(analyze, file: bytes) -> str:
    try:
        assert analyze(file)["smiling"].shape == (1, 2)
    except InferenceServerException as error:
        return str(error)
    return "answered"


def test_sunglasses_are_found_on_held_out_people(analyze, shared_data):
    """Through the whole service: the photo files as they are, people that training never saw."""
    from zoo.faces import HELD_OUT

    rows = [line.split(",") for line in (shared_data / "faces" / "labels.csv").read_text().split()[1:]]
    rows = [row for row in rows if row[1] in HELD_OUT][::4]
    files = [(shared_data / "faces" / row[0]).read_bytes() for row in rows]
    found = [analyze(file, outputs=["sunglasses"])["sunglasses"][0, 1] > 0.5 for file in files]
    worn = [row[4] == "sunglasses" for row in rows]
    assert len(rows) > 25
    assert np.mean([a == b for a, b in zip(found, worn, strict=True)]) > 0.9
