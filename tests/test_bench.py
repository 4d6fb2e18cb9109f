"""The measuring commands run and print their tables."""

import re
from functools import partial
from pathlib import Path

import psutil
import pytest

from bench.client import Plan, cycle_photos, read_photos
from bench.context import Context
from bench.load import Measured
from bench.photos import write_faces, write_photo
from bench.report import README, SCORING_README, compare, show_verdicts, write_section
from bench.sections import BULK, SERVICE, overload
from bench.sections import compare as compare_section
from bench.sections.classifiers import write_repositories
from bench.service import SAMPLE, Service, start_service
from bench.variants import change_configs, copy_repositories, repository_options, write_idle_steps
from bench.work import WORKLOADS, read_config
from tests.conftest import ROOT


def test_every_section_has_its_place_in_the_readme():
    for path, names in ((README, ["machine", "aims", *SERVICE]), (SCORING_README, BULK)):
        text = path.read_text()
        for name in names:
            assert f"<!-- bench {name} -->\n" in text
            assert f"<!-- end {name} -->" in text


def test_nobody_but_the_contract_spells_the_name_of_an_output():
    for path in (ROOT / "bench").rglob("*.py"):
        assert not re.search(
            r"DETECTION_|CAPTION\b|CAPTION_|IMAGE_SIZE", path.read_text().replace("Task.CAPTION", "")
        ), path


def test_a_section_is_written_between_its_marks(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- bench limit -->\nold\n<!-- end limit -->\nafter\n")
    write_section("limit", "| new \\1 |", path)
    assert path.read_text() == "before\n<!-- bench limit -->\n| new \\1 |\n<!-- end limit -->\nafter\n"
    with pytest.raises(ValueError, match="no section start"):
        write_section("start", "", path)


def test_faces_of_a_made_photo_are_found(analyze, tmp_path):
    for count in (0, 1, 8):
        row = analyze(write_faces(tmp_path / "faces.jpg", count).read_bytes(), outputs=["faces_scores"])
        assert (row["faces_scores"] >= 0.5).sum() == count


def test_limit_and_service_take_turns(triton_url, tmp_path):
    service = Service(triton_url, "", psutil.Process())
    photo = str(write_photo(tmp_path / "photo.jpg", 320, 240))
    context = Context(service, tmp_path, (photo,), 2.0, 1)
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


def test_every_other_round_goes_the_other_way():
    order = []
    context = Context(Service("", "", psutil.Process()), Path(), (), 1.0, 3)

    def run(name):
        order.append(name)
        return Measured(1, 1, 1, 0)

    context.measure_in_turns({name: partial(run, name) for name in "ab"})
    assert order == ["a", "b", "b", "a", "a", "b"]


def test_two_services_are_asked_for_the_networks_that_both_have():
    old = {
        "smiling": {"task": "classification", "checksum": "1", "outputs": ["smiling"]},
        "things": {"task": "detection", "checksum": "2", "outputs": ["BOXES"]},
        "faces": {"task": "detection", "checksum": "3"},
    }
    card = {"version": "1", "geometry": {}}
    new = {
        name: card | {"task": old[name]["task"], "checksum": old[name]["checksum"]} for name in ("smiling", "things")
    }
    new["faces"] = old["faces"] | {"checksum": "4"}
    assert compare_section.choose_models("everything", old, new) == ["smiling", "things"]
    assert compare_section.choose_models("attributes", old, new) == ["smiling"]
    assert compare_section.list_model_outputs("things", old["things"]) == ["BOXES"]
    assert list(compare_section.list_model_outputs("things", new["things"])) == [
        "things_boxes",
        "things_scores",
        "things_labels",
    ]
    with pytest.raises(ValueError, match="no network in common"):
        compare_section.choose_models("attributes", old, {})


def test_goodput_under_overload_is_of_the_peak_of_its_round():
    peak = [Measured(rate, 200, 400, 0) for rate in (100, 50)]
    over = [Measured(rate, 300, 900, 0, refused=100, refusal=2.0) for rate in (80, 45)]
    context = Context(Service("", "", psutil.Process()), Path(), (), 1.0, 2)
    overload.judge({"peak": peak, "over": over}, context)
    assert [(each.bound, each.value) for each in context.verdicts] == [("≥ 0.9", pytest.approx(0.85)), ("≤ 2400", 900)]
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
        context = Context(service, tmp_path, (str(SAMPLE),), 0.5, 1)
        for workload in WORKLOADS:
            measured = context.grpc(workload, 2, photos_per_request=2)()
            assert measured.rate > 0
            assert measured.failed == 0, measured.why


def test_no_photo_is_sent_twice_not_even_by_the_next_measurement():
    plan, photos = Plan("raw", "", (), 1, 1.0), read_photos([str(SAMPLE)])
    clients = [cycle_photos(plan, photos, 0) for _ in range(2)]
    assert len({take()[0] for take in clients for _ in range(3)}) == 6
