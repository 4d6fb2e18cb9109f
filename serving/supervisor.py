"""Starts Triton, then the gateway; watches both, starts Triton again when it dies, reloads on SIGHUP, stops it all."""

import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from serving.child import Child
from serving.errors import ModelsUnavailable, ServingError
from serving.gateway import GatewayLaunch, gateway_url, is_gateway_ready, metrics_url, prepare_gateway, triton_url
from serving.installation import find_installation
from serving.model_control import connect
from serving.ports import take_ports
from serving.probe import ENSEMBLE, Probe
from serving.repositories import describe_models, list_models
from serving.settings import Settings
from serving.triton import TritonLaunch, prepare_triton, remove_shared_memory
from serving.triton_log import TritonLogFilter

POLL_SECONDS = 0.1
CHILDREN_SECONDS = 1.0  # between two looks at the processes of the models
PAUSES = (0.0, 3.0, 10.0, 30.0)  # seconds before Triton is started again, by the number of deaths in a row
STEADY = 10.0  # seconds that a start must have held for the next death to be the first of a row


class StopRequested(BaseException):
    """SIGTERM or SIGINT arrived. No error, so nothing that handles errors may swallow it."""


class Supervisor:
    """One Triton server and one gateway."""

    def __init__(self, settings: Settings, announce: Callable[[str], None]) -> None:
        self._settings = settings
        self._announce = announce
        self._triton: Child
        self._probe: Probe
        self._triton_stack = ExitStack()
        self._gateway: Child | None = None
        self._models: list[str] = []
        self._described = ""
        self._secret = ""
        self._ready_at = self._probed_at = self._looked_at = 0.0
        self._deaths = 0
        self._reload_requested = False

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises ServingError when the start fails or the gateway ends."""
        with ExitStack() as stack, self._signals():
            try:
                self._start(stack)
                self._watch()
            except StopRequested:
                self._announce("serving: stopping")
            finally:
                ignore_stop_signals()
                stack.close()

    def _start(self, stack: ExitStack) -> None:
        started = time.monotonic()
        self._settings, listener = take_ports(self._settings)
        stack.enter_context(self._triton_stack)
        self._start_triton()
        if listener:
            with listener:
                self._start_gateway(stack, listener)
        self._announce(describe_endpoints(self._settings))
        self._announce(f"serving: ready with {self._described} after {time.monotonic() - started:.1f} s")

    def _start_triton(self) -> None:
        self._models = list_models(self._settings.model_repository)
        self._described = describe_models(self._models, self._settings.model_repository)
        installation = find_installation(self._settings.triton_directory)
        directory = Path(self._triton_stack.enter_context(TemporaryDirectory(prefix="serving-")))
        launch = prepare_triton(self._settings, self._models, installation, directory)
        self._secret = launch.secret
        self._triton_stack.callback(remove_shared_memory, launch.shm_prefix)
        self._announce(f"serving: loading {self._described}")
        self._triton = self._supervise(self._triton_stack, "Triton", launch, TritonLogFilter())
        with connect(triton_url(self._settings), self._secret) as control:
            self._wait_until(lambda: control.is_ready(self._models), "models")
        self._probe = Probe(triton_url(self._settings))
        self._ready_at = self._probed_at = time.monotonic()

    def _start_gateway(self, stack: ExitStack, listener: socket.socket) -> None:
        launch = prepare_gateway(self._settings, listener)
        self._gateway = self._supervise(stack, "the gateway", launch, lambda line: True)
        self._wait_until(lambda: is_gateway_ready(self._settings), "gateway")

    def _supervise(
        self, stack: ExitStack, name: str, launch: TritonLaunch | GatewayLaunch, is_notable: Callable[[str], bool]
    ) -> Child:
        child = Child(
            *(name, launch.command, launch.environment, is_notable), verbose=self._settings.verbose, files=launch.files
        )
        stack.callback(child.stop, self._settings.stop_timeout)
        return child

    def _wait_until(self, is_ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + self._settings.ready_timeout
        while not is_ready():
            self._triton.require_alive()
            self._triton.require_children()
            self._require_gateway()
            if time.monotonic() > deadline:
                raise ModelsUnavailable(
                    f"the {what} did not become ready within {self._settings.ready_timeout:g} s",
                    "Raise --ready-timeout, or see the whole log with --verbose.",
                )
            time.sleep(POLL_SECONDS)

    def _watch(self) -> None:
        while True:
            self._require_gateway()
            try:
                self._triton.require_alive()
                self._require_stubs()
                self._probe_triton()
            except ServingError as death:
                self._revive_triton(death)
            if self._reload_requested:
                self._reload_requested = False
                self._reload()
            time.sleep(POLL_SECONDS)

    def _require_stubs(self) -> None:
        """A lost process fails its own requests alone; a probe may meet the model's other one, or none of the model."""
        if time.monotonic() - self._looked_at > CHILDREN_SECONDS:
            self._triton.require_children()
            self._looked_at = time.monotonic()

    def _probe_triton(self) -> None:
        interval = self._settings.probe_interval
        if interval and ENSEMBLE in self._models and time.monotonic() - self._probed_at > interval:
            self._probe.require_answers(self._triton.require_alive)
            self._probed_at = time.monotonic()

    def _revive_triton(self, death: ServingError) -> None:
        """Start Triton until it is ready again, with growing pauses; the gateway answers 503 meanwhile."""
        died = time.monotonic()
        if died - self._ready_at > STEADY:
            self._deaths = 0
        while True:
            self._deaths += 1
            pause = PAUSES[min(self._deaths, len(PAUSES)) - 1]
            self._announce(
                f"serving: {death}\nserving: Triton is started again" + (f" in {pause:g} s" if pause else "")
            )
            self._triton.send(signal.SIGKILL)
            self._triton_stack.close()
            self._rest(pause)
            try:
                self._start_triton()
                break
            except ServingError as error:
                self._require_gateway()
                death = error
        self._announce(f"serving: ready again after {time.monotonic() - died:.1f} s")

    def _rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._require_gateway()
            time.sleep(POLL_SECONDS)

    def _require_gateway(self) -> None:
        if self._gateway:
            self._gateway.require_alive()

    def _reload(self) -> None:
        """Models first, then the gateway, which learns from Triton what there is."""
        try:
            models = list_models(self._settings.model_repository)
            described = describe_models(models, self._settings.model_repository)
            gone = [name for name in reversed(self._models) if name not in models]
            # Triton's own index forgets a model once its folder is gone, loaded or not.
            self._models = models + gone
            with connect(triton_url(self._settings), self._secret) as control:
                control.reload(models, gone)
            self._models, self._described = models, described
        except ServingError as error:
            print(f"serving: {error}", file=sys.stderr, flush=True)
            return
        if self._gateway:
            self._replace_workers(self._gateway)
        self._announce(f"serving: reloaded {self._described}")

    def _replace_workers(self, gateway: Child) -> None:
        """Have gunicorn start new workers, and wait until the old ones have answered their last requests."""
        old_workers = gateway.list_children()
        gateway.send(signal.SIGHUP)
        deadline = time.monotonic() + self._settings.stop_timeout + 1
        while gateway.list_children() & old_workers and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(number: int, frame: object) -> None:
            ignore_stop_signals()
            raise StopRequested

        def reload(number: int, frame: object) -> None:
            self._reload_requested = True

        handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
        former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


def ignore_stop_signals() -> None:
    """While everything is being stopped, a second Ctrl-C must not leave half of it behind."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def describe_endpoints(settings: Settings) -> str:
    """The URLs, one a line."""
    endpoints = {"Triton gRPC": triton_url(settings)}
    host = triton_url(settings).rpartition(":")[0]
    if settings.http:
        endpoints["Triton HTTP"] = f"http://{host}:{settings.http_port}"
    endpoints["Metrics"] = metrics_url(settings)
    if settings.gateway:
        endpoints["Gateway"] = gateway_url(settings)
    return "\n".join(f"  {name:<12} {url}" for name, url in endpoints.items())
