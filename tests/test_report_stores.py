"""The report from an object store to an object store: moto's S3 server on loopback."""

import pyarrow.fs
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import csv

from report.__main__ import main
from tests.pictures import encode, gradient
from tests.scored_runs import make_columns, write_run


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
    store = pyarrow.fs.S3FileSystem(endpoint_override=f"{host}:{port}", scheme="http", allow_bucket_creation=True)
    store.create_dir("reported")
    yield store
    # moto's buckets outlive its server.
    store.delete_dir_contents("reported")
    server.stop()


def write(store, path, content):
    with store.open_output_stream(path) as stream:
        stream.write(content)


def test_report_from_store_to_store(bucket, tmp_path, capsys):
    columns = make_columns(120, 12, 0) | {"source": ["s3://reported/in/0.png"] * 120}
    for part in write_run(tmp_path, columns).iterdir():
        write(bucket, f"reported/out/{part.name}", part.read_bytes())
    write(bucket, "reported/in/0.png", encode(gradient()))
    flags = ["--by", "user", "--thumbnails", "--compare", "s3://reported/out"]
    assert main(["s3://reported/out", *flags]) == 0
    page = bucket.open_input_file("reported/out/_report/report.html").read().decode()
    assert "120 photos were scored" in page
    assert 'src="data:image/jpeg;base64,' in page
    assert len(csv.read_csv(bucket.open_input_file("reported/out/_report/persons.csv"))) == 12
    assert main(["s3://reported/nothing"]) == 2
    assert "s3://reported/nothing holds no part-*.parquet" in capsys.readouterr().err
    assert main(["s3://no-such-bucket/out"]) == 2
