"""The sunglasses network: a plain convolutional network in PyTorch, about 20 million multiply-adds."""

from torch import Tensor, nn


def create_network() -> nn.Module:
    """Grey float32 [N, 1, 128, 128] in [0, 1] to one logit [N, 1]; its sigmoid is the probability of sunglasses."""
    return SunglassesNetwork()


class SunglassesNetwork(nn.Module):
    """Seven convolutions, then the strongest answer of every feature: a face may be anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_convolve(1, 16, kernel=5, stride=2),
            *_convolve(16, 24, stride=2),
            *_convolve(24, 24),
            *_convolve(24, 48, stride=2),
            *_convolve(48, 48),
            *_convolve(48, 64, stride=2),
            *_convolve(64, 64),
        )
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(64, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Float32 [N, 1, 128, 128] to logits [N, 1]."""
        features = self.features(images)
        return self.head(features.amax(dim=(2, 3)))


def _convolve(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
