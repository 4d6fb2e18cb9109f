"""What the routes work with: made once per app, reached from a request by `services()`."""

from dataclasses import dataclass

from flask import current_app

from gateway.operations.archive import Archive, create_archive
from gateway.operations.batching import Batcher
from gateway.operations.cache import AnswerCache
from gateway.operations.keys import Keys, parse_keys
from gateway.operations.upload_deadline import UploadDeadline
from gateway.settings import Settings
from gateway.triton import TritonClient

EXTENSION = "gateway"


@dataclass(frozen=True)
class Services:
    """Safe to share between threads. `archive` is None where uploads are not kept."""

    settings: Settings
    triton: TritonClient
    batcher: Batcher
    cache: AnswerCache
    archive: Archive | None
    keys: Keys
    upload_deadline: UploadDeadline


def create_services(settings: Settings, triton: TritonClient | None = None) -> Services:
    """Nothing is connected yet."""
    client = triton or TritonClient(settings.triton_url, settings.request_seconds)
    return Services(
        settings=settings,
        triton=client,
        batcher=Batcher(client, settings.max_concurrent, settings.max_waiting, settings.queue_seconds),
        cache=AnswerCache(settings.cache_bytes, settings.cache_seconds),
        archive=create_archive(settings),
        keys=parse_keys(settings.api_keys),
        upload_deadline=UploadDeadline(settings.upload_seconds),
    )


def services() -> Services:
    """Those of the app that answers the request at hand."""
    found: Services = current_app.extensions[EXTENSION]
    return found
