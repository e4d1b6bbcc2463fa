"""One resource record as a scenario writes it: "www.example.net. 60 IN A 198.51.100.80"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from pydantic import AfterValidator

_LINE = re.compile(r"(?P<owner>\S+)\s+(?P<ttl>[0-9]{1,10})\s+(?P<rest>\S+\s+\S+.*)")
_REMEDY = (
    "write owner, TTL, class, type and value, like 'www.example.net. 60 IN A 198.51.100.80', or "
    "'@' for the owner that was asked for"
)
_MAX_TTL_S = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ResourceRecord:
    """A record that a script sends."""

    owner: dns.name.Name | None
    """None: the name that was asked."""
    ttl_s: int
    rdata: dns.rdata.Rdata


def read_record(line: str) -> ResourceRecord:
    """Read a line. Names in it are complete, whether a dot ends them or not. Raises ValueError,
    with a remedy, for what is no record."""
    match = _LINE.fullmatch(line.strip())
    if match is None or int(match["ttl"]) > _MAX_TTL_S:
        raise ValueError(f"{line!r} is no record; {_REMEDY}")
    # RFC 3597 5: "\# 4 ..." begins right behind the type, so the type may end without a space.
    class_name, type_name, *value = match["rest"].split(maxsplit=2)
    try:
        owner = None if match["owner"] == "@" else dns.name.from_text(match["owner"])
        rdata = dns.rdata.from_text(
            dns.rdataclass.from_text(class_name),
            dns.rdatatype.from_text(type_name),
            "".join(value),
            origin=dns.name.root,
            relativize=False,
        )
    except (dns.exception.DNSException, ValueError) as wrong:
        what = str(wrong) or type(wrong).__name__
        raise ValueError(f"{line!r} is no record ({what.strip().rstrip('.')}); {_REMEDY}") from None
    return ResourceRecord(owner, int(match["ttl"]), rdata)


def _record_line(text: str) -> str:
    read_record(text)
    return text


RecordLine = Annotated[str, AfterValidator(_record_line)]
"""One record, every field written out; the owner "@" is the name that was asked."""
