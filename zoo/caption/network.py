"""The caption network: MobileNetV2's map, spatial attention over it, an LSTM that writes the sentence.

Attention is the spatial one of Lu et al. 2017 ("Knowing When to Look", arXiv:1612.01887): the LSTM's new state asks the
map where to look, so that in training a whole sentence is one call of the LSTM. Heads as in Vaswani et al. 2017.
"""

from typing import Any

import torch
from torch import Tensor, nn

from zoo import CHECKPOINTS
from zoo.caption.vocabulary import END, PAD, START, UNKNOWN, read_vocabulary
from zoo.mobilenet import create_features

CHANNELS, EMBEDDING, HIDDEN, VISUAL, HEADS = 1280, 192, 256, 192, 4
DROPOUT = 0.3
# Captions say other words once: what a network repeats is "a man on a bike is riding a bike".
MAY_REPEAT = "a an and are as at by for from her his in is it of on one other over s the their to two up while with"
IMPOSSIBLE = -1e4  # logit of what is never written; finite in half precision too


def create_network() -> "CaptionNetwork":
    """What export builds for `caption.pt`: the encoder comes from `encoder.pt`, which the model `embedding` shares."""
    network = CaptionNetwork(read_vocabulary())
    network.encoder.load_state_dict(torch.load(CHECKPOINTS / "encoder.pt", map_location="cpu", weights_only=True))
    return network.eval()


class CaptionNetwork(nn.Module):
    """`encode` and `step` for serving, `write` for training."""

    def __init__(self, vocabulary: list[str]) -> None:
        super().__init__()
        self.encoder = create_features()
        self.keys, self.values = nn.Linear(CHANNELS, VISUAL), nn.Linear(CHANNELS, VISUAL)
        self.query = nn.Linear(HIDDEN, VISUAL)
        self.embed = nn.Embedding(len(vocabulary), EMBEDDING)
        self.start = nn.Linear(VISUAL, 2 * HIDDEN)
        self.lstm = nn.LSTM(EMBEDDING + VISUAL, HIDDEN, batch_first=True)
        self.word = nn.Linear(HIDDEN + VISUAL, EMBEDDING)
        self.bias = nn.Parameter(torch.zeros(len(vocabulary)))
        self.dropout = nn.Dropout(DROPOUT)
        nn.init.normal_(self.embed.weight, std=0.1)
        never = torch.tensor([token in (PAD, START, UNKNOWN) for token in vocabulary]) * IMPOSSIBLE
        self.register_buffer("never", never, persistent=False)
        once = torch.tensor([token not in (*MAY_REPEAT.split(), END) for token in vocabulary]) * IMPOSSIBLE
        self.register_buffer("once", once, persistent=False)

    def load_state_dict(self, state: Any, *arguments: Any, **options: Any) -> Any:
        """The checkpoint holds the decoder; encoder weights that it lacks stay as they are."""
        encoder = {f"encoder.{name}": tensor for name, tensor in self.encoder.state_dict().items()}
        return super().load_state_dict(encoder | dict(state), *arguments, **options)

    def encode(self, images: Tensor) -> tuple[Tensor, ...]:
        """RGB FP32 [N,3,224,224], normalised as ImageNet's, to the state: h, c, written, pooled, keys, values."""
        return self.begin_writing(self.encoder(images))

    def begin_writing(self, features: Tensor) -> tuple[Tensor, ...]:
        """The encoder's map to the state of `step`."""
        h, c, *picture = self.begin(features)
        return h, c, h.new_zeros(features.shape[0], self.bias.shape[0]), *picture

    def begin(self, features: Tensor) -> tuple[Tensor, ...]:
        """The encoder's map [N,1280,H,W] to h, c [N,HIDDEN], pooled [N,VISUAL], keys and values [N,H*W,VISUAL]."""
        places = features.flatten(2).transpose(1, 2)
        values = self.dropout(self.values(places))
        pooled = values.mean(1)
        h, c = self.start(pooled).tanh().chunk(2, dim=1)
        return h, c, pooled, self.keys(places), values

    def step(
        self, tokens: Tensor, h: Tensor, c: Tensor, written: Tensor, pooled: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, ...]:
        """One word on: tokens INT64 [N], state to logits [N,V], next state. `written` FP32 [N,V]: the words so far."""
        logits, h, c = self.write(tokens[:, None], h, c, pooled, keys, values)
        written = written.scatter(1, tokens[:, None], 1.0)
        return logits[:, 0] + self.never + written * self.once, h, c, written, pooled, keys, values

    def write(
        self, tokens: Tensor, h: Tensor, c: Tensor, pooled: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, ...]:
        """Teacher forcing: tokens INT64 [N,T] and the state to the logits after each [N,T,V], and the last h and c."""
        picture = pooled[:, None].expand(-1, tokens.shape[1], -1)
        words = torch.cat([self.dropout(self.embed(tokens)), picture], dim=2)
        hidden, (h, c) = self.lstm(words, (h[None], c[None]))
        hidden = self.dropout(hidden)
        context = self.attend(hidden, keys, values)
        word = self.dropout(self.word(torch.cat([hidden, context], dim=2)))
        return word @ self.embed.weight.T + self.bias, h[0], c[0]

    def attend(self, hidden: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """What the heads see [N,T,VISUAL] when states [N,T,HIDDEN] look at the places [N,P,VISUAL]."""
        query, keys, values = (
            tensor.unflatten(2, (HEADS, -1)).transpose(1, 2) for tensor in (self.query(hidden), keys, values)
        )
        weights = (query @ keys.transpose(2, 3) / query.shape[-1] ** 0.5).softmax(dim=3)
        return (weights @ values).transpose(1, 2).flatten(2)
