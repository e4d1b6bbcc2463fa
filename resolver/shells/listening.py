"""Sockets that wait for others, each bound to one address so that replies leave from it."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from typing import Final

from resolver.machine import Endpoint, Transport
from resolver.shells.limits import LISTEN_BACKLOG, WAITING_DATAGRAMS_OCTETS
from resolver.shells.shell import CannotStart

_IP_FREEBIND: Final = 15  # <linux/in.h>; the socket module does not have these three
_IPV6_TRANSPARENT: Final = 75  # <linux/in6.h>
_IPV6_FREEBIND: Final = 78

_SO_RCVBUFFORCE: Final = 33  # <asm-generic/socket.h>

_KINDS: Final = {Transport.UDP: socket.SOCK_DGRAM, Transport.TCP: socket.SOCK_STREAM}

_REFUSALS: Final = {
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
}


def new_socket(endpoint: Endpoint, transport: Transport) -> socket.socket:
    """An unbound non-blocking socket that can talk to or listen at the endpoint."""
    family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
    return socket.socket(family, _KINDS[transport] | socket.SOCK_NONBLOCK)


def listen(made: socket.socket, endpoint: Endpoint, transport: Transport) -> None:
    """Bind a new socket to the endpoint and listen. Raises CannotStart.

    RFC 2181 4.1: a reply's source is its query's destination, so each address has its own socket
    and none is bound to the wildcard.

    """
    if made.family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        if transport is Transport.TCP:
            # A restarted program must not wait for the last one's connections to time out.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            _make_room(made)
        made.bind((endpoint.address, endpoint.port))
        if transport is Transport.TCP:
            made.listen(LISTEN_BACKLOG)
    except OSError as error:
        raise CannotStart(_complaint(endpoint, transport, error)) from error


def _make_room(made: socket.socket) -> None:
    """Let a burst of datagrams wait in the kernel; what has no room there is lost untold."""
    try:
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, WAITING_DATAGRAMS_OCTETS)
    except PermissionError:  # then the host's own bound, net.core.rmem_max, holds
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WAITING_DATAGRAMS_OCTETS)


def allow_foreign_address(made: socket.socket) -> None:
    """Let a new socket listen on an address that is not the host's own: a translator ends the DNS
    port of aliases that belong to nobody. It may be bound before the address exists (freebind) and,
    where the privilege is there, may send from it without a local route (transparent).
    """
    if made.family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        transparent = (socket.IPPROTO_IPV6, _IPV6_TRANSPARENT)
    else:
        made.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        transparent = (socket.IPPROTO_IP, socket.IP_TRANSPARENT)
    with suppress(PermissionError):  # then a foreign address needs a local route to send from
        made.setsockopt(*transparent, 1)


def refusal(error: int | None, transport: Transport) -> str:
    """What people call an error of a flow: "port unreachable", "connection refused"."""
    if error == errno.ECONNREFUSED:
        return "port unreachable" if transport is Transport.UDP else "connection refused"
    if error is None:
        return "unknown error"
    return _REFUSALS.get(error) or os.strerror(error).lower()


def _complaint(endpoint: Endpoint, transport: Transport, error: OSError) -> str:
    place = f"cannot listen on {transport.name} {endpoint}"
    match error.errno:
        case errno.EADDRINUSE:
            flag = "u" if transport is Transport.UDP else "t"
            remedy = f"end the program that has it: ss -lnp{flag} 'sport = :{endpoint.port}'"
            return f"{place}: another program listens there; {remedy}"
        case errno.EACCES:
            remedy = "run it as root or with CAP_NET_BIND_SERVICE, or choose a port above 1023"
            return f"{place}: ports below 1024 need a privilege; {remedy}"
        case errno.EADDRNOTAVAIL:
            remedy = "correct `listen`, or give the address to an interface: ip address add"
            return f"{place}: this host does not have the address; {remedy}"
        case _:
            return f"{place}: {(error.strerror or str(error)).lower()}; correct `listen`"
