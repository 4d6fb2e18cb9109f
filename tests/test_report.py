"""`python -m report`: the page, its tables, and what it refuses. The datasets have known contents."""

import csv
import dataclasses
import io
import json
import re
import tarfile
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from report.__main__ import main
from report.sources import read_photo
from tests.pictures import encode, gradient
from tests.scored_runs import MODELS, make_columns, write_run

INSIDE = ("#", "data:image/jpeg;base64,", "data:image/svg+xml;base64,")
HOSTILE = '"\'><script>alert(1)</script><img src=http://evil.example/x>font: 1px id="a_1" #010101'


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"), make_columns(1200, 60, effect=8))


@pytest.fixture(scope="module")
def full(run, tmp_path_factory):
    """Folder of a report with everything."""
    other = write_run(tmp_path_factory.mktemp("other"), make_columns(1000, 60, effect=8, seed=1))
    out = tmp_path_factory.mktemp("report")
    flags = ["--by", "user", "--outcome", "likes", "--compare", str(other), "--thumbnails"]
    assert main([str(run), "--out", str(out), *flags]) == 0
    return out


class Page(HTMLParser):
    """What a page loads, its open elements, ids and text, and the `<data>` values by table."""

    VOID = frozenset({"meta", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.ids: list[str] = []
        self.text = ""
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.add(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.loads += [values[name] for name in ("src", "href", "xlink:href", "srcset", "data") if values.get(name)]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.table = self.tables.setdefault(values["id"].removeprefix("table-"), [])
        if tag == "tr":
            self.table.append([])
        if tag == "data":
            self.table[-1].append(values["value"])

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_data(self, data):
        self.text += data

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def read_page(folder) -> tuple[str, Page]:
    text = (folder / "report.html").read_text()
    return text, Page(text)


def read_csv(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_page_loads_nothing(full):
    text, page = read_page(full)
    assert page.open == []
    assert not page.tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    assert [
        load
        for load in page.loads
        if not load.startswith(("#", "data:image/jpeg;base64,", "data:image/svg+xml;base64,"))
    ] == []
    assert len(page.ids) == len(set(page.ids))
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []
    assert "default-src 'none'" in text


def test_every_number_of_a_table_is_in_its_csv_file(full):
    _, page = read_page(full)
    shown = {name: [value for row in rows for value in row] for name, rows in page.tables.items()}
    assert {"errors", "models", "shares", "outcome", "person_groups", "drift", "changed"} <= set(shown)
    for name, values in shown.items():
        rows = read_csv(full / f"{name}.csv")
        known = sorted(float(value) for row in rows for value in row.values() if is_number(value))
        assert sorted(map(float, values)) == [value for value in known if value in set(map(float, values))], name
        assert len(page.tables[name]) == len(rows) + 1, name


def is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text) is not None


def test_counts_are_those_of_the_dataset(full):
    text, _ = read_page(full)
    assert "1,200 photos were scored; 30 (2.5\u00a0%) gave an error" in text
    columns = make_columns(1200, 60, effect=8)
    (error,) = read_csv(full / "errors.csv")
    assert error == {
        "error": "picture: preprocess: cannot decode image",
        "photos": "30",
        "share": "0.025",
        "example": error["example"],
    }
    assert columns["error"][columns["source"].index(error["example"])]
    shares = {row["attribute"]: row for row in read_csv(full / "shares.csv")}
    for name in ("smiling", "sunglasses"):
        values = [value for value in columns[name] if value is not None]
        assert int(shares[name]["photos"]) == len(values)
        assert int(shares[name]["positive"]) == sum(value >= 0.5 for value in values)
    found = [each for objects in columns["objects"] if objects is not None for each in objects]
    objects = {row["label"]: int(row["boxes"]) for row in read_csv(full / "objects_labels.csv")}
    assert objects == {label: sum(each["label"] == label for each in found) for label in ("circle", "square")}
    words = {row["word"]: int(row["photos"]) for row in read_csv(full / "caption_words.csv")}
    captions = [caption for caption in columns["caption"] if caption is not None]
    assert words == {"person": len(captions), "sunglasses": sum("sunglasses" in caption for caption in captions)}
    persons = read_csv(full / "persons.csv")
    assert len(persons) == 60
    assert sum(int(row["photos"]) for row in persons) == 1170


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("source: No such file or directory", "source: No such file or directory"),
        ("source: [Errno 2] No such file: '/a/b.jpg'", "source: [Errno #] No such file"),
        ("source: cannot open: /a/7.jpg", "source: cannot open"),
        ("picture: image has 90000000 pixels, at most 50000000 are accepted", "picture: image has # pixels"),
        (
            "picture: cannot decode image: 7 bytes of an unknown kind, beginning with 62 72; accepted formats are JPEG",
            "picture: cannot decode image: # bytes of an unknown kind",
        ),
        ("", "unnamed error"),
    ],
)
def test_errors_that_differ_in_names_and_numbers_are_one_kind(tmp_path, error, kind):
    folder = write_run(tmp_path / "run", make_columns(4, 1, 0) | {"error": [error, error, None, None]})
    assert main([str(folder)]) == 0
    (row,) = read_csv(folder / "_report" / "errors.csv")
    assert (row["error"], row["photos"]) == (kind, "2")


def test_histograms_hold_every_photo(full):
    rows = read_csv(full / "probabilities.csv")
    for name in ("smiling", "sunglasses"):
        assert sum(int(row["photos"]) for row in rows if row["attribute"] == name) == 1170


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        ([], ["Persons", "Outcome", "Compared", "Examples"]),
        (["--by", "user"], ["Outcome", "Compared", "Examples"]),
        (["--outcome", "likes"], ["Persons", "Compared", "Examples"]),
    ],
)
def test_only_what_was_asked_for_is_on_the_page(run, tmp_path, flags, missing):
    assert main([str(run), "--out", str(tmp_path), *flags]) == 0
    text, page = read_page(tmp_path)
    assert page.open == []
    assert [word for word in missing if re.search(f"<h2[^>]*>{word}", text)] == []
    assert ("association, not cause" in text) == ("--outcome" in flags)
    assert "data:image/jpeg" not in text


def test_the_report_lies_in_the_dataset_unless_told_otherwise(tmp_path):
    folder = write_run(tmp_path / "run", make_columns(80, 5, 0))
    assert main([str(folder)]) == 0
    assert (folder / "_report" / "report.html").is_file()
    assert main([str(folder)]) == 0


def test_text_of_strangers_stays_text(tmp_path):
    columns = make_columns(200, 10, 0)
    columns["user"] = [HOSTILE + user for user in columns["user"]]
    columns["source"] = [HOSTILE] * 200
    columns["caption"] = [caption and HOSTILE for caption in columns["caption"]]
    columns["error"] = [error and f"picture: {HOSTILE}" for error in columns["error"]]
    columns["objects"] = [found and [each | {"label": HOSTILE} for each in found] for found in columns["objects"]]
    folder = write_run(tmp_path / "run", columns)
    assert main([str(folder), "--by", "user", "--thumbnails"]) == 0
    _, page = read_page(folder / "_report")
    assert page.open == []
    assert "script" not in page.tags
    assert [load for load in page.loads if not load.startswith(INSIDE)] == []
    assert page.text.count(HOSTILE) >= 2


def test_thumbnails_are_small_pictures_in_the_page(tmp_path):
    columns = make_columns(60, 5, 0)
    for number in range(40):
        (tmp_path / f"{number}.png").write_bytes(encode(gradient()))
    columns["source"] = [str(tmp_path / f"{number}.png") for number in range(60)]
    folder = write_run(tmp_path / "run", columns)
    assert main([str(folder), "--thumbnails"]) == 0
    text, _ = read_page(folder / "_report")
    assert text.count('src="data:image/jpeg;base64,') > 6
    assert "cannot be read" in text
    assert len(text) < 1_000_000


def test_thumbnails_of_photos_in_shards_and_tables(tmp_path):
    photo = encode(gradient())
    with tarfile.open(tmp_path / "shard.tar", "w") as shard:
        for number in range(3):
            member = tarfile.TarInfo(f"folder/{number}.png")
            member.size = len(photo)
            shard.addfile(member, io.BytesIO(photo))
    (tmp_path / "whole.png").write_bytes(photo)
    pq.write_table(pa.table({"photo": [photo] * 5}), tmp_path / "table.parquet", row_group_size=2)
    sources = ["shard.tar/folder/2.png", "whole.png", "table.parquet#4"]
    for source in sources:
        assert read_photo(str(tmp_path / source)) == photo
    with pytest.raises(IndexError):
        read_photo(str(tmp_path / "table.parquet#5"))
    with pytest.raises(KeyError):
        read_photo(str(tmp_path / "shard.tar/folder/3.png"))


def test_mixed_versions_are_reported(tmp_path):
    columns = make_columns(80, 5, 0)
    columns["models"] = columns["models"][:40] + [[("smiling", "2 ffff")]] * 40
    folder = write_run(tmp_path / "run", columns)
    assert main([str(folder)]) == 0
    assert "More than one version of smiling answered" in read_page(folder / "_report")[0]


def test_a_run_without_captions_objects_and_good_photos(tmp_path):
    columns = make_columns(50, 5, 0)
    columns["error"] = ["source: no such file"] * 50
    columns["smiling"] = [None] * 50
    folder = write_run(tmp_path / "run", columns, [MODELS[0]])
    assert main([str(folder)]) == 0
    text, _ = read_page(folder / "_report")
    assert "50 photos were scored; 50 (100\u00a0%) gave an error" in text
    assert "Words: caption" not in text


def refuse(arguments, capsys) -> str:
    assert main([*map(str, arguments)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("report: ")
    return lines[0]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--by", "nobody"], "--by nobody: no such column"),
        (["--outcome", "hearts"], "--outcome hearts: no such column"),
        (["--outcome", "user"], "--outcome user: holds text such as 'user"),
        (["--outcome", "objects"], "a column of numbers is needed"),
        (["--by", "objects"], "cannot name persons"),
        (["--compare", "/nowhere/at/all"], "holds no part-*.parquet"),
    ],
)
def test_wrong_flags_are_refused_in_one_line(run, tmp_path, capsys, flags, message):
    assert message in refuse([run, "--out", tmp_path, *flags], capsys)


def test_wrong_folders_are_refused_in_one_line(run, tmp_path, capsys):
    assert "holds no part-*.parquet" in refuse([tmp_path], capsys)
    assert "cannot read nosuch://" in refuse(["nosuch://bucket/run"], capsys)
    (tmp_path / "part-0.parquet").write_bytes(b"no parquet")
    assert "cannot read" in refuse([tmp_path], capsys)
    pq.write_table(pa.table({"source": ["a"], "error": ["b"]}), tmp_path / "part-0.parquet")
    assert "does not describe its models" in refuse([tmp_path], capsys)
    metadata = {"scoring": json.dumps({"models": {"smiling": MODELS[0].to_dict()}})}
    pq.write_table(
        pa.table({"source": ["a"]}, pa.schema([("source", pa.string())], metadata)), tmp_path / "part-0.parquet"
    )
    assert "lacks columns that `python -m scoring` writes: error, models, sha256, smiling" in refuse([tmp_path], capsys)
    captions = write_run(tmp_path / "captions", make_columns(20, 2, 0), [MODELS[2]])
    assert "has no classifier" in refuse([captions, "--by", "user"], capsys)
    smiles = write_run(tmp_path / "smiles", make_columns(20, 2, 0), [MODELS[0]])
    glasses = write_run(tmp_path / "glasses", make_columns(20, 2, 0), [MODELS[1]])
    assert "share no outputs" in refuse([smiles, "--compare", glasses], capsys)
    other = write_run(tmp_path / "other", make_columns(20, 2, 0), [dataclasses.replace(MODELS[0], positive="frowning")])
    assert "other has smiling (positive: frowning)" in refuse([smiles, "--compare", other], capsys)
    assert "cannot write to" in refuse([smiles, "--out", smiles / "part-000000.parquet"], capsys)


@pytest.mark.parametrize("flags", [["--threshold", "2"], ["--min-score", "x"], ["--threshold", "nan"]])
def test_fractions_are_checked(run, capsys, flags):
    assert f"{flags[0]} {flags[1]}: input should be" in refuse([run, *flags], capsys)


def test_a_damaged_part_is_refused_in_one_line(tmp_path, capsys):
    folder = write_run(tmp_path / "run", make_columns(3000, 5, 0))
    part = folder / "part-000001.parquet"
    data = bytearray(part.read_bytes())
    data[200:-4000] = bytes(np.zeros(len(data) - 4200, np.uint8))
    part.write_bytes(data)
    assert "cannot read" in refuse([folder], capsys)
