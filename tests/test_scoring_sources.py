"""What the sources of bulk scoring hold, row by row, without a service: tables, shards, folders, names."""

import bz2
import gzip
import io
import lzma
import os
import re
import socket
import tarfile
from collections import Counter

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from scoring.errors import UsageError
from scoring.photos import Unreadable
from scoring.signatures import is_picture
from scoring.sources import Sources
from scoring.storage import find_local_path
from scoring.tables import Table
from tests.scored import add_member, make_photo


def read(*names, column=None):
    """Sources, photos and carried columns."""
    sources = Sources(tuple(map(str, names)), column)
    carried = sources.check()
    rows = list(sources.rows(carried))
    table = pa.concat_tables([each.carried for each in rows])
    return sources, [photo for each in rows for photo in each.photos], table


def content(photo):
    try:
        return photo.read()
    except Unreadable as error:
        return str(error)


def write_csv(folder, text, encoding="utf-8"):
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path,zip\na.jpg,01010\n", {"zip": ["01010"]}),
        ("path,id\na.jpg,12345678901234567890\nb.jpg,12345678901234567891\n",
         {"id": ["12345678901234567890", "12345678901234567891"]}),
        ("path,day,share,ok\na.jpg,2024-05-01,0.50,true\n", {"day": ["2024-05-01"], "share": ["0.50"], "ok": ["true"]}),
        ("path,note\na.jpg,\nb.jpg,NA\nc.jpg,null\n", {"note": ["", "NA", "null"]}),
        ("\ufeffpath,likes\na.jpg,5\n", {"likes": ["5"]}),
        ('path,text\r\n"a.jpg","said ""hi"", ok"\r\n', {"text": ['said "hi", ok']}),
        ('path,text\na.jpg,"one\n\ntwo"\n\nb.jpg,plain\n', {"text": ["one\n\ntwo", "plain"]}),
        (",path\n0,a.jpg\n", {"": ["0"]}),
        ("path,name\na.jpg,Müller 猫\n", {"name": ["Müller 猫"]}),
        ("path\na.jpg\n", {}),
    ],
)  # fmt: skip
def test_csv_columns_are_carried_as_text(tmp_path, text, expected):
    _, photos, carried = read(write_csv(tmp_path, text))
    assert carried.to_pydict() == expected
    assert photos[0].source == str(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("early", "late"), [("", "hello"), ("12", "1.2k"), ("12", "12.5"), ("2024-01-01", "yesterday"), ("true", "7")]
)
def test_csv_column_that_changes_its_kind_late(tmp_path, early, late):
    rows, padding = 50_000, "x" * 100
    lines = [f"p.jpg,{early if number < rows - 10 else late},{padding}" for number in range(rows)]
    _, photos, carried = read(write_csv(tmp_path, "\n".join(["path,what,pad", *lines])))
    assert len(photos) == rows
    assert Counter(carried["what"].to_pylist()) == {early: rows - 10, late: 10}


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        ("path,author\na.jpg,Kim\nb.jpg,Müller\n", "latin-1", "line 3: this is not UTF-8; save the table as UTF-8"),
        ("path,likes\na.jpg,5\n", "utf-16", "is UTF-16; save it as UTF-8"),
        ("path;likes\na.jpg;5\n", "utf-8", "has semicolons between its values; save it with commas"),
        ("path\tlikes\na.jpg\t5\n", "utf-8", "has tabs between"),
        ("path|likes\na.jpg|5\n", "utf-8", "has bars between"),
        ("id,path,id\n1,a.jpg,2\n", "utf-8", "has several columns 'id'"),
        ("path,text\na.jpg,hello, world\n", "utf-8", "line 2: 3 values for 2 columns"),
        ('path,text\na.jpg,"open\n', "utf-8", "unexpected end of data"),
        ("path,likes\n", "utf-8", "a header, but no row"),
        ("", "utf-8", "is empty"),
        ("path,likes\na.jpg,5\n", "utf-16-le", "is UTF-16LE; save it as UTF-8, as `iconv -f UTF-16LE -t UTF-8` does"),
        ("path,likes\na.jpg,5\n", "utf-16-be", "is UTF-16BE; save"),
        ("猫,path\n1,a.jpg\n", "utf-16-be", "has zero bytes in its header, so it is no CSV in UTF-8"),
        ("path,likes\na.jpg,5\n", "utf-32", "is UTF-32; save it as UTF-8, as `iconv -f UTF-32 -t UTF-8` does"),
        ("path,likes\na.jpg,5\n", "utf-32-le", "is UTF-32LE; save"),
        ("path,likes\na.jpg,5\n", "utf-32-be", "is UTF-32BE; save"),
        ("path;price, eur\na.jpg;3,50\n", "utf-8", "if semicolons stand between the values, save it with commas"),
        (" path , likes\na.jpg,5\n", "utf-8", "there are ' path ' (string), ' likes' (string)"),
    ],
)
def test_csv_that_is_refused(tmp_path, text, encoding, message):
    with pytest.raises(UsageError) as caught:
        read(write_csv(tmp_path, text, encoding))
    assert message in str(caught.value)


COMPRESSED = [
    (gzip.compress, "gzip (gunzip unpacks it)"),
    (bz2.compress, "bzip2 (bunzip2 unpacks it)"),
    (lzma.compress, "xz (unxz unpacks it)"),
    (lambda content: pa.Codec("zstd").compress(content, asbytes=True), "zstd (unzstd unpacks it)"),
    (lambda content: b"PK\x03\x04" + content, "zip (unzip unpacks it)"),
]


@pytest.mark.parametrize(("compress", "name"), COMPRESSED)
def test_compressed_files_under_plain_names_say_so(tmp_path, compress, name):
    (tmp_path / "table.csv").write_bytes(compress(b"path,likes\na.jpg,5\n"))
    with pytest.raises(UsageError, match=re.escape(f"is compressed by {name}; a .csv file is plain text")):
        read(tmp_path / "table.csv")
    shard = write_tar(tmp_path / "shard.tar", [("a.jpg", b"A")])
    shard.write_bytes(compress(shard.read_bytes()))
    (row,) = read(shard)[1]
    assert content(row) == f"the shard is compressed by {name}; only an uncompressed .tar can be read"


def test_column_without_a_name_can_be_chosen(tmp_path):
    path = write_csv(tmp_path, ",path\nb.jpg,a.jpg\n")
    assert read(path, column="")[1][0].source == str(tmp_path / "b.jpg")


def test_csv_that_breaks_late_keeps_the_rows_before(tmp_path):
    path = write_csv(tmp_path, "path,note\n" + "a.jpg,x\n" * 5000 + "a.jpg,x,y\n")
    sources = Sources((str(path),))
    rows = sources.rows(sources.check())
    assert sum(len(next(rows).photos) for _ in range(5)) == 5000
    with pytest.raises(UsageError, match=r"line 5,002: 3 values .* the same command goes on"):
        next(rows)


NAMES = ["a.jpg", "b.jpg", None]
FILES = [b"first", b"second", None]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("path", pa.array(NAMES), b"A"),
        ("path", pa.array(NAMES, pa.large_string()), b"A"),
        ("path", pa.array(NAMES, pa.string_view()), b"A"),
        ("path", pa.array(NAMES).dictionary_encode(), b"A"),
        ("photo", pa.array(FILES), b"first"),
        ("photo", pa.array(FILES, pa.large_binary()), b"first"),
        ("photo", pa.array(FILES, pa.binary_view()), b"first"),
        ("photo", pa.array(FILES).dictionary_encode(), b"first"),
        ("image", pa.array([{"bytes": each, "path": name} for each, name in zip(FILES, NAMES, strict=True)]), b"first"),
        ("image", pa.array([{"bytes": None, "path": "a.jpg"}] * 3,
                           pa.struct([("bytes", pa.binary()), ("path", pa.string())])), b"A"),
    ],
)  # fmt: skip
def test_parquet_photo_columns(tmp_path, name, values, expected):
    (tmp_path / "a.jpg").write_bytes(b"A")
    table = pa.table({name: values, "md5": pa.array([b"\1" * 16] * 3, pa.binary(16)), "likes": [1, 2, 3]})
    parquet.write_table(table, tmp_path / "table.parquet", row_group_size=2)
    _, photos, carried = read(tmp_path / "table.parquet")
    assert content(photos[0]) == expected
    assert carried["likes"].to_pylist() == [1, 2, 3]
    assert carried.schema.field("md5").type == pa.binary(16)


MD5 = [b"\1" * 16, None, b"\xfe" * 16]
PICTURES = [None, make_photo(0), b"broken"]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
@pytest.mark.parametrize(
    ("columns", "photo"),
    [
        ({"path": NAMES, "md5": MD5}, "path"),
        ({"path": NAMES, "md5": [None] * 3}, "path"),
        ({"path": NAMES, "image": MD5}, "path"),
        ({"path": NAMES, "pixels": PICTURES}, "pixels"),
        ({"path": [1, 2, 3], "photo": FILES}, "photo"),
        ({"name": NAMES, "pixels": PICTURES}, "pixels"),
        ({"name": NAMES, "md5": MD5}, None),
    ],
)
def test_digests_are_not_taken_for_photos(tmp_path, columns, photo, kind):
    arrays = [pa.array(values, kind if name in ("md5", "image", "pixels", "photo") else None)
              for name, values in columns.items()]  # fmt: skip
    parquet.write_table(pa.table(arrays, list(columns)), tmp_path / "table.parquet")
    table = Table(str(tmp_path / "table.parquet"))
    if photo is not None:
        assert table.photo.name == photo
        return
    with pytest.raises(UsageError, match="name the column of paths or bytes with --column"):
        table.photo  # noqa: B018


@pytest.mark.parametrize(
    ("container", "options"),
    [(name, {}) for name in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "MPO", "AVIF")]
    + [("TIFF", {"big_tiff": True}), ("JPEG2000", {"no_jp2": True})],
)
def test_pictures_by_their_first_bytes(container, options):
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, container, **options)
    assert is_picture(file.getvalue())


def test_partition_columns_are_carried_as_text(tmp_path):
    for day in ("01", "02", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / "parts.parquet" / f"day={day}" / "city=S%C3%A3o%20Paulo"
        folder.mkdir(parents=True)
        parquet.write_table(pa.table({"path": ["a.jpg"]}), folder / "a.parquet")
    (tmp_path / "parts.parquet" / "_SUCCESS").touch()
    sources, photos, carried = read(tmp_path / "parts.parquet")
    assert carried.to_pydict() == {"day": ["01", "02", None], "city": ["São Paulo"] * 3}
    assert sources.describe_left_out() == "; left out: 1 × no photo or table by its name"
    assert len(photos) == 3


def test_tables_of_other_kinds_of_one_column(tmp_path):
    for number, kind in enumerate((pa.int32(), pa.int64(), pa.null())):
        table = pa.table({"path": ["a.jpg"], "likes": pa.array([None], kind)})
        parquet.write_table(table, tmp_path / f"{number}.parquet")
    assert read(tmp_path / "*.parquet")[2].schema.field("likes").type == pa.int64()
    parquet.write_table(pa.table({"path": ["a.jpg"], "likes": ["many"]}), tmp_path / "4.parquet")
    with pytest.raises(UsageError, match=r"/4\.parquet has a column of another type .*likes"):
        read(tmp_path / "*.parquet")


def test_categories_of_one_table_are_text_in_another(tmp_path):
    for number, values in enumerate((pa.array(["day"]), pa.array(["night"]).dictionary_encode(), pa.nulls(1))):
        parquet.write_table(pa.table({"path": ["a.jpg"], "time": values}), tmp_path / f"{number}.parquet")
    assert read(tmp_path / "*.parquet")[2]["time"].to_pylist() == ["day", "night", None]


@pytest.mark.parametrize("form", ["{}", "file://{}", "file:{}", "file://localhost{}"])
def test_file_uris(tmp_path, form):
    folder = tmp_path / "with blank"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"A")
    (folder / "100%25.jpg").write_bytes(b"B")
    source = form.format(folder)
    assert [content(photo) for photo in read(source)[1]] == [b"B", b"A"]
    assert find_local_path(source.replace(" ", "%20") if "file" in form else source) == str(folder)
    assert content(read(write_csv(tmp_path, f"path\n{source}/a.jpg\n"))[1][0]) == b"A"


def write_tar(path, members, layout=tarfile.GNU_FORMAT):
    with tarfile.open(path, "w", format=layout, encoding="utf-8", errors="surrogateescape") as tar:
        for name, value in members:
            if isinstance(value, bytes):
                add_member(tar, name, value)
                continue
            member = tarfile.TarInfo(name)
            member.type, member.linkname = value
            tar.addfile(member)
    return path


LONG = "/".join(["folder-" + "x" * 90] * 4) + "/猫.jpg"
LEFT_OUT = ("._a.jpg", "d/._b.jpg", ".git/c.jpg", "a.json", "blobs/1", "dirlink", "again", "loop")
HARD, SYMBOLIC = tarfile.LNKTYPE, tarfile.SYMTYPE


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([("d", (tarfile.DIRTYPE, "")), ("d/a.jpg", b"A")], {"d/a.jpg": b"A"}),
        ([("d/a.jpg", b"A"), ("b.jpg", (HARD, "d/a.jpg"))], {"d/a.jpg": b"A", "b.jpg": b"A"}),
        ([("d/a.jpg", b"A"), ("d/b.jpg", (SYMBOLIC, "a.jpg")), ("c.jpg", (SYMBOLIC, "./d/../d/b.jpg"))],
         {"d/a.jpg": b"A", "d/b.jpg": b"A", "c.jpg": b"A"}),
        ([("z.jpg", (SYMBOLIC, "blobs/1")), ("a.jpg", b"A"), ("blobs/1", b"B")], {"a.jpg": b"A", "z.jpg": b"B"}),
        ([("a.jpg", (SYMBOLIC, "b.jpg")), ("b.jpg", (SYMBOLIC, "a.jpg")), ("c.jpg", (SYMBOLIC, "/gone.jpg"))],
         dict.fromkeys(["a.jpg", "b.jpg", "c.jpg"], "it links to what the shard does not hold")),
        ([("./a.jpg", b"A"), ("._a.jpg", b"x"), ("d/._b.jpg", b"x"), (".git/c.jpg", b"x"), ("a.json", b"{}")],
         {"./a.jpg": b"A"}),
        ([(LONG, b"A"), ("b.jpg", (HARD, LONG))], {LONG: b"A", "b.jpg": b"A"}),
        ([("sub/c.jpg", b"C"), ("dirlink", (SYMBOLIC, "sub")), ("viadir.jpg", (SYMBOLIC, "dirlink/c.jpg")),
          ("d/up.jpg", (SYMBOLIC, "../again/c.jpg")), ("again", (SYMBOLIC, "dirlink"))],
         dict.fromkeys(["sub/c.jpg", "viadir.jpg", "d/up.jpg"], b"C")),
        ([("loop", (SYMBOLIC, "loop/loop")), ("a.jpg", (SYMBOLIC, "loop/a.jpg"))],
         {"a.jpg": "it links to what the shard does not hold"}),
        ([("pipe.jpg", (tarfile.FIFOTYPE, ""))], {"pipe.jpg": "it is no regular file, or a sparse one"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("layout", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_members(tmp_path, members, expected, layout):
    shard = write_tar(tmp_path / "shard.tar", members, layout)
    sources, photos, _ = read(shard)
    assert {photo.source.removeprefix(f"{shard}/"): content(photo) for photo in photos} == expected
    assert len(photos) == len(expected)
    assert sum(sources.left_out.values()) == sum(name in LEFT_OUT for name, _ in members)


@pytest.mark.parametrize(
    ("members", "why"),
    [([], "there is no photo in it"),
     ([("a.json", b"{}")], "there is no photo in it; left out: 1 × no photo or table by its name")],
)  # fmt: skip
def test_tar_without_photos(tmp_path, members, why):
    shard = write_tar(tmp_path / "shard.tar", members)
    with pytest.raises(UsageError) as caught:
        read(shard)
    assert str(caught.value) == f"{shard}: {why}"


def test_tars_joined_by_cat(tmp_path):
    parts = [write_tar(tmp_path / f"{name}.tar", [(f"{name}.jpg", name.encode())]) for name in "abc"]
    whole = tmp_path / "whole.tar"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert [content(photo) for photo in read(whole)[1]] == [b"a", b"b", b"c"]


@pytest.mark.parametrize("damage", [lambda file: file[:700], lambda file: file[:1024] + b"x" * 512 + file[1536:]])
def test_tar_that_breaks_off_says_so(tmp_path, damage):
    shard = write_tar(tmp_path / "shard.tar", [("a.jpg", b"A"), ("b.jpg", b"B"), ("c.jpg", b"C")])
    shard.write_bytes(damage(shard.read_bytes()))
    last = read(shard)[1][-1]
    assert last.source == str(shard)
    assert "the shard cannot be read from here on" in content(last)


def test_names_that_are_no_utf8_stay_apart(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in (b"\xe4.jpg", b"\xf6.jpg"):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(name)
    shard = io.BytesIO()
    with tarfile.open(fileobj=shard, mode="w") as tar:
        for name in ("\udce4.jpg", "\udcf6.jpg"):
            add_member(tar, name, name.encode(errors="surrogateescape"))
    (tmp_path / "shard.tar").write_bytes(shard.getvalue())
    for source in (folder, tmp_path / "shard.tar"):
        assert [photo.read() for photo in read(source)[1]] == [b"\xe4.jpg", b"\xf6.jpg"]


def test_what_a_folder_leaves_out_is_counted(tmp_path):
    for name in ("a.jpg", "._a.jpg", ".hidden/b.jpg", "notes.txt", "sub/c.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "in" / "sub")
    sources, photos, _ = read(tmp_path / "in")
    assert len(photos) == 2
    assert sources.describe_left_out() == (
        "; left out: 2 × hidden, 1 × link to a folder, 1 × no photo or table by its name"
    )


def make_special_files(folder):
    """A pipe and a socket with photos' names, and links to a device, in a circle, and to nothing."""
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket.jpg"))
    (folder / "device.jpg").symlink_to("/dev/zero")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "a.jpg").write_bytes(b"A")


@pytest.mark.parametrize("source", [".", "odd", "odd/*.jpg", "**/*.jpg"])
def test_special_files_do_not_stop_a_folder(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd").mkdir()
    make_special_files(tmp_path / "odd")
    sources, photos, _ = read(source)
    assert {os.path.basename(photo.source): content(photo) for photo in photos} == {
        "a.jpg": b"A",
        "gone.jpg": "No such file or directory",
        "loop.jpg": "Too many levels of symbolic links",
    }
    assert sources.describe_left_out() == "; left out: 3 × no regular file"


def test_special_files_that_are_named(tmp_path):
    make_special_files(tmp_path)
    names = ["pipe.jpg", "socket.jpg", "device.jpg"]
    for source in (write_csv(tmp_path, "\n".join(["path", *names])), *(tmp_path / name for name in names)):
        assert {content(photo) for photo in read(source)[1]} == {"it is no regular file"}
    os.mkfifo(tmp_path / "pipe.tar")
    assert "it is no regular file" in content(read(tmp_path / "pipe.tar")[1][0])
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UsageError, match="it is no regular file"):
        read(tmp_path / "pipe.csv")


@pytest.mark.parametrize("name", ["t.tsv", "t.TXT", "t.json", "t.jsonl", "t.xlsx", "t.feather", "*.tsv"])
def test_tables_of_other_kinds_are_refused(tmp_path, name):
    (tmp_path / name.replace("*", "t")).write_text("path\tlikes\n")
    with pytest.raises(
        UsageError, match="save the table as CSV with commas, or as Parquet; a source is a photo, folder"
    ):
        read(tmp_path / name)


def test_names_of_unknown_kind_are_photos(tmp_path):
    for name in ("photo", "photo.of-me"):
        (tmp_path / name).write_bytes(b"A")
        assert content(read(tmp_path / name)[1][0]) == b"A"
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "folder.json" / "a.jpg").write_bytes(b"B")
    assert content(read(tmp_path / "folder.json")[1][0]) == b"B"
