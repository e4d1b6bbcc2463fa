"""Opening a capture file, whatever it is: pcap or pcapng, packed with gzip or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Final

from lab.captures.frames import Frame, Losses, Octets
from lab.captures.pcap import is_pcap, pcap_frames
from lab.captures.pcapng import SECTION_MAGIC, pcapng_frames
from lab.observe.pcapng import CaptureError

_GZIP: Final = b"\x1f\x8b"
_BUFFER: Final = 1 << 20
_REMEDY = "give a pcap or pcapng file, as tcpdump, dumpcap and Wireshark write them"


def read_frames(path: Path, losses: Losses) -> Iterator[Frame]:
    """Every frame of a capture file, in file order; `losses` is told what cannot be read.

    Raises CaptureError where there is nothing to read: no such file, no capture, no frame header.
    """
    with ExitStack() as stack:
        try:
            plain = stack.enter_context(path.open("rb", buffering=_BUFFER))
            file: Octets = plain
            if plain.read(2) == _GZIP:
                file = _Unpacked(stack.enter_context(gzip.open(path)), losses)
            plain.seek(0)
            magic = file.read(4)
            if is_pcap(magic):
                yield from pcap_frames(file, magic, str(path), losses)
            elif magic == SECTION_MAGIC:
                yield from pcapng_frames(file, str(path), losses)
            else:
                raise CaptureError(f"{path}: offset 0: {_not_a_capture(magic, losses)}; {_REMEDY}")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise CaptureError(f"{path}: cannot be read: {reason}; {_REMEDY}") from error


def _not_a_capture(magic: bytes, losses: Losses) -> str:
    if not magic and losses.damage:
        return losses.damage[0]
    return "the file is empty" if not magic else "this is neither pcap nor pcapng"


class _Unpacked:
    """A packed file that ends where its packing is damaged, having told it."""

    def __init__(self, packed: Octets, losses: Losses) -> None:
        self._packed = packed
        self._losses = losses

    def read(self, size: int = -1, /) -> bytes:
        """The next octets; none when the packing ended or is damaged."""
        octets = b""
        try:
            while len(octets) < size and (more := self._packed.read(size - len(octets))):
                octets += more
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self._losses.damage.append(f"the packing (gzip) is damaged: {error}")
            self._packed = BytesIO()
        return octets
