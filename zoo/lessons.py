"""What training teaches beside the answer itself: the order of difficulty, the pose, and where the head is."""

import torch
from torch import Tensor

from zoo.augmentation import Mix
from zoo.faces import POSES, Face

# Features lie on a grid of this many rows and columns, in the networks that learn where the head is.
GRID = 8

# A mouth is twelve pixels wide in these photos: expressions are first learned from nearer.
CLOSE_UP = Mix(pasted=0.1, cut_out=0.2, erased=0, jpeg=0, harm=0.2, own_zoom=(1.4, 2.4), replaced_zoom=(1.4, 2.8))
FULL = Mix(pasted=0.1, cut_out=0.3, erased=0.1, jpeg=0.1, harm=0.6, own_zoom=(0.9, 1.5), replaced_zoom=(0.75, 2.6))
CLOSE_UP_SHARE = 0.3

MIRRORED_POSE = {"left": "right", "right": "left"}


def choose_mix(step: int, steps: int, then: Mix = FULL) -> Mix:
    """Close-ups in the first steps of the training, then everything."""
    return CLOSE_UP if step < steps * CLOSE_UP_SHARE else then


def spread_heads(heads: Tensor) -> Tensor:
    """Heads [N, 2] in [-1, 1] as soft places on the grid, float32 [N, GRID²], 1 in sum."""
    centres = (torch.arange(GRID) + 0.5) / GRID * 2 - 1
    across, down = (-((heads[:, i, None] - centres) ** 2) / (2 * 0.18**2) for i in (0, 1))
    return (down[:, :, None] + across[:, None, :]).flatten(1).softmax(dim=1)


def name_pose(face: Face, mirrored: bool) -> str:
    """The pose that a picture of `face` shows; in a mirrored one left is right."""
    return MIRRORED_POSE.get(face.pose, face.pose) if mirrored else face.pose


def number_poses(faces: list[Face], mirrored: Tensor) -> Tensor:
    """Places in `POSES`, int64 [N], of pictures of `faces`."""
    pairs = zip(faces, mirrored.tolist(), strict=True)
    return torch.tensor([POSES.index(name_pose(face, flip)) for face, flip in pairs])
