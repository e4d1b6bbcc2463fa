"""The judge on messages that are signed from end to end."""

from __future__ import annotations

import struct

from judging import Cases, nat
from spoken import WWW, asks, converse, says
from wire import REAL, TRANSLATOR, Wire

from lab.judge.checks import SignedUnchanged

cases = Cases()

ADDRESS = f"{WWW} 60 A 192.0.2.1"


def signed(identifier: int, *, mac: bytes = b"m" * 16) -> bytes:
    """A question with a TSIG record (type 250, class ANY)."""
    algorithm = b"\x0bhmac-sha256\0"
    rdata = algorithm + bytes(6) + b"\1\x2c" + struct.pack("!H", len(mac)) + mac + b"\0\1\0\0\0\0"
    query = asks(identifier=identifier)
    tsig = b"\3key\0" + struct.pack("!HHIH", 250, 255, 0, len(rdata)) + rdata
    return query[:11] + b"\1" + query[12:] + tsig


def relayed(
    question: bytes | None,
    *,
    client: bytes = signed(1),
    other: str | None = None,
    lost: bool = False,
) -> Wire:
    wire = nat()
    asked = wire.ask("viewer", TRANSLATOR, payload=client)
    if question is not None:
        converse(wire, "translator", REAL[0], question, says(question, ADDRESS))
    if not lost:
        wire.reply(asked, payload=says(client, other or ADDRESS))
    return wire


@cases.passes(SignedUnchanged())
@cases.fails(SignedUnchanged(server="dns"), because="no signed question came to dns")
def another_id_and_nothing_else() -> Wire:
    return relayed(signed(2))


@cases.fails(SignedUnchanged(), because="no signed question came to translator")
def without_a_signature() -> Wire:
    return relayed(asks(identifier=2), client=asks())


@cases.fails(SignedUnchanged(), because="the signed question was changed")
def another_signature() -> Wire:
    return relayed(signed(2, mac=b"n" * 16))


@cases.fails(SignedUnchanged(), because="the signed question was changed")
def the_signature_is_dropped() -> Wire:
    return relayed(asks(identifier=2))


@cases.fails(SignedUnchanged(), because="the reply to a signed question was changed")
def another_reply() -> Wire:
    return relayed(signed(2), other=f"{WWW} 59 A 192.0.2.1")


@cases.fails(SignedUnchanged(), because="a signed question got no reply")
def no_reply() -> Wire:
    return relayed(signed(2), lost=True)


@cases.fails(SignedUnchanged(), because="a signed question went no further")
def kept() -> Wire:
    return relayed(None)


test_cases = cases.test()
