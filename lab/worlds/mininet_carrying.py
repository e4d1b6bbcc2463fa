"""Proof that a network carries: every interface has heard a frame of every other one.

In a fresh bridged world the first packet may be lost, and an ARP request waits a second before it
is repeated. So nothing starts before frames get through. They have an Ethernet type of their own,
which no stack answers and captures leave out.
"""

from __future__ import annotations

import ctypes
import select
import socket
import struct
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from fcntl import ioctl

from lab.observe.capture import TRIAL_FRAME, close_together
from lab.topology.plan import Plan
from lab.worlds.world import WorldBroken

_BROADCAST = b"\xff" * 6
_PATIENCE_S = 5.0
_REPEAT_S = 0.002

# linux/sockios.h, linux/if.h, linux/ethtool.h
_SIOCGIFFLAGS = 0x8913
_IFF_RUNNING = 0x40
_SIOCETHTOOL = 0x8946
_ETHTOOL_STXCSUM = 0x17


def switch_offloads_off(interfaces: Iterable[str]) -> None:
    """Have the kernel write checksums itself, also on cables that are memory: a capture would show
    wrong ones otherwise. Segmentation goes off with it, so no captured frame exceeds the MTU."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for interface in interfaces:
            value = ctypes.create_string_buffer(struct.pack("II", _ETHTOOL_STXCSUM, 0))
            request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
            try:
                ioctl(control, _SIOCETHTOOL, request)
            except OSError as error:
                raise WorldBroken(
                    f"{interface}: checksum offload cannot be switched off: {error.strerror}"
                ) from error


def has_carrier(interface: str) -> bool:
    """Whether the kernel has an interface of this namespace in working order (IFF_RUNNING)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        answer = ioctl(control, _SIOCGIFFLAGS, struct.pack("16sH14x", interface.encode(), 0))
    return bool(struct.unpack_from("H", answer, 16)[0] & _IFF_RUNNING)


def wait_until_carrying(
    plan: Plan, inside: Callable[[str], AbstractContextManager[None]], interfaces: Collection[str]
) -> None:
    """Return when, on each network, each of these interfaces has heard every other one.

    Raises WorldBroken, naming who does not hear whom, after 5 s.
    """
    ears: list[_Ear] = []
    try:
        for node in plan.nodes:
            standing = [each for each in node.interfaces if each.name in interfaces]
            if not standing:
                continue
            with inside(node.name):
                for interface in standing:
                    ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
                    ears.append(_Ear(ear, interface.name, interface.network, len(ears)))
                    ear.setblocking(False)
                    ear.bind((interface.name, TRIAL_FRAME))
        _converse(ears)
    finally:
        close_together([ear.socket for ear in ears])


@dataclass(frozen=True, slots=True, eq=False)
class _Ear:
    """A socket on an interface, for trial frames alone."""

    socket: socket.socket
    interface: str
    network: str
    number: int

    def fileno(self) -> int:
        return self.socket.fileno()


def _converse(ears: list[_Ear]) -> None:
    """Let all send, again and again, until all have heard all."""
    unheard = {
        (speaker, hearer)
        for speaker in ears
        for hearer in ears
        if speaker is not hearer and speaker.network == hearer.network
    }
    deadline = time.monotonic() + _PATIENCE_S
    while unheard:
        if time.monotonic() > deadline:
            speaker, hearer = next(iter(unheard))
            raise WorldBroken(
                f"network {speaker.network} does not carry: {hearer.interface} does not hear "
                f"{speaker.interface} after {_PATIENCE_S:g} s"
            )
        for speaker in {pair[0] for pair in unheard}:
            _say(speaker)
        repeat = time.monotonic() + _REPEAT_S
        while unheard and (left := repeat - time.monotonic()) > 0:
            for hearer in select.select(ears, [], [], left)[0]:
                unheard.difference_update((ears[number], hearer) for number in _heard(hearer))


def _say(ear: _Ear) -> None:
    # An interface that is still down refuses: a later attempt tells, or the deadline does.
    with suppress(OSError):
        ear.socket.sendto(
            struct.pack("!I", ear.number), (ear.interface, TRIAL_FRAME, 0, 0, _BROADCAST)
        )


def _heard(ear: _Ear) -> list[int]:
    numbers: list[int] = []
    while True:
        try:
            said, address = ear.socket.recvfrom(64)
        except BlockingIOError:
            return numbers
        except OSError:
            continue  # the interface went down or up: said once
        if address[2] != socket.PACKET_OUTGOING and len(said) >= 4:
            numbers.append(struct.unpack_from("!I", said)[0])
