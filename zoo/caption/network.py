"""The caption network, after Show and Tell (Vinyals et al., 2015).

A convolutional encoder gives the LSTM its start; the LSTM writes the sentence.
"""

import torch
from torch import Tensor, nn


def create_network(vocabulary_size: int = 0) -> "CaptionNetwork":
    """The untrained network. The bundled vocabulary gives its size unless `vocabulary_size` says another."""
    if vocabulary_size:
        return CaptionNetwork(vocabulary_size)
    from zoo.caption.vocabulary import read_vocabulary

    return CaptionNetwork(len(read_vocabulary()))


class CaptionNetwork(nn.Module):
    """Encoder of eight convolutions; the LSTM sees the image's feature once, as its first input."""

    def __init__(self, vocabulary_size: int, embedding: int = 96, hidden: int = 128) -> None:
        super().__init__()
        self.hidden = hidden
        self.encoder = nn.Sequential(
            *_convolve(3, 16, kernel=5, stride=2),
            *_convolve(16, 24, stride=2),
            *_convolve(24, 32),
            *_convolve(32, 48, stride=2),
            *_convolve(48, 64),
            *_convolve(64, 96, stride=2),
            *_convolve(96, 96),
        )
        self.project = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * 96, embedding))
        self.embed = nn.Embedding(vocabulary_size, embedding)
        self.cell = nn.LSTMCell(embedding, hidden)
        self.output = nn.Linear(hidden, vocabulary_size)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images float32 [N, 3, 128, 128] in [-1, 1] to the LSTM state (h, c), each [N, hidden]."""
        features = self.encoder(images)
        pooled = torch.cat([features.amax(dim=(2, 3)), features.mean(dim=(2, 3))], dim=1)
        start = torch.zeros(images.shape[0], self.hidden, dtype=images.dtype, device=images.device)
        return self.cell(self.project(pooled), (start, start))

    def step(self, tokens: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One word on: tokens int64 [N] and the state to logits [N, vocabulary] and the next state."""
        h, c = self.cell(self.embed(tokens), (h, c))
        return self.output(h), h, c

    def forward(self, images: Tensor, tokens: Tensor) -> Tensor:
        """Teacher forcing: tokens int64 [N, T] to the logits of the token after each, [N, T, vocabulary]."""
        h, c = self.encode(images)
        logits = []
        for position in range(tokens.shape[1]):
            word, h, c = self.step(tokens[:, position], h, c)
            logits.append(word)
        return torch.stack(logits, dim=1)


def _convolve(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
