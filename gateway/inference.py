"""A photo's way to Triton: cache, batch, and what came back as tensors or a problem."""

import time
from collections.abc import Callable
from http import HTTPStatus

from contract.answer import Tensors
from contract.card import Card, list_outputs
from contract.failure import AnalyzeError
from gateway.answers import find_not_finite
from gateway.operations.batching import PendingRequest
from gateway.operations.request_context import context
from gateway.problems import NotFinite, Problem, to_problem
from gateway.services import services
from gateway.triton import Outcome
from gateway.uploads import Upload


def infer(uploads: list[Upload], cards: list[Card]) -> list[Tensors | Problem]:
    """Triton's tensors for each photo, or the problem of those that failed alone.

    Raises:
        Problem: there is one photo and it failed, or the service failed them all.
    """
    outputs = list_outputs(cards)
    # A catalog that was read anew may stand for other models.
    asked = (services().triton.catalog(), *outputs)
    outcomes = services().cache.complete([upload.data for upload in uploads], asked, ask_for(outputs))
    results = [judge(outcome, cards) for outcome in outcomes]
    failed = [result for result in results if isinstance(result, Problem)]
    context().log |= {"photos": len(results), "failed": len(failed)}
    if len(failed) == len(results) and (len(results) == 1 or failed[0].status >= HTTPStatus.INTERNAL_SERVER_ERROR):
        raise failed[0]
    return results


def ask_for(outputs: list[str]) -> Callable[[list[bytes]], list[Outcome]]:
    """A call that has Triton look at images, perhaps along with other requests' images."""
    here, seconds = context(), services().settings.request_seconds
    metadata = (("traceparent", here.traceparent),)

    def ask(images: list[bytes]) -> list[Outcome]:
        started = time.monotonic()
        pending = PendingRequest(images, outputs, started + seconds, metadata, no_batching=here.is_sampled)
        try:
            return services().batcher.run(pending)
        finally:
            ended = time.monotonic()
            here.timings["queue"] = (pending.sent or ended) - started
            if pending.sent:
                here.timings["inference"] = ended - pending.sent

    return ask


def judge(outcome: Outcome, cards: list[Card]) -> Tensors | Problem:
    """The tensors of a photo where they can be answered with."""
    if isinstance(outcome, AnalyzeError):
        return to_problem(outcome)
    model = find_not_finite(outcome, cards)
    return NotFinite(model) if model else outcome
