"""The bundled smiling, sunglasses and caption checkpoints: they load, have the agreed shapes, know unseen people."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("torch", reason="the training frameworks are not installed")
pytest.importorskip("keras", reason="the training frameworks are not installed")

import torch

from zoo.caption.sentences import EXPRESSION_WORDS, EYES_WORDS, POSE_WORDS, Attributes, read_attributes, write_sentence
from zoo.caption.train import describe
from zoo.caption.vocabulary import END, PAD, START, UNKNOWN, decode_tokens, encode_sentence, read_vocabulary
from zoo.evaluate import balanced_accuracy, score_captions
from zoo.faces import HELD_OUT, VALIDATION, Face, read_faces, read_photos, select_people, select_training
from zoo.predictions import (
    load_caption,
    load_smiling,
    load_sunglasses,
    predict_smiling,
    predict_sunglasses,
    write_captions,
)

EVERY_LABEL = [Attributes(p, x, e) for p in POSE_WORDS for x in EXPRESSION_WORDS for e in EYES_WORDS]


@pytest.fixture(scope="module")
def held_out(shared_data):
    """Faces and photos of the people who trained nothing."""
    folder = shared_data / "faces"
    faces = select_people(read_faces(folder), HELD_OUT)
    return faces, read_photos(folder, faces)


@pytest.mark.parametrize("count", [1, 3])
def test_smiling_gives_one_probability(count):
    output = load_smiling()(torch.rand(count, 128, 128, 1), training=False)
    assert output.shape == (count, 1)
    assert ((output >= 0) & (output <= 1)).all()


@pytest.mark.parametrize("count", [1, 3])
def test_sunglasses_gives_one_logit(count):
    assert load_sunglasses()(torch.rand(count, 1, 128, 128)).shape == (count, 1)


@pytest.mark.parametrize("count", [1, 3])
def test_caption_state_and_logits_have_the_agreed_shapes(count):
    network = load_caption()
    h, c = network.encode(torch.rand(count, 1, 128, 128))
    logits, h2, c2 = network.step(torch.zeros(count, dtype=torch.int64), h, c)
    assert logits.shape == (count, len(read_vocabulary()))
    assert h.shape == c.shape == h2.shape == c2.shape == (count, network.hidden)


def test_captions_of_any_picture_end_and_say_everything():
    noise = np.random.default_rng(0).integers(0, 256, (4, 128, 128, 3), dtype=np.uint8)
    for sentence in write_captions(noise):
        assert len(sentence.split()) < 20
        assert None not in vars(read_attributes(sentence)).values(), sentence


@pytest.mark.parametrize("attributes", EVERY_LABEL, ids=lambda attributes: "-".join(vars(attributes).values()))
def test_a_sentence_says_its_labels_and_survives_its_tokens(attributes):
    rng, vocabulary = np.random.default_rng(0), read_vocabulary()
    for _ in range(30):
        sentence = write_sentence(attributes, rng)
        assert read_attributes(sentence) == attributes
        assert decode_tokens(encode_sentence(sentence, vocabulary, 15)[1:], vocabulary) == sentence


def test_vocabulary_has_the_special_tokens():
    vocabulary = read_vocabulary()
    assert {PAD, START, END, UNKNOWN} <= set(vocabulary)
    assert len(vocabulary) == len(set(vocabulary))


def test_nobody_is_on_both_sides_of_the_split():
    people = [*HELD_OUT, *VALIDATION, "somebody"]
    faces = [Face("", person, "up", "sad", "open") for person in people]
    assert not HELD_OUT & VALIDATION
    assert {face.person for face in select_training(faces)} == {*VALIDATION, "somebody"}
    assert {face.person for face in select_training(faces, keep_validation_out=True)} == {"somebody"}


def test_four_of_sixteen_people_are_held_out(shared_data):
    people = {face.person for face in read_faces(shared_data / "faces")}
    assert people >= HELD_OUT | VALIDATION
    assert (len(people), len(HELD_OUT)) == (16, 4)


def test_mirrored_left_is_described_as_right():
    assert describe(Face("", "", "left", "sad", "open"), mirrored=True).pose == "right"


@pytest.mark.parametrize(
    ("predict", "label", "floor"), [(predict_smiling, "smiling", 0.70), (predict_sunglasses, "sunglasses", 0.95)]
)
def test_classifier_knows_people_it_never_saw(held_out, predict, label, floor):
    faces, photos = held_out
    truth = np.array([getattr(face, label) for face in faces])
    assert balanced_accuracy(predict(photos) > 0.5, truth) >= floor


def test_captions_are_right_about_people_never_seen(held_out):
    faces, photos = held_out
    row = score_captions(write_captions(photos), [describe(face, False) for face in faces])[0]
    pose, eyes, expression = (float(cell) for cell in row[2:5])
    assert pose >= 0.85
    assert eyes >= 0.90
    assert expression >= 0.30
