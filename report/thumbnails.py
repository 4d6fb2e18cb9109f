"""Examples per attribute as thumbnails: the pictures themselves, so only where they are asked for."""

import base64
import io

from contract.pixels import MAX_PIXELS, Geometry, picture
from contract.tasks import Task
from report.dataset import Run
from report.section import Gallery, Section
from report.sources import read_photo

SIDE = 112
QUALITY = 70
PER_ROW = 6
# The same photo may be in the source many times; of so many candidates, different ones are shown.
CANDIDATES = 5 * PER_ROW
HEADINGS = {
    "surest positive": "{p} >= {threshold} ORDER BY -{p}",
    "closest to the threshold": "{p} IS NOT NULL ORDER BY abs({p} - {threshold})",
    "surest negative": "{p} < {threshold} ORDER BY {p}",
}


def examples_section(run: Run) -> Section:
    """Per classifier the surest positive, the closest to the threshold, and the surest negative."""
    galleries = [
        Gallery(
            f"{name}: {heading}", read_examples(run, name, order.format(p=run.column(name), threshold=run.threshold))
        )
        for name in run.names(Task.CLASSIFICATION)
        for heading, order in HEADINGS.items()
    ]
    text = ["This page holds pictures of people. Give it only to those who may see them."]
    return Section("examples", "Examples", text=text, galleries=[each for each in galleries if each.examples])


def read_examples(run: Run, name: str, order: str) -> list[tuple[str | None, str]]:
    """`order`: SQL for which photos, the most telling first."""
    rows = run.query(
        f"""SELECT {run.column("source")} AS source, {run.column(name)} AS probability, {run.column("sha256")} AS sha256
        FROM {run.photos} WHERE {order} LIMIT {CANDIDATES}"""
    )
    distinct = rows.drop_duplicates("sha256").head(PER_ROW)
    return [make_example(*row) for row in distinct[["source", "probability"]].itertuples(index=False)]


def make_example(source: str, probability: float) -> tuple[str | None, str]:
    try:
        return draw_thumbnail(read_photo(source)), f"{probability:.2f}"
    except Exception as error:  # decoders and file systems raise nearly anything; the example says what it was
        return None, f"{probability:.2f} ({source.rsplit('/', 1)[-1]}: {type(error).__name__})"


def draw_thumbnail(photo: bytes) -> str:
    """A small JPEG as data URI, of the same pixels that the networks see."""
    bound = Geometry("letterbox", 2 * SIDE, 2 * SIDE)
    upright = picture.decode(photo, [bound], MAX_PIXELS)
    data = io.BytesIO()
    upright.pixels.resize(bound.scaled_size(*upright.size)).save(data, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
