"""Resident memory of the resolver's cache, by the number of RRsets in it.

    python benchmarks/resolver_memory.py [10000 100000 1000000]

Each size is measured in a process of its own, which starts the resolver's machine, learns RRsets
from replies as they come over the wire, and reads its resident size from the kernel. Beside it
stand the cache's own estimate, by which `cache.octets` bounds it, and the longest pause that the
garbage collector makes with so many entries.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from multiprocessing import get_context
from pathlib import Path
from random import SystemRandom
from typing import cast

from resolver.config import ResolverConfig
from resolver.dns import names
from resolver.dns.bounds import Bounds
from resolver.dns.cache import Cache, Route, Slot, Wishes
from resolver.dns.full import Resolver
from resolver.dns.message import Query, Reply, build_reply
from resolver.dns.message_reading import parse_query, parse_reply
from resolver.dns.records import Record, Type
from resolver.machine import Endpoint, Transport

SIZES = (10_000, 100_000, 1_000_000)
MIB = 1 << 20


def resident_octets() -> int:
    """The process's resident set."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def reply_for(name: str, number: int) -> Reply:
    """What a server says: one address, as it comes over the wire."""
    wire = names.to_wire(name) + b"\0\1\0\1"
    query = cast("Query", parse_query(b"\0\0\1\0\0\1\0\0\0\0\0\0" + wire))
    record = Record(name, Type.A, 3600, number.to_bytes(4, "big"))
    return cast("Reply", parse_reply(build_reply(query, Transport.UDP, answers=[record])))


def fill(cache: Cache, count: int) -> None:
    """Learn `count` RRsets of names as they are in use: about 25 octets, three labels."""
    for number in range(count):
        name = f"host-{number:07}.some-domain.example"
        # Each question brings its own objects, as clients' questions do.
        slot = Slot(name.lower(), Type.A, Wishes(do=False), Route(".", recursive=True))
        cache.keep_rrset(slot, reply_for(name, number).answers, now=0)


def measured(count: int) -> tuple[int, int, int, float]:
    """(empty, full and estimated octets, seconds of a full garbage collection)."""
    config = ResolverConfig((Endpoint("127.0.0.1", 53),))
    Resolver(config, SystemRandom(), SystemRandom())
    cache = Cache(Bounds(count, 1 << 40, 86_400, 900))
    gc.collect()
    empty = resident_octets()
    fill(cache, count)
    if len(cache) != count:
        raise SystemExit(f"{len(cache)} of {count} RRsets are in the cache")
    began = time.perf_counter()
    gc.collect()
    pause = time.perf_counter() - began
    return empty, resident_octets(), cache.octets, pause


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, help="RRsets")
    print(
        f"{'RRsets':>10}{'resident':>12}{'above empty':>14}{'per RRset':>12}{'estimated':>12}"
        f"{'collection':>13}"
    )
    for count in parser.parse_args().sizes:
        with get_context("spawn").Pool(1) as pool:
            empty, full, estimated, pause = pool.apply(measured, (count,))
        print(
            f"{count:>10,}{full / MIB:>8,.0f} MiB{(full - empty) / MIB:>10,.0f} MiB"
            f"{(full - empty) / count:>10,.0f} B{estimated / count:>10,.0f} B"
            f"{pause * 1000:>10,.0f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
