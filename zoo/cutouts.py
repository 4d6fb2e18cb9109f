"""Soft masks that cut the person out of a CMU photo, so that training can put another background behind it."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Where the photos show head and shoulders, in pixels of the 128x120 original.
HEAD_CENTRE = (58, 50)
HEAD_AXES = (24, 34)
SHOULDERS_CENTRE, SHOULDERS_AXES = (60, 120), (46, 34)


def cut_out(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Soft person masks, uint8 [N, 120, 128] (0 background, 255 person), of grey photos of the same shape.

    GrabCut (Rother et al., 2004) from a head-and-shoulders guess. Dark hair before the dark room is often lost, so
    the middle of the head is always kept.
    """
    return np.stack([_cut_out_one(photo) for photo in pixels])


def _cut_out_one(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    labels = _guess_labels(photo.shape)
    colours = np.dstack([photo, cv2.GaussianBlur(photo, (0, 0), 2), photo])
    cv2.setRNGSeed(1)
    cv2.grabCut(colours, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    person = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8) * 255
    _fill_ellipse(person, HEAD_CENTRE, (19, 28), 255)
    closed = cv2.morphologyEx(person, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return np.asarray(cv2.GaussianBlur(closed, (0, 0), 1.0), dtype=np.uint8)


def _guess_labels(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    labels = np.full(shape, cv2.GC_PR_BGD, np.uint8)
    _fill_ellipse(labels, HEAD_CENTRE, HEAD_AXES, cv2.GC_PR_FGD)
    _fill_ellipse(labels, SHOULDERS_CENTRE, SHOULDERS_AXES, cv2.GC_PR_FGD)
    _fill_ellipse(labels, (58, 54), (10, 16), cv2.GC_FGD)
    labels[100:, 40:85] = cv2.GC_FGD
    labels[:8] = cv2.GC_BGD
    labels[:70, :14] = cv2.GC_BGD
    labels[:70, -18:] = cv2.GC_BGD
    return labels


def _fill_ellipse(image: NDArray[np.uint8], centre: tuple[int, int], axes: tuple[int, int], value: int) -> None:
    cv2.ellipse(image, centre, axes, 0, 0, 360, value, -1)
