"""Makes the HEIC files beside this one: `pip install pillow-heif==1.8.1`, then `python -m tests.heic.make`.

The tests have the decoder alone; the encoder is under the GPL and is no requirement of anything here.
"""

from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

from tests.pictures import exif, gradient, short, store

FOLDER = Path(__file__).parent


def main() -> None:
    pillow_heif.register_heif_opener()
    upright = gradient(80, 48)
    for orientation in range(1, 9):  # as phones do: EXIF says it too, and only `irot` and `imir` count
        stored = store(upright, orientation)
        stored.save(FOLDER / f"orientation_{orientation}.heic", exif=exif(short(0x112, orientation)), quality=80)
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(FOLDER / "clear.heic", quality=80)
    other = Image.new("RGB", (64, 64), "red")
    other.save(FOLDER / "second_is_primary.heic", save_all=True, append_images=[upright], primary_index=1, quality=80)
    deep = np.asarray(upright).astype(np.uint16) * 257
    pillow_heif.from_bytes("RGB;16", upright.size, deep.tobytes()).save(FOLDER / "ten_bits.heic", quality=80)


if __name__ == "__main__":
    main()
