"""Files as people have them: wrapped state dicts, several outputs, factories that fail, files of another framework."""

import argparse
import io
import re
from typing import NamedTuple

import h5py
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from export.checkpoint import load_source
from export.entry import ROOT
from export.errors import CheckpointError
from export.frameworks.module import flatten, name_outputs
from export.frameworks.state_dict import strip, unwrap
from export.frameworks.torch import build, load_module
from export.kinds import Kind, check_kind, find_kind
from export.manifest import load_manifest
from export.session import open_session
from export.signatures import check_file
from tests import checkpoints
from tests.test_export import run

NETWORK = checkpoints.seeded(checkpoints.TinyClassifier)
STATE = NETWORK.state_dict()


def prefixed(*prefixes):
    return {f"{''.join(prefixes)}{name}": tensor for name, tensor in STATE.items()}


def entry_of(folder, text):
    checkpoints.write_manifest(folder, text)
    (model,) = load_manifest(folder / "models.toml").models
    return model


OTHER = {name: tensor + 1 for name, tensor in STATE.items()}
WRAPPED = {
    "plain": (STATE, []),
    "half": ({name: tensor.half() for name, tensor in STATE.items()}, []),
    "parallel": (prefixed("module."), ["without the prefix module."]),
    "compiled": (prefixed("_orig_mod."), ["without the prefix _orig_mod."]),
    "compiled_parallel": (prefixed("_orig_mod.", "module."), ["without the prefix _orig_mod.module."]),
    "epoch": ({"epoch": 3, "state_dict": STATE, "best_acc1": np.float64(0.9)}, ["from state_dict"]),
    "options": ({"args": argparse.Namespace(lr=0.1, name="net"), "model": STATE}, ["from model"]),
    "model_state_dict": ({"model_state_dict": prefixed("module."), "optimizer": {"state": {}}}, ["module."]),
    "net": ({"net": STATE, "acc": 91.5}, ["from net"]),
    "ema": ({"model": OTHER, "ema": {"module": STATE, "updates": 12}}, ["from ema.module"]),
    "lightning": (
        {
            "pytorch-lightning_version": "2.4.0",
            "state_dict": {**prefixed("model."), "loss.weight": torch.ones(3)},
            "hyper_parameters": {"lr": 0.1},
        },
        ["from state_dict", "without the prefix model.", "1 tensor beside them left out"],
    ),
    "averaged": ({"state_dict": {**prefixed("model."), **{f"teacher.{k}": v for k, v in OTHER.items()}}}, ["model."]),
    "two_levels": ({"checkpoint": {"model": {"state_dict": STATE}}}, ["from checkpoint.model.state_dict"]),
    "best": ({"best_state": STATE, "epoch": 3}, ["from best_state"]),
    "version_beside": ({"version": "1.2", **STATE}, []),
    "average_beside": (
        {**{f"model.{k}": v for k, v in OTHER.items()}, **prefixed("ema_model.module.")},
        ["ema_model."],
    ),
    "wrapped_by_their_own": ({"weights": prefixed("classifier.")}, ["without the prefix classifier."]),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_state_dicts_are_unwrapped_and_it_is_told(tmp_path, name):
    saved, told = WRAPPED[name]
    model = entry_of(tmp_path, checkpoints.torch_entry(tmp_path))
    torch.save(saved, tmp_path / "colour.pt")
    network, notes = load_module(model, trust=False)
    for key, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, STATE[key], atol=1e-2 if name == "half" else 0, rtol=0)
    assert bool(notes) == bool(told)
    for words in told:
        assert words in "; ".join(notes)


def test_of_two_networks_that_fit_alike_none_is_chosen(tmp_path):
    model = entry_of(tmp_path, checkpoints.torch_entry(tmp_path))
    torch.save({**prefixed("student."), **{f"teacher.{k}": v for k, v in OTHER.items()}}, tmp_path / "colour.pt")
    with pytest.raises(CheckpointError, match=r"weights under \w+\. and under \w+\. alike; save those that are meant"):
        load_module(model, trust=False)


def test_what_does_not_fit_is_told_with_what_was_unwrapped(tmp_path):
    model = entry_of(tmp_path, checkpoints.torch_entry(tmp_path))
    state = prefixed("module.")
    torch.save({"state_dict": {**state, "module.head.weight": torch.ones(7, 4)}}, tmp_path / "colour.pt")
    with pytest.raises(
        CheckpointError, match=r"weights from state_dict, names without the prefix module\.\).*size mism"
    ):
        load_module(model, trust=False)


def test_names_of_the_network_itself_are_never_stripped():
    inner = {"module.weight": torch.ones(1), "weight": torch.zeros(1)}
    assert strip(inner, inner) == (inner, "", 0)
    assert unwrap({"epoch": 1, "model": 2}) == ({"epoch": 1, "model": 2}, [])


class Pair(NamedTuple):
    boxes: torch.Tensor
    logits: torch.Tensor


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        (torch.ones(1), ["output"]),
        ((torch.ones(1), torch.ones(2)), ["output_0", "output_1"]),
        ({"smile": torch.ones(1), "cls-logits": torch.ones(2)}, ["smile", "cls_logits"]),
        (Pair(torch.ones(1), torch.ones(2)), ["boxes", "logits"]),
        ({"aux": [torch.ones(1), torch.ones(2)], "size": 4}, ["aux_0", "aux_1"]),
    ],
)
def test_outputs_have_names(outputs, names):
    assert name_outputs(outputs) == names
    assert len(flatten(outputs)) == len(names)


class TwoHeads(torch.nn.Module):
    """Logits of the classifier, and their negatives, which would be served without a word."""

    def __init__(self) -> None:
        super().__init__()
        self.network = checkpoints.TinyClassifier()

    def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.network(pixels)
        return {"wrong": -logits, "right": logits}


class Tuple(TwoHeads):
    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.network(pixels)
        return -logits, logits


def save_two(folder, kind):
    """The checkpoint, and the entry's text without `output`."""
    network = (Tuple if kind == "tuple" else TwoHeads)()
    network.network.load_state_dict(STATE)
    example = torch.rand(2, 3, 16, 16)
    text = checkpoints.torch_entry(folder)
    if kind == "program":
        program = torch.export.export(network.eval(), (example,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
        torch.export.save(program, folder / "two.pt2")
    elif kind == "state":
        torch.save(network.state_dict(), folder / "two.pt2")
        return text.replace("colour.pt", "two.pt2").replace("tests.checkpoints:TinyClassifier", f"{__name__}:TwoHeads")
    else:
        torch.jit.trace(network.eval(), example, strict=False).save(folder / "two.pt2")
    return checkpoints.without_factory(text, "colour", "two.pt2")


@pytest.mark.parametrize(
    ("kind", "right", "names"),
    [
        ("tuple", "output_1", "output_0, output_1"),
        ("script", "right", "wrong, right"),
        ("state", "right", "wrong, right"),
        ("program", "right", "wrong, right"),
    ],
)
def test_one_of_several_outputs_is_named(tmp_path, kind, right, names):
    text = save_two(tmp_path, kind)
    for line in ("", 'output = "smiling"\n'):
        with pytest.raises(CheckpointError, match=f"set output of colour to one of {names}$"):
            load_source(entry_of(tmp_path, f"{text}\n{line}"))
    source = load_source(entry_of(tmp_path, f'{text}\noutput = "{right}"\n'))
    pixels = np.random.default_rng(3).random((2, 3, 16, 16), dtype=np.float32)
    (found,) = source.predict(pixels)
    np.testing.assert_allclose(found, NETWORK.eval()(torch.from_numpy(pixels)).detach(), atol=1e-5)
    session = open_session(source.network.SerializeToString())
    np.testing.assert_allclose(session.run(None, {source.network.graph.input[0].name: pixels})[0], found, atol=1e-5)


MODULES = {
    "broken_syntax": "def create(:\n",
    "broken_import": "import nothing_of_this_name\n",
    "broken_line": "raise RuntimeError('no licence')\n",
    "two_builds": "raise RuntimeError('operator torchvision::nms does not exist')\n",
    "hungry": "def create(classes):\n    return None\n",
    "parsing": "import argparse\nargparse.ArgumentParser().add_argument('data')\nraise SystemExit(2)\n",
    "leaving": "def create():\n    raise SystemExit('no licence')\n",
    "empty": "def create():\n    return {}\n",
    "bare": "import torch\ncreate = lambda: torch.nn.Linear\n",
}


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("broken_syntax:create", "importing broken_syntax fails: SyntaxError: invalid syntax"),
        ("broken_import:create", "cannot import nothing_of_this_name, which factory broken_import:create needs;"),
        ("nowhere.at.all:create", "cannot import nowhere, which factory nowhere.at.all:create needs; put it on"),
        ("broken_line:create", "importing broken_line fails: RuntimeError: no licence; mend"),
        ("two_builds:create", "torch and torchvision are of different builds (CPU and CUDA); install both"),
        ("hungry:create", "hungry:create: fails when it is called: TypeError"),
        ("parsing:create", 'importing parsing ends the program (2); put what it runs under if __name__ == "__main__"'),
        ("leaving:create", "leaving:create: fails when it is called: SystemExit: no licence; a factory takes"),
        ("empty:create", "empty:create: gives an object of dict; a factory gives the network, a torch.nn.Module"),
        ("bare:create", "bare:create: gives the class Linear; a factory gives the network"),
        ("hungry:other", "module hungry has no other; correct factory"),
    ],
)  # fmt: skip
def test_a_factory_that_fails_is_told_with_its_error(tmp_path, monkeypatch, factory, words):
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    text = checkpoints.torch_entry(tmp_path).replace("tests.checkpoints:TinyClassifier", factory)
    with pytest.raises(CheckpointError) as refusal:
        build(entry_of(tmp_path, text))
    assert words in str(refusal.value)


class Cuda(torch.nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.to("cuda").mean((2, 3)).softmax(-1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        (lambda: torch.jit.script(Cuda()), "CUDA.*a GPU is written into it, by .cuda.. or a trace"),
        (
            lambda: torch.jit.script(NETWORK.half()),
            "Half.*it computes in another type than float32; save it again after .float",
        ),
    ],
)
def test_the_cause_of_torchscript_is_told(tmp_path, script, words):
    script().save(tmp_path / "script.pt")
    NETWORK.float()
    text = checkpoints.without_factory(checkpoints.torch_entry(tmp_path), "colour", "script.pt")
    with pytest.raises(CheckpointError, match=words):
        load_source(entry_of(tmp_path, text))


class Rowwise(checkpoints.TinyClassifier):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().forward(pixels).view(1, 3)


class Doubled(checkpoints.TinyClassifier):
    def __init__(self) -> None:
        super().__init__()
        self.double()


class Two(checkpoints.TinyClassifier):
    def forward(self, pixels: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return super().forward(pixels) + other


class Decomposing(checkpoints.TinyClassifier):
    """ONNX has no word for singular values."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().forward(pixels) + torch.linalg.svdvals(pixels[:, 0])[:, :3]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Rowwise", "runs with a batch of 1 only, which is written or was traced into it"),
        ("Two", "required positional argument: 'other'; it takes pixels and nothing else"),
        ("Decomposing", "cannot turn it into ONNX: No ONNX function found for .*svd"),
    ],
)
def test_modules_that_cannot_be_served_say_why(tmp_path, name, words):
    text = checkpoints.torch_entry(tmp_path).replace("tests.checkpoints:TinyClassifier", f"{__name__}:{name}")
    with pytest.raises(CheckpointError, match=words) as refusal:
        load_source(entry_of(tmp_path, text))
    assert "\x1b" not in str(refusal.value)


def test_a_network_in_double_precision_is_served_in_single(tmp_path):
    text = checkpoints.torch_entry(tmp_path).replace("tests.checkpoints:TinyClassifier", f"{__name__}:Doubled")
    assert load_source(entry_of(tmp_path, text)).predict(np.zeros((1, 3, 16, 16), np.float32))[0].dtype == np.float32


def write_onnx(path, batch=None, kind=TensorProto.FLOAT, heads=("smile",)):
    """A classifier that says 0.9 and 0.1 for the first head, and the other way round for the second."""
    half = np.float16 if kind == TensorProto.FLOAT16 else np.float32
    rows = -1 if batch is None else batch
    constants = {"nothing": np.array(0, half), "shape": np.array([rows, 1])}
    constants |= {f"{head}_is": np.array([[0.9, 0.1][:: 1 - 2 * i]], half) for i, head in enumerate(heads)}
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
        helper.make_node("ReduceMean", ["pooled"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        helper.make_node("Reshape", ["zero", "shape"], ["column"]),
        *(helper.make_node("Add", ["column", f"{head}_is"], [head]) for head in heads),
    ]
    pixels = helper.make_tensor_value_info("images", kind, [batch, 3, None, None])
    outputs = [helper.make_tensor_value_info(head, kind, [batch, 2]) for head in heads]
    stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "classifier", [pixels], outputs, stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


READY = """
[models.smiling]
task = "classification"
framework = "onnx"
checkpoint = "ready.onnx"
labels = ["no", "yes"]
geometry = { mode = "stretch", width = 32, height = 32 }
"""


def test_of_two_onnx_heads_one_is_named(tmp_path, capsys):
    write_onnx(tmp_path / "ready.onnx", heads=("glasses", "smile"))
    for line in ("", 'output = "smiling"\n'):
        checkpoints.write_manifest(tmp_path, READY + line)
        assert run(tmp_path) == 2
        assert "set output of smiling to one of glasses, smile" in capsys.readouterr().err
    checkpoints.write_manifest(tmp_path, READY + 'output = "smile"\n')
    assert run(tmp_path) == 0
    network = (tmp_path / "networks/smiling/1/model.onnx").read_bytes()
    (rows,) = open_session(network).run(None, {"IMAGES": np.zeros((2, 32, 32, 3), np.uint8)})
    np.testing.assert_allclose(rows, [[0.1, 0.9]] * 2, atol=1e-6)


@pytest.mark.parametrize(
    ("batch", "kind", "words"),
    [
        (None, TensorProto.FLOAT, None),
        (None, TensorProto.FLOAT16, None),
        (1, TensorProto.FLOAT, None),
        (4, TensorProto.FLOAT, "takes batches of 4 only, and photos come one by one"),
        (None, TensorProto.UINT8, "takes images uint8; only networks with one float input are served"),
    ],
)
def test_batches_dimensions_and_types_of_onnx(tmp_path, capsys, batch, kind, words):
    write_onnx(tmp_path / "ready.onnx", batch, kind if kind != TensorProto.UINT8 else TensorProto.FLOAT)
    if kind == TensorProto.UINT8:
        network = onnx.load(tmp_path / "ready.onnx")
        network.graph.input[0].type.tensor_type.elem_type = kind
        onnx.save(network, tmp_path / "ready.onnx")
    checkpoints.write_manifest(tmp_path, READY)
    assert run(tmp_path) == (2 if words else 0)
    assert (words or "") in capsys.readouterr().err


def test_a_batch_that_is_written_into_the_network_is_told(tmp_path, capsys):
    """Its input says that any batch will do."""
    write_onnx(tmp_path / "ready.onnx", batch=1)
    network = onnx.load(tmp_path / "ready.onnx")
    for value in (*network.graph.input, *network.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(network, tmp_path / "ready.onnx")
    checkpoints.write_manifest(tmp_path, READY)
    assert run(tmp_path) == 2
    message = capsys.readouterr().err
    assert "cannot run a batch of 2 of 32x32 pixels" in message
    assert "export it again with a free batch" in message


def write_files(folder):
    """A file of every kind, under a name that says nothing."""
    torch.save(STATE, folder / "state")
    torch.save(STATE, folder / "old", _use_new_zipfile_serialization=False)
    torch.jit.script(NETWORK).save(folder / "script")
    checkpoints.program_entry(folder)
    (folder / "program.pt2").rename(folder / "program")
    checkpoints.save_keras(folder / "hat.keras")
    with h5py.File(folder / "hdf5", "w") as file:
        file.attrs["model_config"] = "{}"
    write_onnx(folder / "onnx")
    (folder / "text").write_text("nothing")


def make_hdf5():
    file = io.BytesIO()
    with h5py.File(file, "w") as written:
        written["weights"] = np.ones(100)
    return file.getvalue()


def test_kinds_are_known_by_their_bytes(tmp_path):
    write_files(tmp_path)
    kinds = {path.name: find_kind(path) for path in tmp_path.iterdir() if path.suffix != ".pt"}
    yolo = find_kind(ROOT / "tests" / "faces_yolo26.pt")
    assert kinds == {
        **{"state": Kind.TORCH, "old": Kind.TORCH, "script": Kind.SCRIPT, "program": Kind.PROGRAM},
        **{"hat.keras": Kind.KERAS, "hdf5": Kind.HDF5, "onnx": Kind.ONNX, "text": Kind.UNKNOWN},
    }
    assert yolo is Kind.YOLO


CUT = {
    **dict.fromkeys(["state", "script", "program", "hat.keras"], "an archive (zip) of PyTorch, ultralytics or Keras"),
    **{"hdf5": "a Keras HDF5 file", "new_hdf5": "a Keras HDF5 file", "onnx": "an ONNX file"},
}


def test_a_file_without_its_end_is_told(tmp_path):
    write_files(tmp_path)
    h5py.File(tmp_path / "new_hdf5", "w", libver="latest").close()
    for name, kind in CUT.items():
        path, whole = tmp_path / name, (tmp_path / name).read_bytes()
        check_file(path)
        for length in (len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            with pytest.raises(CheckpointError, match=f"looks like {re.escape(kind)} that is cut off; copy or"):
                check_file(path)


@pytest.mark.parametrize("data", [b"\x08\x08\x12\x00\x0d", b"\x89HDF" + b"\x09" * 99])
def test_what_cannot_be_judged_is_left_to_its_framework(tmp_path, data):
    """A protocol buffer of other fields, and a superblock of a later version."""
    (tmp_path / "file").write_bytes(data)
    check_file(tmp_path / "file")


def test_a_length_beyond_all_files_is_an_end_that_is_missing(tmp_path):
    (tmp_path / "file").write_bytes(b"\x08\x08\x12" + b"\xff" * 99)
    with pytest.raises(CheckpointError, match="an ONNX file that is cut off"):
        check_file(tmp_path / "file")


@pytest.mark.parametrize(
    ("framework", "data", "words"),
    [
        ("torch", make_hdf5(), 'is a Keras HDF5 file, the entry of smiling says framework = "torch"; write'),
        ("keras", None, 'is an ONNX file, the entry of smiling says framework = "keras"; write framework = "onnx"'),
        ("onnx", b"version https://git-lfs.github.com/spec/v1", "is a pointer of Git LFS; fetch the file itself"),
        ("onnx", b"<!DOCTYPE html><html>", "is a web page; download the file itself"),
        ("onnx", b"", "is empty; copy or download it again"),
        ("torch", b"I" + bytes(7) + b'{"weight":', "is a safetensors file, which is not taken; save what"),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_told(tmp_path, framework, data, words):
    model = entry_of(tmp_path, READY.replace('"onnx"', f'"{framework}"'))
    write_onnx(tmp_path / "ready.onnx") if data is None else (tmp_path / "ready.onnx").write_bytes(data)
    with pytest.raises(CheckpointError, match=words.replace("(", r"\(")):
        check_kind(model)


def test_the_accelerator_is_named_when_it_is_the_cause(tmp_path, capsys, monkeypatch):
    """A session that adds to every number stands for an accelerator in lower precision."""
    write_onnx(tmp_path / "ready.onnx")
    checkpoints.write_manifest(tmp_path, READY + 'accelerator = "openvino"\n')

    class Coarse:
        def __init__(self, network):
            self.session = open_session(network)

        def run(self, names, feeds):
            return [output + np.array([0.004, -0.004], np.float32) for output in self.session.run(names, feeds)]

    monkeypatch.setattr("export.parity.open_served", lambda network, model: Coarse(network))
    assert run(tmp_path) == 2
    message = capsys.readouterr().err
    assert "agrees with onnx by itself, but differs on openvino by 0.004, tolerated is 0.001" in message
    assert "Leave accelerator out" in message


@pytest.mark.parametrize(("units", "activation"), [(1, "sigmoid"), (2, "softmax")])
def test_values_that_are_no_probabilities_are_told_what_makes_them_some(tmp_path, capsys, units, activation):
    """A last layer that is not known by its operator: what its numbers are shows on pictures only."""
    layers = (torch.nn.Flatten(), torch.nn.Linear(768, units), torch.nn.Hardtanh(-3.0, 3.0))
    network = checkpoints.seeded(lambda: torch.nn.Sequential(*layers))
    torch.jit.script(network).save(tmp_path / "script.pt")
    entry = checkpoints.without_factory(checkpoints.torch_entry(tmp_path), "script", "script.pt")
    entry = entry.replace('"red", "green", "blue"', '"no", "yes"').replace('activation = "softmax"\n', "")
    checkpoints.write_manifest(tmp_path, entry)
    assert run(tmp_path) == 2
    said = capsys.readouterr().err
    assert re.search(rf'no probabilit.*; if \w+ \w+ a? ?logits?, write activation = "{activation}"', said)


class Scaled(torch.nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return (values / 4).clamp(0.0, 1.0)


class WrittenOut(torch.nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return 1 / (1 + torch.exp(-values))


def one_unit(folder, *layers, activation=""):
    """An entry of two labels for a network of one unit with these layers behind it."""
    network = checkpoints.seeded(lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 1), *layers))
    torch.jit.script(network).save(folder / "script.pt")
    entry = checkpoints.without_factory(checkpoints.torch_entry(folder), "script", "script.pt")
    return entry_of(
        folder,
        entry.replace('"red", "green", "blue"', '"no", "yes"').replace('activation = "softmax"\n', activation),
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layer", [torch.nn.ReLU(), torch.nn.Tanh(), torch.nn.Hardtanh(0.0, 1.0), Scaled()], ids=str)
def test_one_unit_that_is_no_probability_is_refused_whatever_the_pictures_give(tmp_path, layer):
    with pytest.raises(
        CheckpointError, match='one value need be no probability; if it is a logit, write activation = "s'
    ):
        load_source(one_unit(tmp_path, layer))


@pytest.mark.filterwarnings("ignore")
def test_a_softmax_over_one_unit_is_refused_also_where_the_entry_asks_for_it(tmp_path):
    with pytest.raises(CheckpointError, match='softmax is 1 for every picture; write activation = "sigmoid"'):
        load_source(one_unit(tmp_path, activation='activation = "softmax"\n'))
    load_source(one_unit(tmp_path, activation='activation = "sigmoid"\n'))
    load_source(one_unit(tmp_path, torch.nn.Sigmoid()))
    load_source(one_unit(tmp_path, WrittenOut()))
