"""What a face costs: the classifiers' answers about photos with more and more faces, beside the same in one process."""

from dataclasses import replace

from bench.context import SATURATION, Context
from bench.load import Measured
from bench.photos import write_faces
from bench.report import COLUMNS, compare, make_table, summarise
from bench.work import ATTRIBUTES

COUNTS = (0, 1, 4, 8)
LIMIT, WAYS = "in process", ("gRPC", "gateway")
AIM = 0.9


def measure_faces(context: Context) -> str:
    """Faces and all attributes of each, at the saturating concurrency. Ratios are to the process without a server."""
    rows, measured = [], {}
    for count in COUNTS:
        photo = write_faces(context.folder / f"faces-{count}.jpg", count)
        here = replace(context, photos=(str(photo),))
        runs = {LIMIT: here.limit(ATTRIBUTES)} | {way: here.ask(way, ATTRIBUTES, SATURATION) for way in WAYS}
        measured[count] = here.measure_in_turns(runs)
        for name, rounds in measured[count].items():
            share = compare(rounds, measured[count][LIMIT])
            rows.append([f"{count} faces, {name}", *summarise(rounds), share])
            if name != LIMIT:
                context.expect_at_least(f"{name}, {count} faces, of the limit", AIM, share)
    said = ", ".join(f"{way} {compare_growth(measured[4], measured[8], way):.2f}" for way in WAYS)
    table = make_table(["", *COLUMNS, "of the rate in process"], rows)
    return f"{table}\n\nProcessor time of eight faces by that of four, over the same ratio in process: {said}."


def compare_growth(few: dict[str, list[Measured]], many: dict[str, list[Measured]], way: str) -> float:
    """By how much more the processor time grows with the faces than in one process."""
    return compare(many[way], few[way], "cpu") / compare(many[LIMIT], few[LIMIT], "cpu")
