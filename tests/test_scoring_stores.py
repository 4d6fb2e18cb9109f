"""Photos, tables and the dataset on an object store: moto's S3 server on loopback."""

import io
import tarfile

import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import csv, fs, parquet

from scoring.storage import connect
from tests.scored import add_member, make_photo, score


@pytest.fixture
def bucket(monkeypatch):
    """An empty bucket, found by the environment as AWS's own tools find theirs."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    connect.cache_clear()
    store = fs.S3FileSystem(endpoint_override=f"{host}:{port}", scheme="http", allow_bucket_creation=True)
    store.create_dir("photos")
    yield store
    # moto's buckets outlive its server.
    store.delete_dir_contents("photos")
    connect.cache_clear()
    server.stop()


def write(store, path, content):
    with store.open_output_stream(path) as stream:
        stream.write(content)


@pytest.mark.parametrize(
    "source",
    ["s3://photos/in", "s3://photos/in/**/*.png", "s3://photos/table.csv", "s3://photos/shard.tar"],
)
def test_from_store_to_store(triton_url, bucket, source):
    paths = [f"in/day{number % 2}/{number}.png" for number in range(40)]
    for number, path in enumerate(paths):
        write(bucket, f"photos/{path}", make_photo(number))
    shard, table = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=shard, mode="w") as tar:
        for number, path in enumerate(paths):
            add_member(tar, path, make_photo(number))
    write(bucket, "photos/shard.tar", shard.getvalue())
    csv.write_csv(pa.table({"path": paths, "likes": range(40)}), table)
    write(bucket, "photos/table.csv", table.getvalue())
    arguments = (source, "--out", "s3://photos/out", "--outputs", "smiling", "--endpoint", triton_url)
    assert score(*arguments) == 0
    rows = read_parts(bucket)
    folder = source if source.endswith(".tar") else "s3://photos"
    assert sorted(row["source"] for row in rows) == sorted(f"{folder}/{path}" for path in paths)
    assert [row["error"] for row in rows] == [None] * 40
    bucket.delete_file("photos/out/part-000001.parquet")
    assert score(*arguments) == 0
    assert len(read_parts(bucket)) == 40


def read_parts(store):
    names = [info.path for info in store.get_file_info(fs.FileSelector("photos/out")) if "part-" in info.base_name]
    return [row for name in sorted(names) for row in parquet.read_table(name, filesystem=store).to_pylist()]


def test_store_that_refuses(triton_url, bucket, tmp_path, capsys):
    arguments = ("--out", tmp_path / "out", "--endpoint", triton_url)
    assert score("s3://no-such-bucket/photos", *arguments) == 2
    assert "s3://no-such-bucket/photos" in capsys.readouterr().err
