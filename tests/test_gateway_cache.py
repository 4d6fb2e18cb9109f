"""Answers to photos that come again."""

import io

import grpc
import numpy as np
import pytest

from contract.failure import BadPhoto
from gateway.app import create_app
from gateway.operations.cache import OVERHEAD_BYTES, AnswerCache
from gateway.settings import Settings
from tests.pictures import encode, gradient

PHOTO = encode(gradient())


class Asked:
    """What Triton would be asked for: remembers the images, fails those that begin with `bad`."""

    def __init__(self):
        self.images = []

    def __call__(self, images):
        self.images += images
        return [
            BadPhoto("no", grpc.StatusCode.INVALID_ARGUMENT)
            if image.startswith(b"bad")
            else {"SIZE": np.array([len(image)])}
            for image in images
        ]


def complete(cache, asked, images, outputs=("SIZE",)):
    results = cache.complete(images, outputs, asked)
    return ["problem" if isinstance(result, BadPhoto) else int(result["SIZE"][0]) for result in results]


def test_only_what_is_new_is_asked_for():
    cache, asked = AnswerCache(100_000, 60), Asked()
    assert complete(cache, asked, [b"a", b"bb", b"a"]) == [1, 2, 1]
    assert complete(cache, asked, [b"bb", b"ccc"]) == [2, 3]
    assert asked.images == [b"a", b"bb", b"ccc"]
    assert complete(cache, asked, [b"a"], outputs=("SIZE", "MORE")) == [1]
    assert asked.images[-1] == b"a"


def test_problems_are_not_kept():
    cache, asked = AnswerCache(100_000, 60), Asked()
    assert complete(cache, asked, [b"bad", b"a"]) == ["problem", 1]
    assert complete(cache, asked, [b"bad", b"a"]) == ["problem", 1]
    assert asked.images == [b"bad", b"a", b"bad"]


@pytest.mark.parametrize(("size", "seconds"), [(0, 60), (OVERHEAD_BYTES, 60), (100_000, 1e-9)])
def test_nothing_is_kept_without_room_or_time(size, seconds):
    cache, asked = AnswerCache(size, seconds), Asked()
    assert [complete(cache, asked, [b"a"]), complete(cache, asked, [b"a"])] == [[1], [1]]
    assert asked.images == [b"a", b"a"]


def test_the_oldest_goes_when_there_is_no_room():
    cache, asked = AnswerCache(2 * OVERHEAD_BYTES + 100, 60), Asked()
    complete(cache, asked, [b"a", b"bb", b"ccc"])
    complete(cache, asked, [b"ccc", b"bb", b"a"])
    assert asked.images == [b"a", b"bb", b"ccc", b"a"]


def test_the_gateway_answers_the_same_photo_alike_and_asks_triton_once(triton_url):
    client = create_app(Settings(triton_url=triton_url)).test_client()
    first, second = (client.post("/v1/analyze", data={"file": (io.BytesIO(PHOTO), "a.png")}) for _ in range(2))
    assert first.json == second.json
    assert "inference;dur=" in first.headers["Server-Timing"]
    assert "inference;dur=" not in second.headers["Server-Timing"]
