"""What a file is by its first bytes: a picture, or a compressed file under a source's name."""

import re

# Enough for every pattern below.
HEAD_BYTES = 512
PICTURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8|RIFF....WEBP|II[*+]\0|MM\0[*+]|BM....\0\0\0\0|P[1-7fF]\s|\xff\x4f\xff\x51|"
    rb"\0\0\0\x0cjP  |....ftyp",
    re.DOTALL,
)
COMPRESSIONS = {
    rb"\x1f\x8b": "gzip (gunzip unpacks it)",
    rb"PK\x03\x04": "zip (unzip unpacks it)",
    rb"BZh[1-9]1AY&SY": "bzip2 (bunzip2 unpacks it)",
    rb"\xfd7zXZ\0": "xz (unxz unpacks it)",
    rb"\x28\xb5\x2f\xfd": "zstd (unzstd unpacks it)",
}


def is_picture(content: bytes) -> bool:
    """Whether it begins as a picture of a format that the preprocess step knows."""
    return PICTURES.match(content) is not None


def find_compression(head: bytes) -> str | None:
    """Its name and what unpacks it; None for what is not compressed as a whole."""
    return next((name for start, name in COMPRESSIONS.items() if re.match(start, head)), None)
