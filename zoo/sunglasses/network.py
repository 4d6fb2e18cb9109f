"""MobileNetV2's first layers, and one linear unit on the mean and the maximum of their map."""

import torch
from torch import Tensor, nn

from zoo.mobilenet import create_features

SIDE = 64
LAYERS, CHANNELS = 14, 96


def create_network() -> "SunglassesNetwork":
    """The untrained network; `sunglasses.pt` has its weights."""
    return SunglassesNetwork()


class SunglassesNetwork(nn.Module):
    """RGB FP32 [N,3,SIDE,SIDE], normalised as ImageNet's, to the logit of sunglasses [N,1]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = create_features()[:LAYERS]
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(2 * CHANNELS, 1)

    def forward(self, images: Tensor) -> Tensor:
        features = self.features(images)
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        return self.output(self.dropout(pooled))
