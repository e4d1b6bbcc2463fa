"""Proof that a network carries: every interface has heard a frame of every other one.

In a fresh bridged world the first packet may be lost, and an ARP request waits a second before it is
repeated. So nothing starts before frames get through. They have an Ethernet type of their own,
which no stack answers and captures leave out.
"""

from __future__ import annotations

import ctypes
import select
import socket
import struct
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, ExitStack
from fcntl import ioctl

from lab.observe.capture import TRIAL_FRAME
from lab.topology.plan import Plan
from lab.worlds.world import WorldBroken

_BROADCAST = b"\xff" * 6
_PATIENCE_S = 5.0
_REPEAT_S = 0.002

# linux/sockios.h, linux/ethtool.h
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


def wait_until_carrying(
    plan: Plan,
    inside: Callable[[str], AbstractContextManager[None]],
    nodes: Collection[str] | None = None,
) -> None:
    """Return when, on each network, every interface has heard every other one; with `nodes`, when
    the interfaces of these have heard and been heard by the others that are up.

    Raises WorldBroken, naming who does not hear whom, after 5 s.
    """
    with ExitStack() as sockets:
        ears: dict[socket.socket, tuple[str, str, int]] = {}
        for node in plan.nodes:
            with inside(node.name):
                for interface in node.interfaces:
                    ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
                    sockets.enter_context(ear)
                    ear.setblocking(False)
                    ear.bind((interface.name, TRIAL_FRAME))
                    ears[ear] = (node.name, interface.network, len(ears))
        _converse(ears, nodes)


def _converse(
    ears: dict[socket.socket, tuple[str, str, int]], nodes: Collection[str] | None
) -> None:
    """Let all send, again and again, until all that must be heard have been."""
    unheard = {
        (speaker, hearer)
        for speaker in ears.values()
        for hearer in ears.values()
        if speaker != hearer
        and speaker[1] == hearer[1]
        and (nodes is None or speaker[0] in nodes or hearer[0] in nodes)
    }
    by_number = {number: (node, network, number) for node, network, number in ears.values()}
    deadline = time.monotonic() + _PATIENCE_S
    while unheard:
        if time.monotonic() > deadline:
            speaker, hearer = min(unheard)
            raise WorldBroken(
                f"network {speaker[1]} does not carry: {hearer[0]} does not hear {speaker[0]} "
                f"after {_PATIENCE_S:g} s"
            )
        for ear, speaker in ears.items():
            if any(pair[0] == speaker for pair in unheard):
                _say(ear, speaker[2])
        waiting = time.monotonic() + _REPEAT_S
        while unheard and (left := waiting - time.monotonic()) > 0:
            for ear in select.select(list(ears), [], [], left)[0]:
                for number in _heard(ear):
                    unheard.discard((by_number[number], ears[ear]))


def _say(ear: socket.socket, number: int) -> None:
    name = ear.getsockname()[0]
    try:
        ear.sendto(struct.pack("!I", number), (name, TRIAL_FRAME, 0, 0, _BROADCAST))
    except OSError:
        # Down, or its queue is: a later attempt tells, or the deadline does.
        return


def _heard(ear: socket.socket) -> list[int]:
    numbers = []
    while True:
        try:
            said, address = ear.recvfrom(64)
        except (BlockingIOError, OSError):
            return numbers
        if address[2] != socket.PACKET_OUTGOING and len(said) >= 4:
            numbers.append(struct.unpack_from("!I", said)[0])
