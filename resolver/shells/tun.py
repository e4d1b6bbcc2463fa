"""A TUN device around the NAT translator.

The kernel forwards packets into the device and out of it again, and takes one from the TTL each
time; the translator, a router by RFC 1812, takes one too. A packet that crosses the translator must
lose exactly one in all (NAT-14). So the shell undoes both of the kernel's: what the translator sees
has the TTL it had on the wire, and what it sends leaves with one more than the kernel will take.

A TTL of 255 cannot be raised; such a packet leaves with 254. Errors that this host's own kernel
routes into the device were not decremented, and are seen with one more than they had: harmless.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from dataclasses import dataclass
from typing import Final

from resolver.machine import Effect, Instant, Machine, PacketArrived, SendPacket
from resolver.nat.checksum import adjusted
from resolver.shells.limits import CARRIER_LOOK_NS, DATAGRAM_OCTETS, DATAGRAMS_PER_WAKE
from resolver.shells.loop import Loop
from resolver.shells.shell import CannotStart, Journal, MachineFailed, Shell

_TUNSETIFF: Final = 0x400454CA  # <linux/if_tun.h>
_IFF_TUN: Final = 0x0001
_IFF_NO_PI: Final = 0x1000
_SIOCGIFFLAGS: Final = 0x8913  # <linux/sockios.h>
_IFF_UP: Final = 0x0001  # <linux/if.h>
_IFF_RUNNING: Final = 0x0040

_HEADER_OCTETS: Final = 20  # RFC 791 3.1, where TTL and checksum lie at octets 8 and 10
_TTL: Final = 8
_CHECKSUM: Final = 10


@dataclass(frozen=True, slots=True)
class PacketNotSent:
    """The host refused a packet of the translator: the device is down, or the packet is bad."""

    device: str
    reason: str


class TunShell(Shell):
    """Runs one machine on a TUN device until closed.

    Attaches to the device, or makes it, down and without routes; both are the business of whoever
    sets up the host. Raises CannotStart when the host does not allow it. Packets other than IPv4
    (the kernel's own router solicitations) are ignored.
    """

    def __init__(self, loop: Loop, machine: Machine, device: str, *, journal: Journal) -> None:
        super().__init__(loop, machine, journal)
        self._device = device
        self._file: int | None = None
        self._carries = False
        self._look_again: Instant = 0
        try:
            self._file = _attach(device)
            loop.add_reader(self._file, self._receive)
        except BaseException:
            self.close()
            raise

    def ready(self) -> bool:
        """Whether the machine is ready and the kernel gives us packets.

        Attaching turns the carrier on, and some time later, in the background, the kernel starts
        the device's queue; until then it drops what is routed here. A device that is down will
        start when somebody sets it up: there is nothing to wait for.
        """
        return self._carries and super().ready()

    def deadline(self) -> Instant | None:
        """The machine's earliest timer, or the next look at the device until it carries."""
        due = super().deadline()
        if self._carries:
            return due
        return self._look_again if due is None else min(due, self._look_again)

    def expire(self, now: Instant) -> None:
        """Look at the device until it carries, and fire the machine's timers that are due."""
        if not self._carries:
            self._carries = _is_down_or_running(self._device)
            self._look_again = now + CARRIER_LOOK_NS
        super().expire(now)

    def close(self) -> None:
        """Detach; a device that was made here vanishes with that."""
        super().close()
        if self._file is not None:
            self.loop.remove_reader(self._file)
            os.close(self._file)
            self._file = None

    def _receive(self) -> None:
        for _ in range(DATAGRAMS_PER_WAKE):
            if self._file is None:
                return
            try:
                packet = os.read(self._file, DATAGRAM_OCTETS)
            except BlockingIOError:
                return
            if _is_ipv4(packet):
                self.tell(PacketArrived(raise_ttl(packet)))

    def _do(self, effect: Effect, now: Instant) -> None:  # noqa: ARG002 - the base class's
        if not isinstance(effect, SendPacket):
            raise MachineFailed(f"{type(self._machine).__name__} asked a TUN device for {effect}")
        packet = effect.packet
        if self._file is None:
            return
        try:
            os.write(self._file, raise_ttl(packet) if _is_ipv4(packet) else packet)
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            self.note(PacketNotSent(self._device, reason))


def raise_ttl(packet: bytes) -> bytes:
    """The IPv4 packet with a TTL one higher (255 stays) and its header checksum brought along."""
    old = packet[_TTL : _TTL + 2]  # the 16-bit word that holds TTL and protocol
    if old[0] == 255:
        return packet
    new = bytes((old[0] + 1, old[1]))
    checksum = adjusted(int.from_bytes(packet[_CHECKSUM : _CHECKSUM + 2], "big"), old, new)
    return packet[:_TTL] + new + checksum.to_bytes(2, "big") + packet[_CHECKSUM + 2 :]


def _is_ipv4(packet: bytes) -> bool:
    return len(packet) >= _HEADER_OCTETS and packet[0] >> 4 == 4


def _attach(device: str) -> int:
    """A non-blocking file descriptor of the device."""
    file = -1
    try:
        file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(
            file, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TUN | _IFF_NO_PI)
        )
    except OSError as error:
        if file >= 0:
            os.close(file)
        raise CannotStart(_complaint(device, error)) from error
    return file


def _is_down_or_running(device: str) -> bool:
    request = struct.pack("16s24x", device.encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        (flags,) = struct.unpack("16xH22x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))
    return not flags & _IFF_UP or bool(flags & _IFF_RUNNING)


def _complaint(device: str, error: OSError) -> str:
    place = f"cannot use the TUN device {device}"
    match error.errno:
        case errno.EBUSY:
            return f"{place}: another program has it; end that program or name another device"
        case errno.EPERM | errno.EACCES:
            remedy = f"run as root, or first: ip tuntap add dev {device} mode tun user NAME"
            return f"{place}: it needs CAP_NET_ADMIN; {remedy}"
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return f"{place}: this kernel offers no /dev/net/tun; load it: modprobe tun"
        case errno.EINVAL:
            return f"{place}: a device of that name exists and is no TUN device; name another"
        case _:
            return f"{place}: {(error.strerror or str(error)).lower()}; name another device"
