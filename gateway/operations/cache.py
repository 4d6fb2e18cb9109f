"""Answers to photos that were seen before: crawlers and retries send the same file again and again."""

import threading
from collections.abc import Callable, Hashable
from hashlib import sha256

from cachetools import TTLCache

from contract.answer import Tensors
from contract.failure import AnalyzeError
from gateway.triton import Outcome

# What Python's objects around an answer take, about.
OVERHEAD_BYTES = 1000


class AnswerCache:
    """Triton's tensors by the photo's SHA-256 and what was asked; at most `size` bytes of them, for `seconds`.

    Photos themselves are not kept. Safe to share between threads.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._kept: TTLCache = TTLCache(size, seconds, getsizeof=count_bytes)
        self._lock = threading.Lock()

    def complete(
        self, images: list[bytes], asked: Hashable, infer: Callable[[list[bytes]], list[Outcome]]
    ) -> list[Outcome]:
        """The result of each image; `infer` is called for those that are not known, if there are any.

        `asked` is everything but the image that a result depends on. Failures are not kept.
        """
        if not self._kept.maxsize:
            return infer(images)
        keys = [(sha256(image).digest(), asked) for image in images]
        with self._lock:
            results: dict = {key: self._kept.get(key) for key in keys}
        missing = {key: image for key, image in zip(keys, images, strict=True) if results[key] is None}
        if missing:
            fresh = dict(zip(missing, infer(list(missing.values())), strict=True))
            results |= fresh
            with self._lock:
                for key, result in fresh.items():
                    self._keep(key, result)
        return [results[key] for key in keys]

    def _keep(self, key: Hashable, result: Outcome) -> None:
        if not isinstance(result, AnalyzeError) and count_bytes(result) <= self._kept.maxsize:
            self._kept[key] = result


def count_bytes(tensors: Tensors) -> int:
    """What an answer takes of the memory, about."""
    return OVERHEAD_BYTES + sum(tensor.nbytes for tensor in tensors.values())
