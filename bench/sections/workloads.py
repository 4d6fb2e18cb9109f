"""A phone's photo, many photos in a request, and the same photo again and again."""

from bench.context import SATURATION, Context
from bench.photos import write_photo
from bench.report import COLUMNS, compare, make_table, summarise
from bench.work import ATTRIBUTES, EVERYTHING

SMALL, LARGE = "1280×720, attributes", "4000×3000, attributes"
AGAIN, NEW = "the same photo again, everything", "new photos, everything"
LARGE_COST = 1.6


def measure_workloads(context: Context) -> str:
    large = str(write_photo(context.folder / "large.jpg", 4000, 3000))
    runs = {
        SMALL: context.gateway("raw", ATTRIBUTES, 4),
        LARGE: context.gateway("raw", ATTRIBUTES, 4, photos=(large,)),
        "16 photos in a request, attributes": context.gateway("multipart", ATTRIBUTES, 4, photos_per_request=16),
        "16 photos in a request, everything": context.gateway("multipart", EVERYTHING, 4, photos_per_request=16),
        AGAIN: context.gateway("raw", EVERYTHING, SATURATION, distinct=False),
        NEW: context.gateway("raw", EVERYTHING, SATURATION),
    }
    measured = context.measure_in_turns(runs)
    rows = [[name, *summarise(rounds)] for name, rounds in measured.items()]
    cost = compare(measured[LARGE], measured[SMALL], "cpu")
    context.expect_at_most("12-megapixel photo, cost in 0.9-megapixel photos", LARGE_COST, cost)
    return (
        make_table(["gateway", *COLUMNS], rows)
        + f"\n\nA 12-megapixel photo costs {cost:.2f} times the processor time of one of 0.9 megapixels. "
        + f"A photo that was seen before is answered {compare(measured[AGAIN], measured[NEW]):.1f} times as fast as "
        + "a new one."
    )
