"""The bundled detector's checkpoint, and the composites it was trained on."""

import numpy as np
import pytest

from zoo.boxes import boxes_of
from zoo.faces import Face
from zoo.objects import LABELS
from zoo.objects.composites import Composer, Person, clip, move
from zoo.objects.train import CHECKPOINT

HEAD = np.array([62.0, 60.0, 50.0])


def face(pose="straight", eyes="sunglasses"):
    return Face("x.pgm", "someone", pose, "neutral", eyes)


def test_checkpoint_knows_its_classes():
    from ultralytics import YOLO

    assert YOLO(CHECKPOINT, task="detect").names == dict(enumerate(LABELS))


@pytest.mark.parametrize("pose", ["straight", "left", "right", "up"])
def test_sunglasses_lie_on_the_upper_half_of_the_face(pose):
    around, glasses = boxes_of(face(pose), HEAD)[:, 1:]
    middle = (glasses[:2] + glasses[2:]) / 2
    assert around[0] < middle[0] < around[2]
    assert around[1] < middle[1] < (around[1] + around[3]) / 2


def test_open_eyes_have_a_face_only():
    assert boxes_of(face(eyes="open"), HEAD)[:, 0].tolist() == [0]


def test_composites_are_reproducible_and_their_boxes_inside():
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 255, (120, 128), dtype=np.uint8)
    person = Person(photo, np.full_like(photo, 255), boxes_of(face(), HEAD))
    composers = [Composer([person], seed=3, size=96, backgrounds=6) for _ in range(2)]
    for index in range(20):
        one, other = (composer(index) for composer in composers)
        assert np.array_equal(one.picture, other.picture)
        assert one.picture.shape == (96, 96, 3)
        assert np.all((one.boxes[:, 1:] >= 0) & (one.boxes[:, 1:] <= 96))


def test_boxes_move_with_the_picture():
    moved = move(np.array([[0, 10, 20, 30, 60]], np.float32), np.array([[2.0, 0, 5], [0, 0.5, 1]]))
    assert moved.tolist() == [[0, 25, 11, 65, 31]]


def test_boxes_cut_off_at_the_edge_go():
    boxes = np.array([[0, -10, 0, 30, 40], [1, -90, 0, 10, 40]], np.float32)
    assert clip(boxes, 100).tolist() == [[0, 0, 0, 30, 40]]
