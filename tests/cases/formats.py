"""Cases 02, 15, 16 and 21: the files that phones, scanners and editors write."""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from selenium.webdriver.common.by import By

from tests.cases.check import Check, near, same
from tests.cases.workplace import SAMPLE, Workplace
from tests.page.browsing import choose, open_browser, visit, wait
from tests.pictures import encode, store

# By case 02's make.py: those that are not turned; all others lie on their side.
UPRIGHT = ("plain", "blank_exif", "garbage_exif", "short_exif", "ifd_beyond_end", "orientation_as_ascii")
# Of case 15. A part of a picture is no picture, and browsers take none with a line break in front either; what is grey
# is another photo than what is coloured.
BROKEN = ("cut_2_bytes.jpg", "cut_30.jpg", "leading_newline.jpg")
DEEP = ("grey16.png", "grey16.tif", "grey32.tif", "grey12_in_16.tif", "float255.tif", "greyalpha16.png")
GREY = (*DEEP, "grey.jpg")
DARK = "float01.tif"  # 0 to 1, where 0 to 255 is documented
SIZES = {"mpo_turned_big.jpg": (4000, 2000), "odd_444.jpg": (399, 199)}
NOISE = 0.02  # what JPEG and a palette of 256 colours may change of a probability


def smiling(image: dict[str, Any]) -> float | None:
    """Of the largest face; None where there is no face."""
    attribute = image["attributes"]["smiling"]
    return attribute and attribute["probabilities"]["smiling"]


def show(image: dict[str, Any]) -> str:
    """Size, what the face shows, and every box."""
    boxes = [[each["label"], each["score"], each["box"]] for name in ("faces", "objects") for each in image[name]]
    return json.dumps([image["width"], image["height"], smiling(image), boxes])


def try_broken_exif(workplace: Workplace) -> Iterator[Check]:
    """An odd tag beside the orientation costs nothing."""
    folder = workplace.make("02")
    query = {"features": "smiling,faces,objects", "min_score": "0.1"}
    seen = {path.stem: workplace.ask(path.read_bytes(), **query) for path in sorted(folder.glob("*.jpg"))}
    shown = {name: show(answer.json()["images"][0]) for name, answer in seen.items() if answer.is_success}
    for name, answer in seen.items():
        like = "plain" if name in UPRIGHT else "good_turned"
        got = shown.get(name, answer.text[:200])
        ok = answer.is_success and got == shown.get(like) and got.startswith("[256, 192, ")
        yield Check(f"{name}.jpg", f"256x192, as {like}.jpg", got[:60], ok)


def try_formats(workplace: Workplace) -> Iterator[Check]:
    """One picture in 36 files."""
    files = workplace.make("15") / "files"
    query = {"features": "smiling"}
    right = {name: smiling(workplace.image((files / name).read_bytes(), **query)) for name in ("rgb.png", "grey.jpg")}
    yield Check("rgb.png", "a face", str(right["rgb.png"]), right["rgb.png"] is not None)
    for path in sorted(files.iterdir()):
        answer = workplace.ask(path.read_bytes(), **query)
        if path.name in BROKEN:
            yield refused(path.name, answer.status_code, answer.text)
        elif answer.is_success:
            like = "grey.jpg" if path.name in GREY else "rgb.png"
            yield from compare(path.name, answer.json()["images"][0], like, right[like])
        else:
            yield same(path.name, 200, f"{answer.status_code} {answer.text[:160]}")
    yield from annotate(workplace, files)


def refused(name: str, status: int, text: str) -> Check:
    return Check(name, "422 in words", f"{status} {text[:160]}", status == 422 and "cut off" in text)


def compare(name: str, image: dict[str, Any], like: str, right: float | None) -> Iterator[Check]:
    yield same(f"{name}: size", SIZES.get(name, (400, 200)), (image["width"], image["height"]))
    if name != DARK and right is not None:
        yield near(f"{name}: smiling, as {like}", right, smiling(image), NOISE)


def annotate(workplace: Workplace, files: Path) -> Iterator[Check]:
    """The drawn picture is as light as the photo."""
    right = lightness(workplace, files / "grey.jpg")
    for name in DEEP:
        yield near(f"{name}: lightness when annotated, as grey.jpg", right, lightness(workplace, files / name), 3)


def lightness(workplace: Workplace, path: Path) -> float:
    answer = workplace.ask(path.read_bytes(), "/v1/annotate", features="smiling")
    answer.raise_for_status()
    return float(np.asarray(Image.open(io.BytesIO(answer.content)).convert("L")).mean())


def try_page(workplace: Workplace) -> Iterator[Check]:
    """What the browser shows has the sides of what the boxes are drawn for."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        yield same("Chromium", "installed", "not here")
        return
    files = write_turned(workplace)
    with open_browser(workplace.scratch / "profile") as browser:
        page = visit(browser, workplace.url)
        choose(page, *files)
        count = f"{len(files)} of {len(files)} photos analysed"
        wait(page, lambda: page.find_element(By.ID, "status").text == count)
        for path in files:
            yield from look(page, path.name)


def look(page, name: str) -> Iterator[Check]:
    """The card of one photo, when its picture is there."""
    card = f"article[aria-label='{name}']"
    size = f'const i = document.querySelector("{card} img"); return [i.naturalWidth, i.naturalHeight]'
    view = f"return document.querySelector(\"{card} svg\").getAttribute('viewBox')"
    wait(page, lambda: all(page.execute_script(size)))
    (width, height), box = page.execute_script(size), page.execute_script(view).split()
    yield near(f"{name}: shown for viewBox {' '.join(box)}", float(box[2]) / float(box[3]), width / height, 0.02)


def write_turned(workplace: Workplace) -> list[Path]:
    """The case's AVIF and what else carries an orientation, all of the same upright photo."""
    folder = workplace.copy("16")
    shutil.copyfile(workplace.find("03") / "turned6.jpg", folder / "turned6.jpg")
    upright = ImageOps.exif_transpose(Image.open(folder / "turned6.jpg"))
    exif = Image.Exif()
    exif[0x112] = 6
    for container in ("PNG", "WEBP", "TIFF"):
        (folder / f"turned6.{container.lower()}").write_bytes(encode(store(upright, 6), container, exif=exif))
    return sorted(folder.glob("turned6.*"))


def try_company(workplace: Workplace) -> Iterator[Check]:
    """What else is asked for changes a probability by the reduced decode alone."""
    for side in (512, 1000, 2000, 4000):
        for deviation in (0, 50):
            photo = enlarge(side, deviation)
            queries = ("smiling", "smiling,sunglasses", "smiling,objects")
            seen = [smiling(workplace.image(photo, features=features)) for features in queries]
            seen.append(workplace.ask(photo, "/").json()["prob_smiling"])
            what = f"{side} px, noise {deviation}: largest difference of {seen}"
            if None in seen:
                yield same(what, [None] * 4, seen)
            else:
                yield near(what, 0.0, max(seen) - min(seen), 0.01)


def enlarge(side: int, deviation: int) -> bytes:
    """The sample photo as a JPEG of another size, with grain."""
    pixels = np.asarray(Image.open(SAMPLE).convert("RGB").resize((side, side), Image.Resampling.LANCZOS), np.float32)
    grain = np.random.default_rng(0).normal(0, deviation, (side, side, 1)) if deviation else 0
    return encode(Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8)), "JPEG", quality=92)
