"""Keras files of other times: Keras 2's own words, and files that are refused."""

import pytest

from export.checkpoint import load_source
from export.frameworks.legacy_h5 import repair
from export.graph import normalise
from export.manifest import load_manifest
from export.parity import SAMPLE
from export.preprocessing import load_pixels
from tests import checkpoints, keras2
from tests.test_export import run, tree


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A Sequential and a Functional model of Keras 2, exported."""
    folder = tmp_path_factory.mktemp("keras2")
    checkpoints.write_manifest(folder, keras2.write_sequential(folder), keras2.write_functional(folder))
    assert run(folder) == 0
    return folder


def test_files_of_keras_2_are_taken_as_they_are(folder):
    assert (folder / "networks/old/1/certificate.json").is_file()
    assert run(folder, "check") == 0


def test_sequential_computes_what_its_weights_say(folder):
    """The same network written in Keras 3, with the weights that the old file was given."""
    (model,) = load_manifest(folder / "models.toml").select(["old"])
    pixels = normalise(load_pixels(SAMPLE.read_bytes(), model)[None], model, load_source(model).layout)
    import keras

    layers = [getattr(keras.layers, kind) for kind, _, _ in keras2.sequential_layers()]
    convolution, separable, normalisation, dropout, flatten, dense = layers
    written = keras.Sequential(
        [
            keras.Input((12, 20, 1)),
            convolution(4, 3, padding="same", activation="relu"),
            separable(5, 3),
            *(normalisation(), dropout(0.4), flatten()),
            dense(1, activation="sigmoid"),
        ]
    )
    written.set_weights(keras2.draw_weights(keras2.sequential_layers()))
    (found,) = load_source(model).predict(pixels)
    assert found == pytest.approx(written.predict(pixels, verbose=0), abs=1e-6)
    assert 0.01 < found.item() < 0.99


def test_arguments_that_keras_3_refuses_are_dropped_everywhere():
    old = {"class_name": "DepthwiseConv2D", "config": {"kernel_size": [3, 3], "groups": 1}}
    nested = {"class_name": "Functional", "config": {"layers": [{"class_name": "Sequential", "config": [
        {"class_name": "Dense", "config": {"units": 1, "batch_input_shape": [None, 4]}}, old]}]}}  # fmt: skip
    (sequential,) = repair(nested)["config"]["layers"]
    entry, dense, depthwise = sequential["config"]["layers"]
    assert entry["config"]["batch_input_shape"] == [None, 4]
    assert dense["config"] == {"units": 1}
    assert depthwise["config"] == {"kernel_size": [3, 3]}


def write_lambda(folder):
    import keras

    keras.Sequential([keras.Input((12, 20, 1)), keras.layers.Lambda(lambda pixels: pixels * 2), keras.layers.Flatten(),
                      keras.layers.Dense(1, activation="sigmoid")]).save(folder / "old.keras")  # fmt: skip


def write_foreign_layer(folder):
    keras2.write_sequential(folder)
    layers = keras2.sequential_layers()[:1]
    listed = [{"class_name": "Conv2D", "config": layers[0][1]}, {"class_name": "WaveletPooling", "config": {}}]
    keras2.write(folder / "old.h5", "2.2.2", "Sequential", {"name": "old", "layers": listed}, layers)


def write_weights_alone(folder):
    import keras

    keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]).save_weights(folder / "old.weights.h5")
    (folder / "old.weights.h5").replace(folder / "old.h5")


@pytest.mark.parametrize(
    ("write", "suffix", "words"),
    [
        (write_lambda, ".keras", "it holds code; give --trust-checkpoint"),
        (write_foreign_layer, ".h5", "WaveletPooling"),
        (write_foreign_layer, ".h5", "replace the layer by one of Keras' own"),
        (write_weights_alone, ".h5", "accepted are whole models, not weights alone"),
    ],
)
def test_refusal_names_file_cause_and_remedy_in_one_line(tmp_path, capsys, write, suffix, words):
    entry = keras2.write_sequential(tmp_path).replace('old.h5"', f'old{suffix}"')
    checkpoints.write_manifest(tmp_path, entry)
    write(tmp_path)
    before = tree(tmp_path)
    assert run(tmp_path) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"export: {tmp_path / f'old{suffix}'}: ")
    assert words in message
    assert message.count("\n") == 1
    assert tree(tmp_path) == before


def test_lambda_of_a_trusted_file_is_exported(tmp_path):
    checkpoints.write_manifest(tmp_path, keras2.write_sequential(tmp_path).replace('old.h5"', 'old.keras"'))
    write_lambda(tmp_path)
    assert run(tmp_path, "--trust-checkpoint") == 0
