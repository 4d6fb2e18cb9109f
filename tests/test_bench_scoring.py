"""What the sections of bulk scoring measure with, against the running server."""

from bench.bulk import BROKEN_EVERY, run_bulk, write_photos
from bench.scale import describe_scale, measure_steps


def test_killed_run_is_complete_and_measured(triton_url, tmp_path):
    count = BROKEN_EVERY // 2 + 10
    folder = write_photos(tmp_path / "photos", count)
    bulk = run_bulk(folder, tmp_path / "out", triton_url, ["smiling"], kills=2)
    assert (bulk.photos, bulk.rows, bulk.sources, bulk.broken, bulk.failed) == (count, count, count, 1, 0)
    assert 0 < bulk.peak < 300e6
    tables = describe_scale({"attributes": bulk}, {"attributes": 0.01}, 100_000, measure_steps(triton_url, count // 2))
    assert "| a million photos an hour, attributes |" in tables
    assert "| preprocess |" in tables
