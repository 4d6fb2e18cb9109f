"""Flickr8k as the training scripts read it: a folder with `photos/` and `captions.csv` (photo, caption).

A quarter of the photos is kept aside, by a rule on the file's name: nothing is trained or chosen on them.
"""

import csv
import re
from collections import defaultdict
from hashlib import sha256
from pathlib import Path

ASIDE = 64  # of 256: names whose SHA-256 begins with a smaller byte are kept aside
VALIDATION = 76  # of the others, those below this choose settings and the moment to stop


def first_byte(photo: str) -> int:
    return sha256(photo.encode()).digest()[0]


def is_aside(photo: str) -> bool:
    return first_byte(photo) < ASIDE


def read_captions(folder: Path) -> dict[str, list[list[str]]]:
    """Words of each photo's captions, in lower case and without punctuation, by file name in alphabetical order."""
    captions = defaultdict(list)
    with (folder / "captions.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            captions[row["photo"]].append(re.findall(r"[a-z0-9']+", row["caption"].lower().replace("-", " ")))
    return dict(sorted(captions.items()))
