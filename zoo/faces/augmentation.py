"""Faces as other photos might show them: other framing, proportions, light, sharpness. All at once, in PyTorch."""

import math

import torch
from torch import Tensor
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)


def augment(faces: Tensor, share: float, side: int, strength: float = 1.0) -> Tensor:
    """UINT8 [N,3,S,S] RGB, of which a close-up fills the middle `share`, to close-ups FP32 [N,3,side,side] in [0,1]."""
    grids = frame(len(faces), share, side, strength)
    close = functional.grid_sample(faces.float() / 255, grids, padding_mode="border", align_corners=False)
    return relight(blur(close, strength), strength).clamp(0, 1)


def frame(count: int, share: float, side: int, strength: float) -> Tensor:
    """Sampling grids [N,side,side,2]: mirrored or not, turned, moved, nearer or farther, narrower or wider."""
    angle, zoom = uniform(count, 0.3 * strength), uniform(count, 0.2 * strength).exp() * share
    aspect = uniform(count, 0.3 * strength).exp().sqrt()
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    cosine, sine = angle.cos() * zoom, angle.sin() * zoom
    rows = [
        cosine * mirror * aspect,
        -sine / aspect,
        uniform(count, 0.1 * strength),
        sine * mirror * aspect,
        cosine / aspect,
        uniform(count, 0.1 * strength),
    ]
    return functional.affine_grid(torch.stack(rows, dim=1).view(-1, 2, 3), [count, 3, side, side], align_corners=False)


def blur(images: Tensor, strength: float) -> Tensor:
    """As if the face had been small: half of them lose detail, down to a quarter of the pixels of a side."""
    side = images.shape[2]
    smaller = round(side * math.exp(-1.4 * strength * torch.rand(()).item()))
    small = functional.interpolate(images, size=smaller, mode="bilinear", antialias=True, align_corners=False)
    poor = functional.interpolate(small, size=side, mode="bilinear", align_corners=False)
    return torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, poor, images)


def relight(images: Tensor, strength: float) -> Tensor:
    """Brightness, contrast, gamma, colour of the light, noise; a fifth become grey."""
    count = len(images)
    gamma, contrast = (uniform(count, 0.4 * strength).exp().view(-1, 1, 1, 1) for _ in range(2))
    images = images.clamp(1e-3, 1) ** gamma
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = (images - mean) * contrast + mean + uniform(count, 0.15 * strength).view(-1, 1, 1, 1)
    images = images * (1 + uniform(3 * count, 0.1 * strength).view(-1, 3, 1, 1))
    grey = torch.einsum("nchw,c->nhw", images, torch.tensor(GREY))[:, None]
    images = torch.where(torch.rand(count, 1, 1, 1) < 0.2, grey, images)
    return images + torch.randn_like(images) * 0.03 * torch.rand(count, 1, 1, 1)


def uniform(count: int, most: float) -> Tensor:
    """FP32 [count] between -most and most."""
    return (torch.rand(count) * 2 - 1) * most
