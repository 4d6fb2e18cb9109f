"""What else could turn a photo's file into the pixels of a network: libraries side by side."""

import json
import subprocess

from bench.context import Context
from bench.peers.running import install
from bench.photos import write_photo
from bench.report import make_table
from bench.service import ROOT

PACKAGES = (
    "numpy==1.26.4",
    "Pillow==13.0.0",
    "simplejpeg==1.9.0",
    "opencv-python-headless==4.11.0.86",
    "pyvips==3.2.0",
    "pyvips-binary==8.18.7",
    "imagecodecs==2025.3.30",
)
HEADS = (
    ("JPEG to RGB, CPU ms", "whole", "1/2", "1/4", "1/8"),
    ("in full, CPU ms", "JPEG", "progressive", "CMYK", "PNG", "WebP"),
    ("resized to", "by", "CPU ms", "mean difference, of 255"),
)


def measure_decoders(context: Context) -> str:
    """Three tables for the bench's photo, and the first of them also for one of 12 megapixels."""
    python = install("decoders", PACKAGES) / "python"
    parts = []
    for width, height, count in ((1280, 720, 3), (4000, 3000, 1)):
        photo = write_photo(context.folder / f"{width}.jpg", width, height, quality=92)
        done = subprocess.run(
            [python, "-m", "bench.decoders", photo], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        tables = [make_table(head, rows) for head, rows in zip(HEADS, json.loads(done.stdout), strict=True)]
        parts += [f"{width}×{height}:", *tables[:count]]
    return "\n\n".join(parts)
