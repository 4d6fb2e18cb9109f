"""Scores by hand: what the papers define, on cases small enough to count."""

import math
from pathlib import Path

import numpy as np
import pytest

from zoo.caption.scores import Cider, bleu
from zoo.coco import NAMES, Truth, average_precision
from zoo.flickr8k import is_aside
from zoo.scores import auc, balanced_accuracy

CAT = ["the", "cat", "is", "on", "the", "mat"]
OTHER = ["there", "is", "a", "cat", "on", "the", "mat"]
DOGS = ["two", "dogs", "run", "in", "the", "snow"]


@pytest.mark.parametrize(
    ("probabilities", "truth", "expected"),
    [
        ([0.1, 0.9], [0, 1], 1.0),
        ([0.9, 0.1], [0, 1], 0.0),
        ([0.5, 0.5], [0, 1], 0.5),
        ([1, 2, 3, 2], [0, 0, 1, 1], 0.875),
    ],
)
def test_auc(probabilities, truth, expected):
    assert auc(np.array(probabilities), np.array(truth, bool)) == expected


def test_balanced_accuracy_weighs_both_classes_the_same():
    truth = np.array([True, False, False, False])
    assert balanced_accuracy(np.array([True, False, False, True]), truth) == pytest.approx((1 + 2 / 3) / 2)


def test_bleu_clips_a_repeated_word():
    # Papineni et al., example 2: 2 of 7 words count.
    scores = bleu([["the"] * 7], [[CAT, OTHER]])
    assert scores[0] == pytest.approx(2 / 7)


def test_bleu_punishes_brevity():
    assert bleu([CAT[:3]], [[CAT]])[0] == pytest.approx(math.exp(1 - 6 / 3))
    assert bleu([CAT], [[CAT, OTHER]]) == pytest.approx([1, 1, 1, 1])


def test_cider_is_ten_for_the_only_reference():
    references = [[CAT], [OTHER], [DOGS]]
    cider = Cider(references)
    assert cider.score(references[2][0], 2) == pytest.approx(10)
    assert cider.score(OTHER, 2) < 0.5


def test_average_precision_takes_each_box_once():
    box = np.array([[0.0, 0, 10, 10]])
    truth = Truth(Path("photo"), box, np.array([16]))
    twice = (np.repeat(box, 2, axis=0), np.array([0.9, 0.8]), np.array([16, 16]))
    assert average_precision([twice], [truth]) == pytest.approx(1.0)
    late = (np.array([[50.0, 50, 60, 60], box[0]]), np.array([0.9, 0.8]), np.array([16, 16]))
    assert average_precision([late], [truth]) == pytest.approx(0.5)
    other_class = (box, np.array([0.9]), np.array([17]))
    assert average_precision([other_class], [truth]) == 0


def test_coco_has_80_names():
    assert len(set(NAMES)) == 80
    assert NAMES[16] == "dog"


def test_what_is_kept_aside_depends_on_the_name_alone():
    assert is_aside("5.jpg")  # SHA-256 3fd572d0…
    assert not is_aside("1.jpg")  # 4c468b3b…
