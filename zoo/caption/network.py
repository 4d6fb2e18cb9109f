"""The caption network, after Show and Tell (Vinyals et al., 2015).

A convolutional encoder gives the LSTM its start; the LSTM writes the sentence.
"""

import torch
from torch import Tensor, nn

WIDTH = 96


def create_network(vocabulary_size: int = 0) -> "CaptionNetwork":
    """The untrained network. The bundled vocabulary gives its size unless `vocabulary_size` says another."""
    if vocabulary_size:
        return CaptionNetwork(vocabulary_size)
    from zoo.caption.vocabulary import read_vocabulary

    return CaptionNetwork(len(read_vocabulary()))


class CaptionNetwork(nn.Module):
    """Encoder of seven convolutions; the LSTM sees the picture's features once, as its first input."""

    def __init__(self, vocabulary_size: int, embedding: int = 96, hidden: int = 128) -> None:
        super().__init__()
        self.hidden = hidden
        self.encoder = nn.Sequential(
            *_convolve(1, 16, kernel=5, stride=2),
            *_convolve(16, 32, stride=2),
            *_convolve(32, 32),
            *_convolve(32, 48, stride=2),
            *_convolve(48, 64),
            *_convolve(64, WIDTH, stride=2),
            *_convolve(WIDTH, WIDTH),
        )
        self.place = nn.Conv2d(WIDTH, 1, 1)
        self.project = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * WIDTH, embedding))
        self.embed = nn.Embedding(vocabulary_size, embedding)
        self.cell = nn.LSTMCell(embedding, hidden)
        self.output = nn.Linear(hidden, vocabulary_size)

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Grey images float32 [N, 1, 128, 128] in [-1, 1] to features [N, 192] and the face's place, logits [N, 64]."""
        features = self.encoder(images)
        place = self.place(features).flatten(1)
        attended = (features.flatten(2) * place.softmax(dim=1)[:, None]).sum(dim=2)
        return torch.cat([attended, features.amax(dim=(2, 3))], dim=1), place

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Grey images float32 [N, 1, 128, 128] in [-1, 1] to the LSTM state (h, c), each [N, hidden]."""
        return self._start(self.look(images)[0])

    def step(self, tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One word on: tokens int64 [N] and the state to logits [N, vocabulary] and the next state."""
        h, c = self.cell(self.embed(tokens), (h, c))
        return self.output(h), h, c

    def write(self, features: Tensor, tokens: Tensor) -> Tensor:
        """Teacher forcing: features [N, 192] and tokens int64 [N, T] to the logits after each, [N, T, vocabulary]."""
        h, c = self._start(features)
        logits = []
        for position in range(tokens.shape[1]):
            word, h, c = self.step(tokens[:, position], h, c)
            logits.append(word)
        return torch.stack(logits, dim=1)

    def forward(self, images: Tensor, tokens: Tensor) -> Tensor:
        """`look`, then `write`."""
        return self.write(self.look(images)[0], tokens)

    def _start(self, features: Tensor) -> tuple[Tensor, Tensor]:
        empty = torch.zeros(features.shape[0], self.hidden, dtype=features.dtype, device=features.device)
        h, c = self.cell(self.project(features), (empty, empty))
        return h, c


def _convolve(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
