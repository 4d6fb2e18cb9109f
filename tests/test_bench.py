"""The measuring commands run and print their tables."""

import subprocess
import sys

import psutil
import pytest

from bench.context import Context
from bench.load import Measured, Plan
from bench.photos import write_photo
from bench.report import README, compare, show_verdicts, write_section
from bench.requests import cycle_photos, read_photos
from bench.sections import SECTIONS, noise, overload
from bench.sections.classifiers import write_repositories
from bench.sections.profile import count_innermost
from bench.service import SAMPLE, Service, start_service
from bench.variants import change_configs, copy_repositories, repository_options, write_idle_steps
from bench.work import WORKLOADS, read_config
from tests.conftest import ROOT


def run(module, *arguments):
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_the_gateway_adds():
    table = run("bench.gateway", "--rounds", "1", "--seconds", "0.3", "--saturation", "2")
    for way in ("grpc", "raw", "multipart"):
        rows = [line for line in table.splitlines() if line.startswith(f"| {way} |")]
        assert len(rows) == 2
        assert all(row.endswith("| 0 |") for row in rows)


def test_every_section_has_its_place_in_the_readme():
    text = README.read_text()
    for name in ("machine", "aims", *SECTIONS):
        assert f"<!-- bench {name} -->\n" in text
        assert f"<!-- end {name} -->" in text


def test_a_section_is_written_between_its_marks(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- bench limit -->\nold\n<!-- end limit -->\nafter\n")
    write_section("limit", "| new \\1 |", path)
    assert path.read_text() == "before\n<!-- bench limit -->\n| new \\1 |\n<!-- end limit -->\nafter\n"
    with pytest.raises(ValueError, match="no section start"):
        write_section("start", "", path)


def test_limit_and_service_take_turns(triton_url, tmp_path):
    service = Service(triton_url, "", psutil.Process())
    photo = str(write_photo(tmp_path / "photo.jpg", 320, 240))
    context = Context(service, (photo,), 2.0, 1)
    runs = {"limit": context.limit("attributes"), "gRPC": context.grpc("attributes", 1)}
    measured = context.measure_in_turns(runs)
    for rounds in measured.values():
        (each,) = rounds
        assert each.rate > 0
        assert each.p99 >= each.median > 0
        assert each.failed == 0
    assert compare(measured["gRPC"], measured["limit"]) > 0
    context.expect_at_least("rate", 0.5, 0.4)
    context.expect_at_most("p99", 0.5, 0.4)
    verdicts = show_verdicts(context.verdicts)
    assert "| rate | ≥ 0.5 | 0.40 | **no** |" in verdicts
    assert "| p99 | ≤ 0.5 | 0.40 | yes |" in verdicts


def test_noise_is_the_range_of_the_medians_of_a_comparison():
    one = [Measured(100, 1, 1, 0)] * 9
    other = [Measured(rate, 1, 1, 0) for rate in (50, 100, 110, 90, 20, 95, 120, 900, 110)]
    assert noise.find_range(one, other, "rate") == (0.9, 1.2)


def test_goodput_under_overload_is_of_the_peak_of_its_round():
    peak = [Measured(rate, 200, 400, 0) for rate in (100, 50)]
    over = [Measured(rate, 300, 900, 0, refused=100, refusal=2.0) for rate in (80, 45)]
    context = Context(Service("", "", psutil.Process()), (), 1.0, 2)
    overload.judge({"peak": peak, "over": over}, context)
    assert [(each.bound, each.value) for each in context.verdicts] == [("≥ 0.95", pytest.approx(0.85)), ("≤ 2400", 900)]
    rows = overload.tabulate({"peak": peak, "over": over}, 1.0).splitlines()
    assert rows[-1] == "| twice that rate, open loop | 62.5 | 900 | 0.62 | 2.00 | 0 |"
    assert "bound" not in overload.describe({"peak": peak, "over": over}, [])
    text = overload.describe(
        {"peak": peak, "over": over, "beside": peak}, [Measured(50, 2, 3, 0, cpu=1, client_cpu=0.4)]
    )
    assert "1.00 of the peak. Such an answer takes 1.0 ms of the server and 0.4 ms of its client" in text


def test_one_more_classifier_decodes_no_more(tmp_path):
    names = write_repositories(tmp_path, 3)
    config = read_config(tmp_path / "ensembles" / "analyze")
    steps = [step.model_name for step in config.ensemble_scheduling.step]
    assert steps == ["preprocess", *names]
    assert len(read_config(tmp_path / "ensembles" / "preprocess").output) == 2


def test_a_variant_changes_all_but_the_ensemble(tmp_path):
    copy_repositories(tmp_path)
    change_configs(tmp_path, lambda config: setattr(config.instance_group[0], "count", 5))
    configs = [read_config(path.parent) for path in tmp_path.glob("*/*/config.pbtxt")]
    assert {config.instance_group[0].count for config in configs if config.name != "analyze"} == {5}


def test_steps_that_compute_nothing_answer(tmp_path):
    write_idle_steps(tmp_path)
    with start_service("--no-gateway", *repository_options(tmp_path)) as service:
        context = Context(service, (str(SAMPLE),), 0.5, 1)
        for workload in WORKLOADS:
            measured = context.grpc(workload, 2, photos_per_request=2)()
            assert measured.rate > 0
            assert measured.failed == 0, measured.why


def test_samples_are_counted_by_their_innermost_function():
    text = "main (a.py:1);decode (lib/picture.py:20) 3\nmain (a.py:1);decode (lib/picture.py:21) 4\n"
    assert count_innermost(text) == {"`decode` (lib/picture.py)": 7}


def test_no_photo_is_sent_twice_not_even_by_the_next_measurement():
    plan, photos = Plan("raw", "", (), 1, 1.0), read_photos([str(SAMPLE)])
    clients = [cycle_photos(plan, photos, 0) for _ in range(2)]
    assert len({take() for take in clients for _ in range(3)}) == 6
