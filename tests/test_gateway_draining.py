"""A gateway that stops: who has connected is answered, who has not is refused, and nothing is lost between the two."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.operations.draining_worker import accept_new_clients, refuse_new_clients
from tests.containers.load import load
from tests.gunicorn_process import NOBODY, GunicornProcess


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_those_that_have_connected_are_taken_and_no_others(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with (
        socket.create_server((address, 0), family=family) as listener,
        socket.create_connection(listener.getsockname()[:2]) as early,
    ):
        refuse_new_clients(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname()[:2], timeout=0.2)
        taken, _ = listener.accept()
        with taken:
            early.sendall(b"a request")
            assert taken.recv(100) == b"a request"
        accept_new_clients(listener)
        socket.create_connection(listener.getsockname()[:2], timeout=5).close()


def test_sockets_of_other_kinds_are_left_alone(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        refuse_new_clients(listener)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "socket"))


@pytest.mark.parametrize("workers", [1, 3])
def test_a_gateway_that_stops_under_load_answers_or_refuses(workers):
    with GunicornProcess(workers, TRITON_URL=NOBODY) as gateway, ThreadPoolExecutor() as pool:
        address = ":".join(map(str, gateway.address))
        counts = pool.submit(load, address, b"no photo", clients=8, seconds=2)
        time.sleep(1)
        gateway.stop()
        assert set(counts.result()) == {"503", "refused"}


def test_a_reload_keeps_the_gateway_open():
    """Old workers close their sockets while new ones serve."""
    with GunicornProcess(2, TRITON_URL=NOBODY) as gateway:
        gateway.reload()
        for _ in range(20):
            with socket.create_connection(gateway.address, timeout=5):
                time.sleep(0.05)
        assert not [line for line in gateway.stop() if "Traceback" in line]
