"""Master files (RFC 1035 5) into records, with nothing lost on the way."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final, TypeAlias

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.transaction
import dns.zone
import dns.zonefile

from resolver.config import HostedZone
from resolver.dns import names
from resolver.dns.names import MalformedName
from resolver.dns.records import Record, Type
from resolver.limits import GENERATED_RECORDS

_GENERATE: Final = re.compile(
    r"\$GENERATE\s+(\d{1,4000})-(\d{1,4000})(?:/(\d{1,4000}))?", re.IGNORECASE
)

_LOSS: Final = "would be lost:"

Node: TypeAlias = dict[int, tuple[Record, ...]]
"""The RRsets of one owner, by type."""


class BadZone(ValueError):
    """A zone that cannot be used; the message names the zone, the place and the remedy."""

    def __init__(self, hosted: HostedZone, problem: str, line: int | None = None) -> None:
        at = None if line is None else f"line {line}"
        place = (f"zone {hosted.origin}", hosted.file, at)
        super().__init__(": ".join((*filter(None, place), problem)))
        self.origin = hosted.origin
        self.file = hosted.file
        self.line = line
        self.problem = problem
        """What is wrong, and what to do."""


def read_zone(hosted: HostedZone) -> tuple[str, dict[str, Node]]:
    """A zone's origin (normalised), and what each of its names owns. Raises BadZone."""
    _refuse_floods(hosted)
    try:
        origin = names.normalise(hosted.origin)
        return origin, _read(hosted.text, origin)
    except (dns.exception.DNSException, MalformedName, ValueError) as wrong:
        raise _bad_zone(wrong, hosted) from wrong


def _refuse_floods(hosted: HostedZone) -> None:
    """A digit too many in a $GENERATE must not take all memory and every question's time."""
    for number, line in enumerate(hosted.text.split("\n"), start=1):
        found = _GENERATE.match(line)
        if found is None:
            continue
        first, last, step = (int(each or 1) for each in found.groups())
        if (last - first) // max(step, 1) >= GENERATED_RECORDS:
            problem = f"$GENERATE {found[1]}-{found[2]} makes more than {GENERATED_RECORDS} records"
            raise BadZone(hosted, f"{problem}; correct the range, or write several", number)


def _read(text: str, origin: str) -> dict[str, Node]:
    top = dns.name.Name((*names.to_labels(origin), b""))
    zone = dns.zone.Zone(top, relativize=False)
    with zone.writer(replacement=True) as writing:
        reader = dns.zonefile.Reader(
            dns.tokenizer.Tokenizer(text), dns.rdataclass.IN, writing, allow_include=False
        )
        reader.txn = _NothingLost(writing, top)  # type: ignore[assignment] # all that it adds by
        # Below the root everything is inside, or names outside would be left out without a word.
        reader.zone_origin = dns.name.root
        reader.read()
    zone.check_origin()
    nodes: dict[str, Node] = defaultdict(dict)
    for owner, node in zone.nodes.items():
        name = names.from_labels(owner.labels[:-1])
        at = nodes[name.lower()]
        for rrset in node.rdatasets:
            rtype = int(rrset.rdtype)
            # RRSIGs are one RRset for each type that they cover.
            at[rtype] = at.get(rtype, ()) + tuple(
                Record(name, rtype, rrset.ttl, rdata.to_wire() or b"") for rdata in rrset
            )
        _check_dname(name, at, origin)
    return dict(nodes)


class _NothingLost:
    """What the reader adds records by: refuses those that dnspython would drop, or put in the place
    of one before them."""

    def __init__(self, writing: dns.transaction.Transaction, top: dns.name.Name) -> None:
        self._writing = writing
        self._top = top

    def add(self, owner: dns.name.Name, ttl: int, rdata: dns.rdata.Rdata) -> None:
        """Add a record. Raises SyntaxError, to which the reader adds the line."""
        if not owner.is_subdomain(self._top):
            raise _loss(f"{owner} is outside the zone; leave its final dot away, or the record")
        before = self._writing.get(owner, rdata.rdtype, rdata.covers())
        single = dns.rdatatype.is_singleton(rdata.rdtype)
        if single and before is not None and rdata not in before:
            kind = dns.rdatatype.to_text(rdata.rdtype)
            raise _loss(f"{owner} has one {kind} already; keep one of them")
        try:
            self._writing.add(owner, ttl, rdata)
        except dns.zonefile.CNAMEAndOtherData:
            remedy = "keep the CNAME alone, or the others"
            raise _loss(f"{owner} has a CNAME record and others; {remedy}") from None

    def _set_origin(self, origin: dns.name.Name) -> None:
        """$ORIGIN was read. It moves relative names, and never the zone's own origin."""


def _loss(problem: str) -> dns.exception.SyntaxError:
    return dns.exception.SyntaxError(f"{_LOSS} {problem}")  # type: ignore[no-untyped-call] # theirs


def _check_dname(name: str, node: Node, origin: str) -> None:
    if Type.DNAME in node and Type.NS in node and name.lower() != origin:
        # RFC 6672 2.3: below a cut the child has the word.
        raise ValueError(f"{name}: DNAME and NS; write the DNAME in the zone delegated to")


def _bad_zone(wrong: Exception, hosted: HostedZone) -> BadZone:
    if isinstance(wrong, dns.exception.SyntaxError):
        return _bad_line(str(wrong), hosted)
    return BadZone(hosted, _remedy(wrong))


def _remedy(wrong: Exception) -> str:
    if isinstance(wrong, dns.zone.NoSOA):
        return "no SOA record at its origin; begin the text with one"
    if isinstance(wrong, dns.zone.NoNS):
        return "no NS record at its origin; name the server itself there"
    return str(wrong) or type(wrong).__name__


def _bad_line(wrong: str, hosted: HostedZone) -> BadZone:
    """Tell which line is wrong. dnspython says `<string>:LINE: what`, and names the line after it
    where the end of the bad one had been read already: then the text before is as wrong."""
    _, number, what = wrong.split(":", 2)
    lines, at = hosted.text.split("\n"), int(number)
    try:
        _read("\n".join(lines[: at - 1]) + "\n", names.normalise(hosted.origin))
    except (dns.exception.DNSException, ValueError) as again:
        if str(again).endswith(what):
            at -= 1
    line = lines[at - 1].strip() if 0 < at <= len(lines) else ""
    if "$INCLUDE" in what:
        # Whoever may write one zone's text must not be able to show any file of the host.
        return BadZone(hosted, "$INCLUDE is not followed; write that file's records here", at)
    if what.strip().startswith(_LOSS):
        return BadZone(hosted, f'"{line}" {what.strip()}', at)
    problem = (
        f'"{line}" is no record ({what.strip().rstrip(".")}); write name, type and value, e.g. '
        '"www IN A 192.168.1.80"'
    )
    return BadZone(hosted, problem, at)
