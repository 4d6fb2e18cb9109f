"""Training pictures from the CMU photos: other framing, background, light, colour and camera, new in every batch."""

import io
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from zoo.faces import HEIGHT, WIDTH

SIZE = 128
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Mix:
    """Shares of the kinds of training pictures; the rest keep the photo's own room and nearly its own framing.

    `harm` scales blur and noise; the zooms are ranges, 1 shows the head as large as the photo does.
    """

    pasted: float = 0.25
    cut_out: float = 0.35
    erased: float = 0.2
    jpeg: float = 0.15
    harm: float = 1.0
    own_zoom: tuple[float, float] = (0.85, 1.5)
    replaced_zoom: tuple[float, float] = (0.65, 2.6)


class Drawn(NamedTuple):
    """Pictures float32 [N, C, 128, 128] in [0, 1]; mirrored bool [N], so that left has become right; where the face's
    centre is, float32 [N, 2], x and y in [-1, 1]; half the face's side, float32 [N], 1 for half the picture's."""

    pictures: Tensor
    mirrored: Tensor
    heads: Tensor
    half_sides: Tensor


class Augmenter:
    """Draws training pictures.

    `pixels` and `masks`: uint8 [M, 120, 128], from `read_pixels` and `cut_out`; `places`: float [M, 3], from
    `find_places`; `backgrounds`: uint8 [K, S, S, 3].
    With `grey` the pictures have one channel, otherwise three. Of each batch, every `together` neighbours get the same
    framing, background and light.
    """

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        masks: NDArray[np.uint8],
        places: NDArray[np.float64],
        backgrounds: NDArray[np.uint8],
        *,
        grey: bool,
        seed: int,
        mix: Mix | None = None,
        together: int = 1,
    ) -> None:
        self.together = together
        self.photos = torch.from_numpy(np.stack([pixels, masks], axis=1))
        self.places = torch.from_numpy(places / [WIDTH / 2, HEIGHT / 2, (WIDTH + HEIGHT) / 2] - [1, 1, 0]).float()
        bank = torch.from_numpy(backgrounds).permute(0, 3, 1, 2)
        self.backgrounds = to_grey(bank.float()).round().to(torch.uint8) if grey else bank.contiguous()
        self.random = torch.Generator().manual_seed(seed)
        self.mix = mix or Mix()

    def __call__(self, indices: Tensor) -> Drawn:
        """New pictures of the photos `indices`, int64 [N]."""
        count = len(indices)
        kind = self._uniform(count)
        cut_out = kind < self.mix.cut_out
        replaced = kind < self.mix.cut_out + self.mix.pasted
        mirrored = self._uniform(count) < 0.5
        frame, heads, half_sides = self._frame(self.places[indices], replaced, mirrored)
        person, alpha = self._place(indices, frame, replaced, cut_out)
        pictures = alpha * self._tint(person) + (1 - alpha) * self._draw_backgrounds(count)
        pictures = self._erase(pictures)
        return Drawn(self._compress(self._expose(self._soften(pictures))), mirrored, heads, half_sides)

    def _place(self, indices: Tensor, frame: Tensor, replaced: Tensor, cut_out: Tensor) -> tuple[Tensor, Tensor]:
        """The photo in its new framing, float [N, 1, 128, 128] in [0, 1], and its opacity, alike."""
        grid = functional.affine_grid(frame, [len(indices), 1, SIZE, SIZE], align_corners=False)
        photos = self.photos[indices].float() / 255
        person = functional.grid_sample(photos[:, :1], grid, padding_mode="border", align_corners=False)
        inside = (grid.abs().amax(dim=-1) <= 1).float()[:, None]
        mask = functional.grid_sample(photos[:, 1:], grid, align_corners=False)
        alpha = torch.where(_per_picture(cut_out), mask, inside)
        return person, torch.where(_per_picture(replaced), alpha, torch.ones_like(alpha))

    def _frame(self, places: Tensor, replaced: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Affine maps [N, 2, 3] from picture to photo, both in [-1, 1], and the place [N, 2] and half side [N] that
        the face gets."""
        count = len(replaced)
        zoom = torch.where(
            replaced, self._log_uniform(count, *self.mix.replaced_zoom), self._log_uniform(count, *self.mix.own_zoom)
        )
        aspect = self._log_uniform(count, 0.8, 1.25)
        angle = self._between(count, -0.25, 0.25)
        scale = torch.stack([aspect.sqrt() / zoom, 1 / (zoom * aspect.sqrt())], dim=1)
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(count, 2, 2)
        matrix = turn * scale[:, None, :]
        head, half_sides = places[:, :2], places[:, 2] * zoom
        room = torch.where(replaced, (1 - 0.35 * zoom).clamp(min=0.1), torch.full_like(zoom, 0.12))
        start = torch.where(replaced[:, None], torch.zeros(count, 2), head)
        target = start + room[:, None] * self._between(count, -1, 1, 2)
        matrix[:, :, 0] *= torch.where(mirrored, -1.0, 1.0)[:, None]
        target[:, 0] *= torch.where(mirrored & ~replaced, -1.0, 1.0)
        offset = head - (matrix @ target[:, :, None])[:, :, 0]
        return torch.cat([matrix, offset[:, :, None]], dim=2), target, half_sides

    def _tint(self, person: Tensor) -> Tensor:
        """Grey [N, 1, H, W] to C channels, in colours between grey and strongly tinted skin."""
        channels = self.backgrounds.shape[1]
        if channels == 1:
            return person
        count = len(person)
        strength = self._between(count, -0.05, 0.3)
        warm = torch.tensor([0.5, -0.1, -0.6]) + 0.25 * self._between(count, -1, 1, 3)
        gamma = (1 - strength[:, None] * warm).clamp(0.6, 1.6)
        return person.expand(-1, channels, -1, -1).clamp(1e-4, 1) ** gamma[:, :, None, None]

    def _draw_backgrounds(self, count: int) -> Tensor:
        """Backgrounds float [N, C, 128, 128] in [0, 1], some without colour."""
        choice = (self._uniform(count) * len(self.backgrounds)).long()
        drawn = self.backgrounds[choice].float() / 255
        plain = _per_picture(self._uniform(count) < 0.25)
        return torch.where(plain, drawn.mean(dim=1, keepdim=True), drawn)

    def _erase(self, pictures: Tensor) -> Tensor:
        """Covers a random box in some pictures, so that no single detail decides."""
        count = len(pictures)
        size = self._between(count, 0.1, 0.35, 2)
        start = self._uniform(count, 2) * (1 - size)
        steps = torch.arange(SIZE) / SIZE
        span = [(steps >= start[:, i, None]) & (steps < (start + size)[:, i, None]) for i in (0, 1)]
        chosen = (self._uniform(count) < self.mix.erased)[:, None, None]
        box = (span[1][:, :, None] & span[0][:, None, :] & chosen)[:, None]
        return torch.where(box, _per_picture(self._uniform(count)), pictures)

    def _expose(self, pictures: Tensor) -> Tensor:
        """Gamma, contrast, brightness and sensor noise."""
        count = len(pictures)
        gamma, contrast = self._log_uniform(count, 0.6, 1.6), self._log_uniform(count, 0.6, 1.5)
        brightness, noise = self._between(count, -0.15, 0.15), self._between(count, -0.03, 0.05).clamp(min=0)
        curved = pictures.clamp(1e-4, 1) ** _per_picture(gamma)
        level = curved.mean(dim=(1, 2, 3), keepdim=True)
        exposed = (curved - level) * _per_picture(contrast) + level + _per_picture(brightness)
        grain = torch.randn(pictures.shape, generator=self.random) * _per_picture(noise) * self.mix.harm
        return (exposed + grain).clamp(0, 1)

    def _soften(self, pictures: Tensor) -> Tensor:
        """Blends in a blurred or a coarser copy, as small or badly focused faces look."""
        count = len(pictures)
        blurred = functional.avg_pool2d(functional.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        coarse = functional.interpolate(functional.avg_pool2d(pictures, 2), size=SIZE, mode="bilinear")
        kind = self._uniform(count)
        amount = self._uniform(count) * self.mix.harm
        copy = torch.where(_per_picture(kind < 0.15), coarse, blurred)
        return pictures.lerp(copy, _per_picture(torch.where(kind < 0.4, amount, torch.zeros_like(amount))))

    def _compress(self, pictures: Tensor) -> Tensor:
        """Passes some pictures through JPEG."""
        chosen = torch.nonzero(self._uniform(len(pictures)) < self.mix.jpeg).flatten().tolist()
        quality = torch.randint(25, 85, (len(pictures),), generator=self.random)
        for index in chosen:
            pictures[index] = _recompress(pictures[index], int(quality[index]))
        return pictures

    def _uniform(self, count: int, *shape: int) -> Tensor:
        """Numbers in [0, 1), float32 [count, *shape], the same for photos that are drawn together."""
        drawn = torch.rand(count // self.together, *shape, generator=self.random)
        return drawn.repeat_interleave(self.together, dim=0)

    def _between(self, count: int, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * self._uniform(count, *shape)

    def _log_uniform(self, count: int, low: float, high: float) -> Tensor:
        return torch.exp(self._between(count, float(np.log(low)), float(np.log(high))))


def to_grey(pictures: Tensor) -> Tensor:
    """[N, 3, H, W] to luma [N, 1, H, W], not rounded."""
    return (pictures * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def _per_picture(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _recompress(picture: Tensor, quality: int) -> Tensor:
    array = (picture * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array).save(file, "JPEG", quality=quality)
    decoded = np.array(Image.open(file), dtype=np.float32).reshape(array.shape)
    return torch.from_numpy(decoded).permute(2, 0, 1) / 255
