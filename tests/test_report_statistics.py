"""The report finds effects that are there and none where there is none; its intervals hold what they promise."""

import csv

import numpy as np
import pytest
from scipy import stats

from report.__main__ import main
from report.comparison import compare
from report.drift import STABLE, verdict
from report.outcome import ALL_NONE, PAIRED, WITH_WITHOUT
from report.statistics import (
    bootstrap,
    cliffs_delta,
    cluster_share,
    kolmogorov_smirnov,
    share,
    stability,
    stability_of_counts,
    wilson,
)
from tests.scored_runs import MODELS, make_columns, write_run


def report(folder, out, *flags) -> dict[str, list[dict[str, str]]]:
    assert main([str(folder), "--out", str(out), *flags]) == 0
    return {path.stem: list(csv.DictReader(path.open(newline=""))) for path in out.glob("*.csv")}


def differences(tables) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["attribute"], row["comparison"]): row for row in tables["outcome"]}


def interval(row, name="difference") -> tuple[float, float]:
    return float(row[f"{name}_low"]), float(row[f"{name}_high"])


@pytest.mark.parametrize("flags", [[], ["--by", "user"]])
def test_planted_effect_is_found_and_no_other(tmp_path, flags):
    folder = write_run(tmp_path / "run", make_columns(4000, 200, effect=-12))
    tables = report(folder, tmp_path / "out", "--outcome", "likes", *flags)
    rows = differences(tables)
    glasses, smiling = rows["sunglasses", WITH_WITHOUT], rows["smiling", WITH_WITHOUT]
    assert glasses["verdict"] == "lower"
    assert smiling["verdict"] == "no clear difference"
    low, high = interval(smiling)
    assert low < 0 < high
    if flags:
        same = rows["sunglasses", PAIRED]
        low, high = interval(same)
        assert low < -12 < high
        assert same["verdict"] == "lower"
        assert high - low < np.subtract(*interval(glasses)[::-1])
        assert rows["smiling", PAIRED]["verdict"] == "no clear difference"
        assert int(same["treatment_units"]) < 200
        assert float(same["effect"]) < -0.5
    assert "This is association, not cause" in (tmp_path / "out" / "report.html").read_text()


def test_persons_are_compared_by_all_and_none_of_their_photos(tmp_path):
    rng = np.random.default_rng(3)
    columns = make_columns(900, 90, effect=0)
    person = np.repeat(np.arange(90), 10)
    # A third of the persons always, a third never, a third in every second photo; only "always" costs likes.
    habit = np.select([person % 3 == 0, person % 3 == 1], [1.0, 0.0], default=np.arange(900) % 2)
    columns["user"] = [f"user {number}" for number in person]
    columns["error"] = [None] * 900
    columns["smiling"] = [0.2] * 900
    columns["sunglasses"] = (0.1 + 0.8 * habit).tolist()
    columns["likes"] = (50 - 20.0 * (person % 3 == 0) + rng.normal(0, 5, 900)).tolist()
    tables = report(write_run(tmp_path / "run", columns), tmp_path / "out", "--by", "user", "--outcome", "likes")
    groups = {(row["attribute"], row["in"]): int(row["persons"]) for row in tables["person_groups"]}
    assert [groups["sunglasses", each] for each in ("none", "some", "all")] == [30, 30, 30]
    assert [groups["smiling", each] for each in ("none", "some", "all")] == [90, 0, 0]
    means = {row["person"]: float(row["mean_outcome"]) for row in tables["persons"]}
    assert means["user 4"] == pytest.approx(np.mean(columns["likes"][40:50]))
    row = differences(tables)["sunglasses", ALL_NONE]
    low, high = interval(row)
    assert low < -20 < high
    assert (int(row["treatment_units"]), int(row["control_units"])) == (30, 30)
    assert float(row["effect"]) == -1
    assert differences(tables)["smiling", ALL_NONE]["verdict"] == "too few to compare"


def test_of_very_many_units_a_random_part_is_compared(tmp_path, monkeypatch):
    monkeypatch.setattr("report.outcome.MOST_UNITS", 500)
    folder = write_run(tmp_path / "run", make_columns(4000, 1500, effect=-12))
    for flags in ([], ["--by", "user"]):
        rows = differences(report(folder, tmp_path / "out", "--outcome", "likes", *flags))
        row = rows["sunglasses", WITH_WITHOUT]
        assert max(int(row["treatment_units"]), int(row["control_units"])) <= 500
        assert row["verdict"] == "lower"
        assert "a random 500 are compared" in (tmp_path / "out" / "report.html").read_text()


def test_outcomes_may_be_true_or_false(tmp_path):
    columns = make_columns(400, 20, 0)
    columns["likes"] = [bool((yes or 0) >= 0.5) for yes in columns["sunglasses"]]
    rows = differences(report(write_run(tmp_path / "run", columns), tmp_path / "out", "--outcome", "likes"))
    assert float(rows["sunglasses", WITH_WITHOUT]["difference"]) == 1
    assert float(rows["sunglasses", WITH_WITHOUT]["effect"]) == 1


def test_outcomes_may_be_text_that_spells_numbers(tmp_path):
    columns = make_columns(400, 20, 0)
    by_number = differences(report(write_run(tmp_path / "run", columns), tmp_path / "out", "--outcome", "likes"))
    columns["likes"] = [f" {likes}" for likes in columns["likes"]]
    by_text = differences(report(write_run(tmp_path / "text", columns), tmp_path / "out", "--outcome", "likes"))
    assert by_text == by_number
    columns["likes"] = [
        ["", "nan"][number % 2] if number < 50 else text for number, text in enumerate(columns["likes"])
    ]
    gaps = differences(report(write_run(tmp_path / "gaps", columns), tmp_path / "out", "--outcome", "likes"))
    missing = sum(columns["error"][number] is None for number in range(50))
    row, whole = gaps["smiling", WITH_WITHOUT], by_number["smiling", WITH_WITHOUT]
    units = [int(each["treatment_units"]) + int(each["control_units"]) for each in (whole, row)]
    assert units[0] - units[1] == missing


def test_null_effects_look_clear_about_as_often_as_promised():
    rng = np.random.default_rng(5)
    clear = 0
    for _ in range(100):
        popularity = rng.normal(0, 20, 80)
        first, second = (popularity + rng.normal(0, 5, 80) for _ in range(2))
        first[:20], second[-20:] = np.nan, np.nan
        _, low, high = compare(first, second).difference
        clear += not low <= 0 <= high
    assert clear <= 12


def test_bootstrap_intervals_contain_the_truth():
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(100):
        sample = rng.exponential(10, 100)
        ((_, low, high),) = bootstrap(lambda values, axis=-1: np.stack([values.mean(axis)]), sample)
        hits += low <= 10 <= high
    assert 86 <= hits <= 99


def test_bootstrap_draws_what_scipy_draws(monkeypatch):
    monkeypatch.setattr("report.statistics.DRAWS_AT_ONCE", 7000)  # batches that do not come out even
    first, second = np.random.default_rng(8).exponential(10, (2, 90))
    (found,) = bootstrap(share, first, second)
    options = {"vectorized": True, "paired": True, "method": "percentile", "n_resamples": 2000, "batch": 77}
    expected = stats.bootstrap((first, second), share, rng=np.random.default_rng(0), **options).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low[0], expected.high[0]))


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_group_that_some_resamples_lack_is_compared_without_a_warning():
    few, many = np.arange(5.0), np.arange(20.0)
    comparison = compare(*apart(few, many))
    assert np.isfinite(comparison.difference).all()


def test_too_few_units_get_no_interval():
    few, many = np.array([1.0, 2.0, 3.0]), np.arange(50.0)
    comparison = compare(*apart(few, many))
    assert comparison.difference.estimate == 2 - 24.5
    assert np.isnan(comparison.difference.low)
    assert np.isnan(comparison.treatment_mean.low)
    assert comparison.control_mean.low < 24.5 < comparison.control_mean.high
    assert np.isnan(compare(*apart(np.array([]), many)).difference).all()


def apart(treatment, control):
    """Two groups of different units."""
    return np.append(treatment, np.full(len(control), np.nan)), np.append(np.full(len(treatment), np.nan), control)


def test_wilson_interval_is_the_published_one():
    # Newcombe 1998, table I, method 3: 81 of 263, and 0 of 20.
    assert np.round(wilson(81, 263), 4).tolist() == [0.3080, 0.2553, 0.3662]
    assert np.round(wilson(0, 20), 4).tolist() == [0.0, 0.0, 0.1611]
    assert np.isnan(wilson(0, 0)).all()


def test_photos_of_one_person_widen_the_interval():
    rng = np.random.default_rng(1)
    photos = np.full(50, 40.0)
    alike = np.where(rng.random(50) < 0.5, photos, 0)
    _, low, high = cluster_share(alike, photos)
    narrow = wilson(int(alike.sum()), 2000)
    assert high - low > 4 * (narrow.high - narrow.low)
    assert low < 0.5 < high


def test_cliffs_delta_is_what_counting_pairs_gives():
    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 6, 40).astype(float), rng.integers(1, 8, 30).astype(float)
    pairs = np.sign(first[:, None] - second[None, :]).mean()
    assert cliffs_delta(first, second) == pytest.approx(pairs)


def test_distances_between_distributions():
    rng = np.random.default_rng(4)
    before, same, moved = rng.normal(0, 1, 5000), rng.normal(0, 1, 5000), rng.normal(1, 1, 5000)
    assert stability(before, same).psi < 0.02
    assert stability(before, moved).psi > 0.25
    assert stability(before, before).psi == 0
    assert stability(np.zeros(10), np.ones(10)).psi > 0.25
    assert kolmogorov_smirnov(before, before) == 0
    some, others = np.round(before[:400], 1), np.round(moved[:300], 1)
    assert kolmogorov_smirnov(some, others) == pytest.approx(stats.ks_2samp(some, others).statistic)
    # Two unit normals one apart: 2 Φ(1/2) − 1.
    assert kolmogorov_smirnov(before, moved) == pytest.approx(0.3829, abs=0.03)
    # (0.2 − 0.5) ln(0.2 / 0.5) + (0.8 − 0.5) ln(0.8 / 0.5)
    counts = np.array([500_000, 500_000]), np.array([200_000, 800_000])
    assert stability_of_counts(*counts, (1, 1)).psi == pytest.approx(0.4159, abs=0.001)


def test_few_photos_drift_by_chance():
    rng = np.random.default_rng(6)
    pairs = [stability(rng.normal(0, 1, 60), rng.normal(0, 1, 60)) for _ in range(200)]
    assert sum(moved.psi > STABLE for moved in pairs) > 100
    assert sum(moved.psi > moved.chance for moved in pairs) < 24
    assert verdict(stability(rng.normal(0, 1, 60), rng.normal(3, 1, 60))) == "shifted"


def test_the_same_run_has_no_drift(tmp_path):
    folder = write_run(tmp_path / "run", make_columns(600, 30, 0))
    tables = report(folder, tmp_path / "out", "--compare", str(folder))
    assert {row["verdict"] for row in tables["drift"]} == {"stable"}
    assert {float(row["psi"]) for row in tables["drift"]} == {0}
    assert {int(row["changed"]) for row in tables["changed"]} == {0}
    assert "No output drifted against the other run." in (tmp_path / "out" / "report.html").read_text()


def test_a_new_version_is_judged_on_the_same_photos(tmp_path):
    before, after = make_columns(600, 30, 0), make_columns(600, 30, 0)
    good = [number for number in range(600) if before["error"][number] is None]
    to_positive = [number for number in good if before["smiling"][number] < 0.5][:120]
    to_negative = [number for number in good if before["smiling"][number] >= 0.5][:7]
    for number in [*to_positive, *to_negative]:
        after["smiling"][number] = 1 - before["smiling"][number]
    after["caption"] = [caption and caption + "!" for caption in after["caption"]]
    # Other order, one photo twice and some photos missing: photos are matched by content.
    order = [*range(599, 9, -1), 20]
    after = {name: [values[number] for number in order] for name, values in after.items()}
    versions = [model if model.name != "smiling" else with_version(model, "2") for model in MODELS]
    old = write_run(tmp_path / "old", before)
    new = write_run(tmp_path / "new", after, versions)
    tables = report(new, tmp_path / "out", "--compare", str(old))
    moved = [number for number in to_positive if number > 9], [number for number in to_negative if number > 9]
    changed = {row["output"]: row for row in tables["changed"]}
    row = changed["smiling"]
    assert (int(row["up"]), int(row["down"])) == (len(moved[0]), len(moved[1]))
    assert int(row["photos"]) == len([number for number in good if number > 9])
    assert float(row["direction_p"]) < 1e-6
    assert int(changed["sunglasses"]["changed"]) == 0
    assert float(changed["caption (other text)"]["share"]) == 1
    drift = {row["output"]: row["verdict"] for row in tables["drift"]}
    assert drift["smiling"] != "stable"
    assert drift["sunglasses"] == "stable"
    assert {row["model"]: row["same"] for row in tables["versions"]}["smiling"] == "no"


def with_version(model, version):
    return type(model)(**(vars(model) | {"version": version}))


def test_runs_without_a_photo_in_common(tmp_path):
    columns = make_columns(100, 10, 0)
    old = write_run(tmp_path / "old", columns)
    new = write_run(tmp_path / "new", columns | {"sha256": [f"{number + 1000:064x}" for number in range(100)]})
    tables = report(new, tmp_path / "out", "--compare", str(old))
    assert "changed" not in tables
    assert "No photo is in both runs" in (tmp_path / "out" / "report.html").read_text()


def test_missing_outcomes_and_persons_are_left_out_and_reported(tmp_path):
    columns = make_columns(400, 20, 0)
    columns["likes"] = [None if number < 50 else value for number, value in enumerate(columns["likes"])]
    columns["user"] = [None if number >= 370 else user for number, user in enumerate(columns["user"])]
    folder = write_run(tmp_path / "run", columns)
    tables = report(folder, tmp_path / "out", "--by", "user", "--outcome", "likes")
    text = (tmp_path / "out" / "report.html").read_text()
    good = [number for number in range(400) if columns["error"][number] is None]
    assert f"{len([number for number in good if number < 50])} photos have no likes" in text
    assert f"{len([number for number in good if number >= 370])} photos name no person" in text
    assert sum(int(row["photos"]) for row in tables["persons"]) == len([number for number in good if number < 370])
    photos = differences(report(folder, tmp_path / "by photo", "--outcome", "likes"))["smiling", WITH_WITHOUT]
    units = int(photos["treatment_units"]) + int(photos["control_units"])
    assert units == len([number for number in good if number >= 50])
