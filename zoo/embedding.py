"""`embedding`: the caption's encoder, pooled. Its checkpoint is `encoder.pt`."""

from torch import Tensor, nn

from zoo.mobilenet import create_features


def create_network() -> "Embedding":
    return Embedding(create_features())


class Embedding(nn.Sequential):
    """RGB FP32 [N,3,224,224], normalised as ImageNet's, to FP32 [N,1280]: the mean of the encoder's map."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__(*layers)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).mean(dim=(2, 3))
