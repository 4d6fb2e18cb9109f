"""The gateway as gunicorn runs it, with two workers, and what passes between it and Triton."""

import http.client
import select
import socket
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import create_app
from gateway.operations.keys import create_key
from gateway.settings import Settings
from gateway.triton import TritonClient
from tests.between import Between
from tests.gunicorn_process import NOBODY, GunicornProcess
from tests.pictures import encode, gradient

PHOTO = encode(gradient())
PNG = {"Content-Type": "image/png"}
LIMITS = {"UPLOAD_SECONDS": "0.5", "MAX_UPLOAD_BYTES": "100000"}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def metrics_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("metrics")


@pytest.fixture(scope="module")
def url(triton_url, metrics_folder):
    with GunicornProcess(2, TRITON_URL=triton_url, PROMETHEUS_MULTIPROC_DIR=str(metrics_folder), **LIMITS) as gunicorn:
        yield gunicorn.url


def test_metrics_are_the_sum_of_all_workers(url, metrics_folder):
    while len({path.stem.rpartition("_")[2] for path in metrics_folder.glob("counter_*.db")}) < 2:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: httpx.get(f"{url}/healthz"), range(20)))
    told = [count(url, "/healthz") for _ in range(6)]
    assert set(told) == {told[0]}  # whichever worker is asked
    for _ in range(10):
        httpx.get(f"{url}/healthz")
    assert count(url, "/healthz") == told[0] + 10


def count(url, route):
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name == "gateway_requests_total"]
    return sum(sample.value for sample in samples if sample.labels["route"] == route)


@pytest.mark.parametrize("photos", [1, 3])
def test_a_photo_by_http(url, photos):
    answer = httpx.post(f"{url}/v1/analyze", files=[("file", (f"{number}.png", PHOTO)) for number in range(photos)])
    assert [image["width"] for image in answer.json()["images"]] == [96] * photos


@pytest.mark.parametrize("pause", [0.1, 10], ids=["drops", "silence"])
def test_a_slow_body_is_given_up(url, pause):
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = "POST /v1/analyze HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 90000\r\n\r\n"
        connection.sendall(head.encode())
        while not select.select([connection], [], [], pause)[0]:
            connection.sendall(b"x")
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()  # until it is closed
    assert answer.startswith("HTTP/1.1 408")
    assert "application/problem+json" in answer


@pytest.mark.parametrize("body", [b"x" * 100_001, iter([b"x" * 60_000] * 2)], ids=["length", "chunked"])
def test_too_large_a_body(url, body):
    answer = httpx.post(f"{url}/v1/analyze", content=body, headers=PNG)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")


BODIES = {"small": b"x" * 1000, "a photo": b"x" * 90_000, "chunked": [b"x" * 30_000] * 3}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/analyze?min_score=2", PNG, 400),
        ("/v1/analyze?features=hat", PNG, 400),
        ("/v1/analyze", FORM, 400),
        ("/v1/models/hat", PNG, 404),
        ("/nowhere", PNG, 404),
        ("/healthz", PNG, 405),
        ("/v1/annotate", {**PNG, "Accept": "text/html"}, 406),
        ("/v1/analyze", {"Content-Type": "text/plain"}, 415),
        ("/", {"Content-Type": "text/plain"}, 415),
    ],
)
def test_an_answer_before_the_body_was_read_costs_no_later_request(url, path, headers, status, body):
    """As many answers as requests, over one connection or where the answer says that it ends."""
    assert ask_again(url, path, headers, body) == [status] * 4 + [200]


@pytest.fixture(scope="module")
def lonely():
    """A gateway that asks for a key, and has no Triton."""
    key, entry = create_key("ana")
    with GunicornProcess(TRITON_URL=NOBODY, API_KEYS=entry) as gunicorn:
        yield gunicorn.url, {"X-API-Key": key}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", ["/", "/v1/analyze", "/v1/annotate", "/v1/models/smiling"])
def test_so_do_a_missing_key_and_a_triton_that_is_away(lonely, path, body):
    url, key = lonely
    assert ask_again(url, path, PNG, body) == [401] * 4 + [200]
    assert ask_again(url, path, PNG | key, body) == [503] * 4 + [200]


def ask_again(url, path, headers, body):
    """The statuses of four posts and one healthz over one connection."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    statuses = []
    for _ in range(4):
        chunked = isinstance(body, list)
        connection.request("POST", path, iter(body) if chunked else body, headers, encode_chunked=chunked)
        answer = connection.getresponse()
        statuses.append(answer.status)
        answer.read()
    connection.request("GET", "/healthz")
    return [*statuses, connection.getresponse().status]


def test_a_body_that_does_not_come_ends_the_connection_in_words(url):
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 404")
    assert "Connection: close" in answer


def post(between, **headers):
    client = create_app(Settings(triton_url=between.url)).test_client()
    return client.post("/v1/analyze", data=PHOTO, headers={**PNG, **headers})


def test_a_deadline_that_passes_while_triton_computes_is_504(between, monkeypatch):
    monkeypatch.setattr("gateway.triton.GRACE_SECONDS", 0.05)
    between.gate.clear()
    client = create_app(Settings(triton_url=between.url, request_seconds=0.05)).test_client()
    assert client.post("/v1/analyze", data=PHOTO, headers=PNG).status_code == 504


def test_a_new_client_does_not_wait_as_long_as_another_one(triton_url):
    """gRPC by itself shares connections by address, and with them the pause before the next try."""
    away = Between(triton_url)
    other = TritonClient(away.url, 1)
    assert other.is_ready()
    away.stop()
    assert not other.is_ready()
    back = Between(triton_url, away.port)
    assert TritonClient(back.url, 1).is_ready()
    back.stop()


def test_trace_context_reaches_triton(between):
    assert post(between, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01").status_code == 200
    version, trace, parent, flags = between.seen[-1]["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert parent != "00f067aa0ba902b7"  # the gateway's own


@pytest.mark.parametrize(
    ("code", "details", "status", "retry_after"),
    [
        ("UNAVAILABLE", "Socket closed", 503, "1"),
        ("UNAVAILABLE", "in ensemble 'analyze', Request timeout expired", 504, None),
        ("RESOURCE_EXHAUSTED", "out of memory", 503, "1"),
        ("NOT_FOUND", "Request for unknown model", 503, "1"),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", 504, None),
        ("CANCELLED", "Locally cancelled", 504, None),
        ("INTERNAL", "Failed at /models/1/model.py: KeyError", 500, None),
        ("INVALID_ARGUMENT", "unexpected inference output", 500, None),
        ("INVALID_ARGUMENT", "in ensemble 'analyze', preprocess: cannot decode image: a PDF document", 422, None),
    ],
)
def test_failures_of_triton(between, code, details, status, retry_after):
    between.failure = getattr(grpc.StatusCode, code), details
    answer = post(between)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert answer.headers.get("Retry-After") == retry_after
    assert details not in answer.text
    assert not any(word in answer.text for word in ("model.py", "KeyError", "ensemble", "preprocess", "Socket"))
