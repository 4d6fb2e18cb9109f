"""Requests that wait for Triton travel together, and nobody's answer depends on the company."""

import gc
import io
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import grpc

from contract.failure import Unavailable
from gateway.app import create_app
from gateway.operations.batching import MAX_BATCH, PendingRequest, duplicate
from gateway.operations.pace import Pace
from gateway.settings import Settings
from tests.pictures import encode, gradient

PNG = {"Content-Type": "image/png"}
BROKEN = b"no picture"
SAMPLED = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


def picture(width):
    return encode(gradient(width, 64))


class Busy:
    """A gateway with one place, which a first request holds until `let_go`; others are asked meanwhile."""

    def __init__(self, between, most, **settings):
        between.gate.clear()
        self._between = between
        settings = {"queue_seconds": 30, **settings}
        self.app = create_app(Settings(triton_url=between.url, max_concurrent=1, max_waiting=most, **settings))
        self.batcher, self.triton = (getattr(self.app.extensions["gateway"], name) for name in ("batcher", "triton"))
        self._pool = ThreadPoolExecutor(most + 1)
        self.first = self.ask(picture(90))
        wait_until(lambda: between.inferences)

    def ask(self, photo, features="smiling", **headers):
        return self._pool.submit(self.post, photo, features, **headers)

    def post(self, photo, features="smiling", **headers):
        path = f"/v1/analyze?features={features}"
        return self.app.test_client().post(path, data=photo, headers={**PNG, **headers})

    def fill(self):
        """Until as many wait as may."""
        wait_until(self.batcher.is_full)

    def fail(self, error):
        """Every call from now on raises `error`."""

        def analyze(*arguments):
            raise error

        self.triton.analyze = analyze

    def let_go(self):
        self._between.gate.set()
        assert self.first.result(30).json["images"][0]["width"] == 90


def wait_until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def widths(answers):
    return [answer.result(30).json["images"][0]["width"] for answer in answers]


def test_those_who_wait_travel_together(between):
    busy = Busy(between, most=8)
    answers = [busy.ask(picture(100 + number)) for number in range(8)]
    busy.fill()
    busy.let_go()
    assert widths(answers) == [100 + number for number in range(8)]
    assert between.inferences == 2
    assert all("queue;dur=" in answer.result().headers["Server-Timing"] for answer in answers)


def test_a_batch_waits_for_its_share_of_the_clients_that_were_here(between, monkeypatch):
    monkeypatch.setattr("gateway.operations.batching.MAX_QUEUE_DELAY_SECONDS", 3600)
    busy = Busy(between, most=MAX_BATCH)
    answers = [busy.ask(picture(100 + number)) for number in range(2)]
    wait_until(lambda: len(busy.batcher._waiting) == 2)
    busy.let_go()  # three were here: the first is answered, and the two wait for whoever comes next
    answers.append(busy.ask(picture(102)))
    assert widths(answers) == [100, 101, 102]
    assert between.inferences == 2


def test_clients_that_went_are_forgotten(between):
    busy = Busy(between, most=MAX_BATCH)
    answers = [busy.ask(picture(100 + number)) for number in range(MAX_BATCH)]
    busy.fill()
    busy.let_go()
    assert widths(answers) == [100 + number for number in range(MAX_BATCH)]
    for number in range(30):
        assert busy.post(picture(200 + number)).status_code == 200
    assert busy.batcher._has_company()


def test_a_client_alone_does_not_wait(between, monkeypatch):
    monkeypatch.setattr("gateway.operations.batching.MAX_QUEUE_DELAY_SECONDS", 3600)
    app = create_app(Settings(triton_url=between.url, cache_bytes=0))
    for width in (100, 101):
        answer = app.test_client().post("/v1/analyze?features=smiling", data=picture(width), headers=PNG)
        assert answer.json["images"][0]["width"] == width


def test_photos_are_let_go_with_their_answer(between):
    gc.disable()
    try:
        busy = Busy(between, most=2)
        answers = [busy.ask(picture(100 + number)) for number in range(2)]
        busy.fill()
        busy.let_go()
        assert widths(answers) == [100, 101]
        wait_until(lambda: not any(isinstance(each, PendingRequest) for each in gc.get_objects()))
    finally:
        gc.enable()


def test_a_bad_picture_fails_alone(between):
    busy = Busy(between, most=4)
    good = [busy.ask(picture(100 + number)) for number in range(3)]
    bad = busy.ask(BROKEN)
    busy.fill()
    busy.let_go()
    assert widths(good) == [100, 101, 102]
    assert bad.result(30).status_code == 422
    assert "10 bytes" in bad.result().json["detail"]
    assert between.inferences == 1 + 1 + 4


def test_requests_for_other_outputs_and_sampled_traces_go_alone(between):
    busy = Busy(between, most=4)
    answers = [busy.ask(picture(100)), busy.ask(picture(101), "sunglasses"), busy.ask(picture(102), **SAMPLED)]
    answers.append(busy.ask(picture(103)))
    busy.fill()
    busy.let_go()
    assert widths(answers) == [100, 101, 102, 103]
    models = [set(answer.result().json["models"]) for answer in answers[:2]]
    assert models == [{"smiling", "faces"}, {"sunglasses", "faces"}]
    assert between.inferences == 1 + 3


def test_what_fails_the_request_fails_its_travellers(between):
    busy = Busy(between, most=3)
    answers = [busy.ask(picture(100 + number)) for number in range(3)]
    busy.fill()
    between.failure = grpc.StatusCode.UNAVAILABLE, "gone"
    between.gate.set()
    assert [answer.result(30).status_code for answer in [busy.first, *answers]] == [503] * 4


def test_companions_of_a_failed_call_get_what_the_leader_gets(between):
    busy = Busy(between, most=3)
    answers = [busy.ask(picture(100 + number)) for number in range(3)]
    busy.fill()
    busy.fail(Unavailable("away", grpc.StatusCode.UNAVAILABLE))
    busy.let_go()
    assert [(each.result(30).status_code, each.result().headers["Retry-After"]) for each in answers] == [(503, "1")] * 3


def test_a_fault_of_ours_is_logged_for_each_under_its_id(between, capsys):
    busy = Busy(between, most=3)
    answers = [busy.ask(picture(100 + number), **{"X-Request-ID": f"r-{number}"}) for number in range(3)]
    busy.fill()
    busy.fail(ZeroDivisionError("here"))
    busy.let_go()
    assert [answer.result(30).status_code for answer in answers] == [500] * 3
    printed = capsys.readouterr().err
    for number, answer in enumerate(answers):
        assert answer.result().json["detail"].endswith(f"r-{number}")
        assert f"request r-{number} failed" in printed
    del busy.triton.analyze
    assert busy.post(picture(100)).status_code == 200


def test_each_exception_is_its_own():
    error = Unavailable("away", grpc.StatusCode.UNAVAILABLE)
    twin = duplicate(error)
    assert twin is not error
    assert (type(twin), str(twin), twin.code, twin.__cause__) == (Unavailable, "away", error.code, error)


def test_who_finds_no_room_is_refused_and_its_photo_thrown_away(between):
    busy = Busy(between, most=1)
    waiting = busy.ask(picture(100))
    busy.fill()
    body = io.BytesIO(BROKEN)
    refused = busy.app.test_client().post("/v1/analyze", input_stream=body, content_length=len(BROKEN), headers=PNG)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert body.tell() == len(BROKEN)  # the connection is ready for the next request
    busy.let_go()
    assert widths([waiting]) == [100]


def test_who_would_wait_too_long_is_refused_at_once(between):
    busy = Busy(between, most=8)
    pretend(busy.batcher._pace, seconds=10)
    waiting = busy.ask(picture(100))  # somebody may always wait
    wait_until(lambda: busy.batcher._waiting)
    refused = busy.post(picture(101))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    pretend(busy.batcher._pace, seconds=0)
    others = [busy.ask(picture(102 + number)) for number in range(2)]
    wait_until(lambda: len(busy.batcher._waiting) == 3)
    busy.let_go()
    assert widths([waiting, *others]) == [100, 102, 103]


def pretend(pace, seconds):
    """A photo has taken so many of late."""
    pace._seconds, pace._photos = float(seconds), 1.0


def test_pace_is_that_of_the_time_when_others_waited(monkeypatch):
    now = iter([100, 102, 103, 200, 204, 205])
    monkeypatch.setattr("gateway.operations.pace.time", SimpleNamespace(monotonic=lambda: next(now)))
    pace = Pace()
    pace.note(8, waiting=True)
    assert pace.estimate(8) == 0  # one alone says nothing
    pace.note(4, waiting=True)
    assert pace.estimate(8) == 8 * 2 / 4
    pace.note(4, waiting=False)
    told = pace.estimate(8)
    assert 8 * 1 / 4 < told < 8 * 2 / 4  # what was later counts more
    pace.note(1, waiting=True)  # nobody had waited
    assert pace.estimate(8) == told
    for _ in range(2):
        pace.note(1, waiting=True)
    assert pace.estimate(8) > told


def test_a_turn_that_does_not_come_in_time_is_503(between):
    busy = Busy(between, most=2, queue_seconds=0.05)
    assert busy.ask(picture(100)).result(30).status_code == 503
    busy.let_go()
    assert busy.post(picture(100)).status_code == 200
