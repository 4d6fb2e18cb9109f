"""Where the face and the sunglasses are in a CMU photo, which has no boxes of its own.

OpenCV's Haar cascade (Viola and Jones, 2001) finds the face in nearly every straight photo. A person sits alike in
all photos, so the median of the straight ones, moved by a fixed share for the other poses, serves all of them.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from zoo.faces import Face

# Shift of the face's centre against the straight pose, in sides of the Haar box, seen from the camera.
POSE_SHIFT = {"straight": (0.0, 0.0), "left": (0.22, -0.02), "right": (-0.22, -0.02), "up": (-0.02, -0.18)}
FACE_SIZE = (0.92, 1.12)  # width and height
GLASSES_SHIFT = {"straight": (0.0, -0.12), "left": (-0.08, -0.14), "right": (0.08, -0.14), "up": (0.0, -0.13)}
GLASSES_SIZE = {"straight": (0.86, 0.36), "left": (0.66, 0.36), "right": (0.66, 0.36), "up": (0.8, 0.36)}


def find_heads(faces: Sequence[Face], pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """Centre x, centre y and side of the Haar box, float64 [3], for each person's straight pose.

    `pixels`: uint8 [N, 120, 128].
    """
    found: dict[str, list[tuple[float, float, float]]] = {}
    for face, photo in zip(faces, pixels, strict=True):
        if face.pose == "straight":
            found.setdefault(face.person, []).extend(_detect(photo))
    return {person: np.median(boxes, axis=0) for person, boxes in found.items()}


def _detect(photo: NDArray[np.uint8]) -> list[tuple[float, float, float]]:
    """The largest frontal face, none where the cascade sees none."""
    cascade = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_alt2.xml")
    doubled = cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    boxes = sorted(cascade.detectMultiScale(doubled, 1.05, 2, minSize=(60, 60)), key=lambda box: -box[2])
    return [(x / 2 + w / 4, y / 2 + h / 4, w / 2) for x, y, w, h in boxes[:1]]


def find_places(faces: Sequence[Face], pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Centre x, centre y and half the side of each face, float64 [N, 3], in pixels of the 128x120 photo.

    A person whom the cascade never finds gets the others' median.
    """
    heads = find_heads(faces, pixels)
    usual = np.median(list(heads.values()), axis=0)
    return np.array([_place(face, heads.get(face.person, usual)) for face in faces])


def _place(face: Face, head: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.append(head[:2] + head[2] * np.array(POSE_SHIFT[face.pose]), head[2] / 2)


def boxes_of(face: Face, head: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows (class, x1, y1, x2, y2) in pixels of the 128x120 photo: the face, and the sunglasses where worn."""
    centre = head[:2] + head[2] * np.array(POSE_SHIFT[face.pose])
    rows = [(0, *_box(centre, head[2], FACE_SIZE))]
    if face.sunglasses:
        shifted = centre + head[2] * np.array(GLASSES_SHIFT[face.pose])
        rows.append((1, *_box(shifted, head[2], GLASSES_SIZE[face.pose])))
    return np.array(rows, dtype=np.float32)


def _box(centre: NDArray[np.float64], side: float, size: tuple[float, float]) -> tuple[float, float, float, float]:
    half = side * np.array(size) / 2
    return (*(centre - half), *(centre + half))
