"""How gunicorn ends without a lost answer: new clients are refused, those that have connected are answered.

By itself it keeps its listening sockets open until the last request is answered. Meanwhile the kernel goes on taking
connections, and resets them when the sockets close.
"""

import ctypes
import socket
import time
from contextlib import suppress

from gunicorn.workers.gthread import ThreadWorker

HANDSHAKE_SECONDS = 0.1  # in which a client that has begun to connect has done so
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27  # asm-generic/socket.h


class Instruction(ctypes.Structure):
    """`struct sock_filter` of linux/filter.h."""

    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_not", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class Program(ctypes.Structure):
    """`struct sock_fprog` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(Instruction)))


# Drops the packets that begin a connection, SYN without ACK; a client sends its own again, and is refused by then.
DROP_SYN = (Instruction * 5)(
    Instruction(0x30, 0, 0, 13),  # load the byte of flags
    Instruction(0x54, 0, 0, 0x12),  # and SYN | ACK
    Instruction(0x15, 0, 1, 0x02),  # is it SYN?
    Instruction(0x06, 0, 0, 0),  # drop
    Instruction(0x06, 0, 0, 0xFFFFFFFF),  # take
)


def refuse_new_clients(listener: socket.socket) -> None:
    """No connection begins at the TCP socket any more, in whatever process; those that have begun go on."""
    program = Program(len(DROP_SYN), DROP_SYN)
    with suppress(OSError):  # of a kernel or sandbox without filters: one connection in thousands may be reset
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, bytes(program))


def accept_new_clients(listener: socket.socket) -> None:
    """The opposite, for a socket that outlived another gateway: systemd's, for one."""
    with suppress(OSError):  # it has no filter
        listener.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


class DrainingWorker(ThreadWorker):
    """gunicorn's worker of threads, which at its end answers whoever has connected to it."""

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if self.alive or enabled:
            return
        time.sleep(HANDSHAKE_SECONDS)
        for listener in self.sockets:
            taken = -1
            while taken != self.nr_conns:
                taken = self.nr_conns
                self.accept(listener)
            # Other workers may still have it: those of a reload. After the last one new connections are refused.
            listener.close()
