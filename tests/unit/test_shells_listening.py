"""What a socket gets before it listens, seen on a real one."""

import socket
from pathlib import Path

from resolver.machine import Endpoint, Transport
from resolver.shells.limits import WAITING_DATAGRAMS_OCTETS
from resolver.shells.listening import listen, new_socket

LOOPBACK = Endpoint("127.0.0.1", 0)


def granted(transport: Transport) -> int:
    with new_socket(LOOPBACK, transport) as made:
        listen(made, LOOPBACK, transport)
        return made.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def test_a_burst_of_datagrams_may_wait():
    bound = int(Path("/proc/sys/net/core/rmem_max").read_text())
    # The kernel doubles what it is asked for, to pay for its own headers.
    assert granted(Transport.UDP) >= 2 * min(WAITING_DATAGRAMS_OCTETS, bound)


def test_streams_keep_what_the_kernel_gives_them():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as untouched:
        assert granted(Transport.TCP) == untouched.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
