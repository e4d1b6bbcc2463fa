"""The questions that the DNS benchmarks ask.

Written as dnsperf's binary input (`-B`: each message behind two octets of length), because its text
input knows no other EDNS size than its own. The messages are those of a stub resolver: RD, one
question, an OPT record that says 1232 and carries no option (systemd-resolved on a local network,
the DNS flag day's default).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Final

ZONE: Final = "bench.example"
"""Whatever is asked for lies below; the upstream server has a wildcard there."""

ZIPF_EXPONENT: Final = 1.0
"""Name popularity falls with its rank (Jung, Sit, Balakrishnan and Morris, "DNS performance and the
effectiveness of caching", 2002: 0.91 and more)."""

_HEADER = struct.pack("!6H", 0, 0x0100, 1, 0, 0, 1)  # RD; dnsperf fills the ID in
_A_IN = struct.pack("!2H", 1, 1)
_OPT = struct.pack("!BHHIH", 0, 41, 1232, 0, 0)


def zipf_ranks(ranks: int, count: int, exponent: float, random: Random) -> list[int]:
    """`count` draws of a rank, 0 the most frequent: rank r comes 1 / (r + 1) ** exponent as often
    as rank 0."""
    weights = accumulate((rank + 1) ** -exponent for rank in range(ranks))
    return random.choices(range(ranks), cum_weights=list(weights), k=count)


def name_of(rank: int) -> str:
    """The name of that rank."""
    return f"www.site{rank:05}.{ZONE}"


def fresh_names(run: int, count: int) -> list[str]:
    """Names that no other run has asked for."""
    return [f"q{number:06}.r{run:04}.{ZONE}" for number in range(count)]


def question(name: str) -> bytes:
    """A stub resolver's question for the name's IPv4 address."""
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return _HEADER + labels + b"\0" + _A_IN + _OPT


def write_questions(path: Path, names: Iterable[str]) -> Path:
    """Write dnsperf's input that asks for the names in their order; returns the path."""
    messages = map(question, names)
    path.write_bytes(b"".join(struct.pack("!H", len(m)) + m for m in messages))
    return path
