"""CNN + LSTM caption models in PyTorch: image in, token ids and score out, the decoding loop inside the ONNX graph.

The factory's module has two methods: `encode(images FP32 [N,3,H,W])` gives the decoder's first state, a tuple of
tensors [N,…]; `step(tokens INT64 [N], *state)` gives logits [N,V] and the next state. Any decoder with a state of
fixed shapes fits, with attention (its image features are part of the state) or without.

Decoding is beam search (Graves 2012, arXiv:1211.3711): sums of log-probabilities, no length normalisation, finished
beams stay in the race; width 1 is greedy. It ends when every beam has reached the end token.
"""

import json
from typing import Protocol, cast

import numpy as np
import onnx
import torch
from onnx import TensorProto, compose, helper

from export.entry import Model
from export.errors import CheckpointError
from export.frameworks.module import OPSET, to_onnx
from export.frameworks.source import Layout, Source
from export.frameworks.torch import load_module

START, END = "<start>", "<end>"
VOCABULARY_FORM = "accepted are a JSON list and a text file with one token a line, in the order of the ids"
IMPOSSIBLE = -1e9  # log-probability of what must not be chosen; finite, so that sums stay numbers


def load(model: Model, trust: bool) -> Source:
    network, notes = load_module(model, trust)
    vocabulary = read_vocabulary(model)
    search = Search(cast(CaptionNetwork, network), vocabulary.index(START), vocabulary.index(END), model)
    return Source(build_graph(search, model), Layout.NCHW, search.reference, labels=vocabulary, notes=tuple(notes))


def read_vocabulary(model: Model) -> list[str]:
    """Tokens by id, from a JSON list or a text file with one token a line."""
    path = model.decoding.vocabulary
    assert path is not None
    try:
        text = path.read_text(encoding="utf-8")
        tokens = json.loads(text) if path.suffix == ".json" else text.split("\n")[: len(text.splitlines())]
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot read the vocabulary: {error}; {VOCABULARY_FORM}") from error
    missing = [token for token in (START, END) if token not in tokens]
    if missing:
        raise CheckpointError(f"{path}: the vocabulary lacks {', '.join(missing)}; {VOCABULARY_FORM}")
    return list(tokens)


State = tuple[torch.Tensor, ...]
Beam = tuple[list[int], float, State]  # ids, sum of log-probabilities, decoder state


class CaptionNetwork(Protocol):
    """What a factory's module must offer; see above."""

    def encode(self, images: torch.Tensor) -> State: ...

    def step(self, tokens: torch.Tensor, *state: torch.Tensor) -> State: ...


class Search:
    """Beam search over one caption network."""

    def __init__(self, network: CaptionNetwork, start: int, end: int, model: Model) -> None:
        self.network, self.start, self.end = network, start, end
        self.width, self.length = model.decoding.beam_width, model.decoding.max_length

    @torch.no_grad()
    def reference(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Decode picture by picture with plain lists: tokens INT32 [N,T], end tokens behind the last, score FP32 [N,1].

        Shares nothing with the graph's tensor arithmetic, so that parity means something.
        """
        decoded = [self._decode(image[None]) for image in torch.from_numpy(pixels)]
        tokens = np.array([ids + [self.end] * (self.length - len(ids)) for ids, _ in decoded], dtype=np.int32)
        return [tokens, np.array([[score] for _, score in decoded], dtype=np.float32)]

    def _decode(self, image: torch.Tensor) -> tuple[list[int], float]:
        beams: list[Beam] = [([], 0.0, self.network.encode(image))]
        for _ in range(self.length):
            beams = sorted((child for beam in beams for child in self._extend(*beam)), key=lambda beam: -beam[1])
            beams = beams[: self.width]
            if all(ids[-1] == self.end for ids, _, _ in beams):
                break
        return beams[0][0], beams[0][1]

    def _extend(self, ids: list[int], score: float, state: State) -> list[Beam]:
        if ids and ids[-1] == self.end:
            return [(ids, score, state)]
        last = torch.tensor([ids[-1] if ids else self.start])
        logits, *following = self.network.step(last, *state)
        best = torch.log_softmax(logits[0], dim=-1).topk(min(self.width, logits.shape[-1]))
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [([*ids, token], score + value, tuple(following)) for token, value in pairs]


class Begin(torch.nn.Module):
    """Pictures FP32 [N,3,H,W] to the loop's first values: last tokens, scores, finished, sequences, *state [N,W,…]."""

    def __init__(self, search: Search) -> None:
        super().__init__()
        self.network, self.search = search.network, search

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        count, width = images.shape[0], self.search.width
        state = [
            tensor.unsqueeze(1).repeat(1, width, *[1] * (tensor.ndim - 1)) for tensor in self.network.encode(images)
        ]
        tokens = torch.full((count, width), self.search.start, dtype=torch.int64)
        # Only the first beam may be extended at first: the others are its copies.
        scores = torch.tensor([0.0] + [IMPOSSIBLE] * (width - 1)).repeat(count, 1)
        finished = torch.zeros((count, width), dtype=torch.bool)
        sequences = torch.full((count, width, self.search.length), self.search.end, dtype=torch.int64)
        return tokens, scores, finished, sequences, *state


class Step(torch.nn.Module):
    """One token more for every beam; the body of the ONNX Loop."""

    def __init__(self, search: Search) -> None:
        super().__init__()
        self.network, self.search = search.network, search

    def forward(self, position: torch.Tensor, tokens: torch.Tensor, scores: torch.Tensor, finished: torch.Tensor,
                sequences: torch.Tensor, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:  # fmt: skip
        width = self.search.width
        given = [tensor.flatten(0, 1) for tensor in state]
        logits, *following = self.network.step(tokens.flatten(), *given)
        steps = torch.log_softmax(logits, dim=-1).unflatten(0, (-1, width))
        vocabulary = steps.shape[-1]
        only_end = torch.where(torch.arange(vocabulary) == self.search.end, 0.0, IMPOSSIBLE)
        steps = torch.where(finished.unsqueeze(-1), only_end, steps)
        scores, best = (scores.unsqueeze(-1) + steps).flatten(1).topk(width)
        beam, tokens = best // vocabulary, best % vocabulary
        sequences = torch.where(
            torch.arange(self.search.length) == position, tokens.unsqueeze(-1), pick(sequences, beam)
        )
        finished = finished.gather(1, beam) | (tokens == self.search.end)
        # What a step hands on as it is, such as the picture's features, is the same for all beams.
        survivors = [
            own if after is before else pick(after.unflatten(0, (-1, width)), beam)
            for own, before, after in zip(state, given, following, strict=True)
        ]
        return torch.logical_not(finished.all()), tokens, scores, finished, sequences, *survivors


def pick(tensor: torch.Tensor, beam: torch.Tensor) -> torch.Tensor:
    """Rows [N,W,…] of the beams [N,W] that survived."""
    index = beam.view(*beam.shape, *[1] * (tensor.ndim - 2)).expand(-1, -1, *tensor.shape[2:])
    return tensor.gather(1, index)


def build_graph(search: Search, model: Model) -> onnx.ModelProto:
    """Begin, then a Loop over Step, then the best beam: outputs TOKENS INT32 [N,T] and SCORE FP32 [N,1]."""
    images = torch.rand(2, model.pixels.channels.depth, model.geometry.height, model.geometry.width)
    begin, step = Begin(search).eval(), Step(search).eval()
    with torch.no_grad():
        carried = begin(images)
    names = ("position", *(f"carried_{index}" for index in range(len(carried))))
    outer = compose.add_prefix(to_onnx(begin, (images,), ("images",)), "begin/")
    inner = compose.add_prefix(to_onnx(step, (torch.tensor(0), *carried[:4], carried[4:]), names), "step/")
    _close(outer.graph, _loop_body(inner.graph), search.length)
    del outer.graph.output[:]
    outer.graph.output.extend([
        helper.make_tensor_value_info("TOKENS", TensorProto.INT32, ["N", search.length]),
        helper.make_tensor_value_info("SCORE", TensorProto.FLOAT, ["N", 1]),
    ])  # fmt: skip
    for domain in inner.opset_import:
        if domain.domain not in {known.domain for known in outer.opset_import}:
            outer.opset_import.append(domain)
    assert any(domain.domain == "" and domain.version == OPSET for domain in outer.opset_import)
    return outer


def _loop_body(graph: onnx.GraphProto) -> onnx.GraphProto:
    """The step's graph with the signature that ONNX Loop wants: (position, condition, carried…)."""
    condition = helper.make_tensor_value_info("step/condition", TensorProto.BOOL, [])
    inputs = [graph.input[0], condition, *graph.input[1:]]
    return helper.make_graph(list(graph.node), "step", inputs, list(graph.output), list(graph.initializer))


def _close(graph: onnx.GraphProto, body: onnx.GraphProto, length: int) -> None:
    """Append the Loop and the choice of the best beam to the graph that begins."""
    carried = [output.name for output in graph.output]
    ended = [f"ended/{index}" for index in range(len(carried))]
    graph.initializer.extend([
        helper.make_tensor("loop/length", TensorProto.INT64, [], [length]),
        helper.make_tensor("loop/go", TensorProto.BOOL, [], [True]),
        helper.make_tensor("loop/first", TensorProto.INT64, [], [0]),
        helper.make_tensor("loop/axis", TensorProto.INT64, [1], [1]),
    ])  # fmt: skip
    graph.node.extend([
        helper.make_node("Loop", ["loop/length", "loop/go", *carried], ended, body=body),
        helper.make_node("Gather", [ended[3], "loop/first"], ["best/tokens"], axis=1),
        helper.make_node("Cast", ["best/tokens"], ["TOKENS"], to=TensorProto.INT32),
        helper.make_node("Gather", [ended[1], "loop/first"], ["best/score"], axis=1),
        helper.make_node("Unsqueeze", ["best/score", "loop/axis"], ["SCORE"]),
    ])  # fmt: skip
