"""Requests that wait for Triton travel together, and nobody's answer depends on the company."""

import gc
import io
import time
from concurrent.futures import ThreadPoolExecutor

import grpc

from gateway.app import create_app
from gateway.batching import Ask
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
        wait_until(self.app.extensions["batcher"].is_full)

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


def test_a_group_waits_for_clients_that_will_ask_again(between, monkeypatch):
    busy = Busy(between, most=3)
    first = [busy.ask(picture(100 + number)) for number in range(3)]
    busy.fill()
    busy.let_go()
    widths(first)
    monkeypatch.setattr("gateway.batching.COMPANY_SECONDS", 3600)
    again = [busy.ask(picture(110 + number)) for number in range(4)]  # as many as were about: the three and the first
    assert widths(again) == [110, 111, 112, 113]
    assert between.inferences == 1 + 1 + 1


def test_a_client_alone_does_not_wait_for_company(between, monkeypatch):
    monkeypatch.setattr("gateway.batching.COMPANY_SECONDS", 3600)
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
        wait_until(lambda: not any(isinstance(each, Ask) for each in gc.get_objects()))
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
    assert [set(answer.result().json["models"]) for answer in answers[:2]] == [{"smiling"}, {"sunglasses"}]
    assert between.inferences == 1 + 3


def test_what_fails_the_request_fails_its_travellers(between):
    busy = Busy(between, most=3)
    answers = [busy.ask(picture(100 + number)) for number in range(3)]
    busy.fill()
    between.failure = grpc.StatusCode.UNAVAILABLE, "gone"
    between.gate.set()
    assert [answer.result(30).status_code for answer in [busy.first, *answers]] == [503] * 4


def test_a_fault_of_ours_leaves_nobody_waiting(between):
    busy = Busy(between, most=3)
    answers = [busy.ask(picture(100 + number)) for number in range(3)]
    busy.fill()
    busy.app.config["TRITON"].analyze = None
    busy.let_go()
    assert [answer.result(30).status_code for answer in answers] == [500] * 3
    del busy.app.config["TRITON"].analyze
    assert busy.post(picture(100)).status_code == 200


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


def test_a_turn_that_does_not_come_in_time_is_503(between):
    busy = Busy(between, most=2, queue_seconds=0.05)
    assert busy.ask(picture(100)).result(30).status_code == 503
    busy.let_go()
    assert busy.post(picture(100)).status_code == 200
