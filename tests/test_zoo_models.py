"""The bundled checkpoints, run in their own frameworks on the sample photo; and the parts that made them."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from zoo import CHECKPOINTS
from zoo.caption.beam import search
from zoo.caption.network import CaptionNetwork
from zoo.caption.train import END_COSTS, VIEWS, Course, cut
from zoo.caption.vocabulary import END, START, create_vocabulary
from zoo.embedding import create_network as create_embedding
from zoo.faces.augmentation import augment
from zoo.faces.convert import mirror
from zoo.faces.crops import Detector, read_rgb, resize
from zoo.faces.dataset import MARGIN, SIDE, close_up
from zoo.mobilenet import MEAN, STD, halve
from zoo.sunglasses.network import create_network as create_sunglasses
from zoo.tfjs import load_graph

SMILING_MARGIN, SUNGLASSES_MARGIN = 0.15, 0.25  # as in models.toml
SAMPLE = Path(__file__).parents[1] / "examples" / "sample.jpg"  # an astronaut who smiles


@pytest.fixture(scope="module")
def face():
    """UINT8 [160,160,3]: the sample's largest face, as training stores it."""
    pixels, detector = read_rgb(SAMPLE), Detector()
    return detector.cut(pixels, detector.find(pixels)[0], MARGIN, SIDE)


def normalise(pixels, side):
    images = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
    images = torch.nn.functional.interpolate(images, size=side, mode="bilinear", antialias=True)
    return (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def test_the_detector_finds_the_one_face():
    (box,) = Detector().find(read_rgb(SAMPLE))
    assert box[:4] == pytest.approx([171, 73, 278, 180], abs=12)
    assert box[4] > 0.7


@pytest.mark.parametrize(
    ("name", "side", "rows", "labels"), [("faces", 256, (5, 896), 1), ("objects", 416, (84, 3549), 80)]
)
def test_detectors_are_raw_heads_with_a_free_batch(name, side, rows, labels):
    session = onnxruntime.InferenceSession(CHECKPOINTS / f"{name}.onnx")
    images = np.random.default_rng(0).normal(size=(3, 3, side, side)).astype(np.float32)
    (together,) = session.run(None, {"images": images})
    (alone,) = session.run(None, {"images": images[2:]})
    assert together.shape == (3, *rows)
    np.testing.assert_allclose(together[2], alone[0], atol=1e-3)
    assert 0 <= together[:, 4:].min() <= together[:, 4:].max() <= 1
    names = {each.key: each.value for each in onnx.load(CHECKPOINTS / f"{name}.onnx").metadata_props}["names"]
    assert names.count(":") == labels


def test_anchors_mirrored_twice_are_themselves():
    np.testing.assert_array_equal(mirror()[mirror()], np.arange(896))


def test_the_sample_smiles(face):
    from export.frameworks.keras import keras

    network = keras.models.load_model(CHECKPOINTS / "smiling.h5", compile=False)
    grey = resize(close_up(face, SMILING_MARGIN), 64) @ np.float32([0.299, 0.587, 0.114])
    images = torch.from_numpy(grey[None, ..., None] / 127.5 - 1)
    assert float(network(images, training=False)) > 0.8


def test_the_sample_wears_no_sunglasses(face):
    network = create_sunglasses()
    network.load_state_dict(torch.load(CHECKPOINTS / "sunglasses.pt", weights_only=True))
    assert network.eval()(normalise(close_up(face, SUNGLASSES_MARGIN), 64)).sigmoid().item() < 0.2


def test_the_embedding_knows_a_photo_that_was_cropped():
    network = create_embedding()
    network.load_state_dict(torch.load(CHECKPOINTS / "encoder.pt", weights_only=True))
    pixels = read_rgb(SAMPLE)
    photos = [pixels, pixels[25:-25, 25:-25], np.ascontiguousarray(pixels[::-1])]
    with torch.inference_mode():
        rows = network.eval()(torch.cat([normalise(photo, 224) for photo in photos]))
    original, cropped, upside_down = torch.nn.functional.normalize(rows)
    assert original @ cropped > 0.85 > original @ upside_down


def test_caption_writes_the_same_at_once_and_word_by_word():
    torch.manual_seed(0)
    vocabulary = create_vocabulary([["a", "dog", "runs"]], least=1)
    network = CaptionNetwork(vocabulary).eval()
    features = torch.rand(2, 1280, 7, 7)
    tokens = torch.tensor([[1, 4, 5], [1, 6, 4]])
    with torch.inference_mode():
        at_once, *_ = network.write(tokens, *network.begin(features))
        state = network.begin_writing(features)
        for position in range(3):
            logits, *state = network.step(tokens[:, position], *state)
            written = torch.zeros(2, len(vocabulary)).scatter(1, tokens[:, : position + 1], 1.0)
            torch.testing.assert_close(logits, at_once[:, position] + network.never + written * network.once)


def test_captions_say_a_dog_once_and_articles_again():
    vocabulary = create_vocabulary([["a", "dog", "runs"]], least=1)
    network = CaptionNetwork(vocabulary).eval()
    for word, most in (("a", 6), ("dog", 1)):
        with torch.no_grad():
            network.bias.zero_()[vocabulary.index(word)] = 100.0
        (tokens,) = search(network, torch.rand(1, 1280, 7, 7), 1, 2, width=2, length=6).tolist()
        assert tokens.count(vocabulary.index(word)) == most


def test_caption_checkpoint_needs_no_encoder():
    network = CaptionNetwork(create_vocabulary([["dog"]], least=1))
    decoder = {name: value for name, value in halve(network.state_dict()).items() if not name.startswith("encoder.")}
    before = network.encoder[0][0].weight.clone()
    network.load_state_dict(decoder)
    torch.testing.assert_close(network.encoder[0][0].weight, before)


def test_beam_search_ends_with_end_tokens():
    torch.manual_seed(0)
    vocabulary = create_vocabulary([["a", "dog"]], least=1)
    network = CaptionNetwork(vocabulary).eval()
    network.bias.data[vocabulary.index(END)] = 5.0
    start, end = vocabulary.index(START), vocabulary.index(END)
    tokens = search(network, torch.rand(2, 1280, 7, 7), start, end, width=2, length=6)
    assert tokens.shape == (2, 6)
    assert (tokens[:, -1] == end).all()
    assert not torch.isin(tokens, torch.tensor([0, start, 3])).any()


@pytest.fixture
def course() -> Course:
    torch.manual_seed(0)
    captions = {"a.jpg": [["a", "dog", "runs"], ["a", "dog"]], "b.jpg": [["a", "man", "runs"], ["a", "man", "jumps"]]}
    vocabulary = create_vocabulary((words for known in captions.values() for words in known), least=1)
    maps = {photo: torch.rand(VIEWS, 160, 7, 7).half() for photo in captions}
    network = CaptionNetwork(vocabulary)
    network.encoder.eval()
    return Course(network, vocabulary, maps, captions)


@pytest.mark.parametrize("lesson", ["learn", "reward"])
def test_a_step_of_training_changes_the_decoder(course, lesson):
    course.set_rates(epochs=1.5)
    before = course.network.word.weight.detach().clone()
    (value,) = getattr(course, lesson)(list(course.captions)).values()
    assert np.isfinite(value)
    assert not torch.equal(course.network.word.weight, before)
    assert 0 <= course.validate(list(course.captions))["BLEU-4"] <= 1


def test_the_end_of_a_sentence_costs_what_scores_best(course, monkeypatch):
    bias, end = course.average.module.bias, course.ids[END]
    before = bias[end].item()
    monkeypatch.setattr(course, "validate", lambda photos: {"CIDEr": -abs(before - bias[end].item() - END_COSTS[2])})
    course.make_end_dear([])
    assert bias[end].item() == pytest.approx(before - END_COSTS[2])


def test_cut_photos_keep_most_of_each_side():
    sizes = [cut(Image.new("RGB", (200, 100))).size for _ in range(100)]
    assert all(150 <= width <= 200 and 75 <= height <= 100 for width, height in sizes)
    assert len(set(sizes)) > 10


def test_vocabulary_has_the_commonest_words_first():
    sentences = [["b", "a"], ["b", "c"], ["b", "a"]]
    assert create_vocabulary(sentences, least=2)[4:] == ["b", "a"]


def test_augmented_faces_stay_pictures():
    torch.manual_seed(0)
    faces = torch.randint(0, 256, (4, 3, 160, 160), dtype=torch.uint8)
    close = augment(faces, share=0.6, side=64)
    assert close.shape == (4, 3, 64, 64)
    assert 0 <= close.min() < close.max() <= 1


def test_tensorflow_graph_is_converted(tmp_path):
    """A convolution of two filters, as TensorFlow.js writes it, against NumPy."""
    kernel = np.random.default_rng(0).normal(size=(1, 1, 3, 2)).astype(np.float32)
    (tmp_path / "weights.bin").write_bytes(kernel.tobytes())
    sizes = {"dim": [{"size": str(side)} for side in (1, 4, 4, 3)]}
    attributes = {
        "strides": {"list": {"i": ["1", "1", "1", "1"]}},
        "padding": {"s": "VkFMSUQ="},  # VALID
    }
    nodes = [
        {"name": "in", "op": "Placeholder", "attr": {"shape": {"shape": sizes}}},
        {"name": "kernel", "op": "Const"},
        {"name": "out", "op": "Conv2D", "input": ["in", "kernel"], "attr": attributes},
    ]
    outputs = {"out": {"name": "out:0", "tensorShape": {"dim": [{"size": str(side)} for side in (1, 4, 4, 2)]}}}
    weights = [{"paths": ["weights.bin"], "weights": [{"name": "kernel", "shape": [1, 1, 3, 2], "dtype": "float32"}]}]
    model = {"modelTopology": {"node": nodes}, "weightsManifest": weights, "signature": {"outputs": outputs}}
    (tmp_path / "model.json").write_text(json.dumps(model))
    graph, outputs = load_graph(tmp_path / "model.json")
    ((name, shape),) = outputs.items()
    session = onnxruntime.InferenceSession(graph.finish(name, "out", shape).SerializeToString())
    images = np.random.default_rng(1).normal(size=(2, 3, 4, 4)).astype(np.float32)
    (converted,) = session.run(None, {"images": images})
    np.testing.assert_allclose(converted, images.transpose(0, 2, 3, 1) @ kernel[0, 0], rtol=1e-5)


def test_unknown_operator_is_named(tmp_path):
    model = {
        "modelTopology": {"node": [{"name": "out", "op": "Einsum"}]},
        "weightsManifest": [],
        "signature": {"outputs": {"out": {"name": "out:0", "tensorShape": {"dim": [{"size": "1"}, {"size": "2"}]}}}},
    }
    (tmp_path / "model.json").write_text(json.dumps(model))
    with pytest.raises(ValueError, match="Einsum is not known; known are Identity"):
        load_graph(tmp_path / "model.json")
