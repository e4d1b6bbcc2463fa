"""Our authoritative answers beside those of NSD, over the same zones: thousands of questions about
generated zones full of wildcards, cuts, aliases and redirections, every difference explained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from real_internet import PEER
from servers import add_address, start_nsd, wait_until_answers

from resolver.config import HostedZone, ResolverConfig, Selection
from resolver.dns.full import Resolver
from resolver.machine import Endpoint, MessageArrived, Send, Transport

pytestmark = pytest.mark.netns

ZONES = 24
LABELS = ("a", "b", "c", "*")
TYPES = ("A", "TXT", "MX", "NS", "SOA", "CNAME", "DNAME", "DS")
HEAD = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 5\n@ NS ns\nns A 192.0.2.53\n"
DS = "1 8 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


def generated(random: Random) -> str:
    """A zone in which few names do much."""
    owners = {
        ".".join(random.choice(LABELS) for _ in range(random.randint(1, 3))) for _ in range(12)
    }
    records: dict[str, list[str]] = {}
    for owner in sorted(owners):
        target = random.choice((*sorted(owners), "d.a", "host.example.com."))
        starred = owner.startswith("*")
        kinds = ["A", "TXT", "MX", "CNAME"] + ([] if starred else ["NS", "NS", "DNAME"])
        match random.choice(kinds):
            case "A":
                records[owner] = ["A 192.0.2.1", "A 192.0.2.2"]
            case "TXT":
                records[owner] = ['TXT "x"']
            case "MX":
                records[owner] = [f"MX 5 {target}"]
            case "CNAME":
                records[owner] = [f"CNAME {target}"]
            case "DNAME":
                records[owner] = [f"DNAME {target}"]
            case "NS":
                ds = [f"DS {DS}"] if random.random() < 0.5 else []
                records[owner] = [f"NS ns.{owner}", "NS ns.example.com.", *ds]
                records.setdefault(f"ns.{owner}", ["A 192.0.2.3", "AAAA 2001:db8::3"])
    redirected = [owner for owner, lines in records.items() if lines[0].startswith("DNAME")]
    kept = {
        owner: lines
        for owner, lines in records.items()
        # RFC 6672 2.4 forbids names below a DNAME, and NSD refuses them.
        if not any(owner.endswith("." + above) for above in redirected)
    }
    return HEAD + "".join(f"{owner} {line}\n" for owner in kept for line in kept[owner])


def questions(zone: str) -> Iterator[dns.message.Message]:
    shallow = [(), *((x,) for x in (*LABELS, "d", "ns"))]
    deep = [(x, *rest) for rest in shallow[1:] for x in ("a", "b", "c", "d", "ns", "*")]
    deeper = [("d", "ns", x) for x in "abc"] + [("a", x, y) for x in "abcd" for y in "abc"]
    for labels in (*shallow, *deep, *deeper):
        for rtype in TYPES:
            query = dns.message.make_query(
                ".".join((*labels, zone)), rtype, use_edns=0, payload=1232
            )
            query.flags &= ~dns.flags.RD
            yield query


def told(message: dns.message.Message) -> dict[str, object]:
    def rows(section) -> list[tuple[str, str, int, str]]:
        return sorted(
            (rrset.name.to_text().lower(), dns.rdatatype.to_text(rrset.rdtype), rrset.ttl,
             rdata.to_text().lower())
            for rrset in section for rdata in rrset
        )  # fmt: skip

    referral = not message.answer and message.authority and not message.flags & dns.flags.AA
    return {
        "rcode": dns.rcode.to_text(message.rcode()),
        "aa": bool(message.flags & dns.flags.AA),
        "answer": rows(message.answer),
        "authority": rows(message.authority),
        # NSD adds nothing but glue (minimal-responses); we add what MX and NS name as well.
        "glue": rows(message.additional) if referral else [],
    }


class Ours:
    """Our resolver with these zones, asked without sockets."""

    def __init__(self, zones: tuple[HostedZone, ...]) -> None:
        here = Endpoint(PEER, 53)
        self._here = here
        self._resolver = Resolver(
            ResolverConfig((here,), zones, selection=Selection.ALL), Random(1), Random(2)
        )

    def ask(self, query: dns.message.Message) -> dns.message.Message:
        client = Endpoint("127.0.0.1", 4000)
        event = MessageArrived("client", query.to_wire(), Transport.UDP, client, self._here)
        (sent,) = [e for e in self._resolver.handle(event, 0) if isinstance(e, Send)]
        return dns.message.from_wire(sent.payload)


def start_peer(folder: Path, zones: tuple[HostedZone, ...]) -> None:
    """NSD on the peer's address, writing answers as ours does."""
    texts = {zone.origin: zone.text for zone in zones}
    start_nsd(folder, (PEER,), texts, "minimal-responses: yes", "round-robin: no")


def differences(zones: tuple[HostedZone, ...]) -> tuple[int, list[str]]:
    """How many questions were compared, and where the answers differed without a reason."""
    ours, compared, found = Ours(zones), 0, []
    for zone in zones:
        for query in questions(zone.origin):
            theirs = dns.query.udp(query, PEER, timeout=5)
            got, expected = told(ours.ask(query)), told(theirs)
            compared += 1
            if got != expected and not _is_endless(got, theirs):
                unlike = [key for key in got if got[key] != expected[key]]
                found.append(
                    f"{query.question[0]}: "
                    + "; ".join(f"{key} {got[key]}, NSD {expected[key]}" for key in unlike)
                )
    return compared, found


def _is_endless(got: dict[str, object], theirs: dns.message.Message) -> bool:
    """ROB-04: aliases without end are SERVFAIL with us; NSD gives them as far as it went."""
    links = [rrset for rrset in theirs.answer if rrset.rdtype == dns.rdatatype.CNAME]
    targets = {rdata.target for rrset in links for rdata in rrset}
    redirected = [r.name for r in theirs.answer if r.rdtype == dns.rdatatype.DNAME]
    goes_round = bool({rrset.name for rrset in links} & targets)
    grows = any(t != r and t.is_subdomain(r) for t in targets for r in redirected)
    return got["rcode"] == "SERVFAIL" and (goes_round or grows)


def test_every_answer_is_nsds(in_namespace, tmp_path):
    random = Random(20)
    zones = tuple(HostedZone(f"z{n}.test", generated(random)) for n in range(ZONES))

    def body():
        add_address(PEER)
        start_peer(tmp_path / "nsd", zones)
        for zone in zones:
            wait_until_answers(PEER, zone.origin)
        compared, found = differences(zones)
        assert compared > 5_000
        assert not found, f"{len(found)} of {compared}:\n" + "\n".join(found[:20])

    in_namespace(body)


def test_a_difference_would_be_seen(in_namespace, tmp_path):
    """The comparison can fail: NSD serves another text."""
    ours = HostedZone("z.test", HEAD + "*.a TXT x\nb CNAME d\n")
    theirs = HostedZone("z.test", HEAD + "*.a TXT y\nb CNAME d\n")

    def body():
        add_address(PEER)
        start_peer(tmp_path / "nsd", (theirs,))
        wait_until_answers(PEER, "z.test")
        _, found = differences((ours,))
        assert found
        assert all("TXT" in line and "answer" in line for line in found)

    in_namespace(body)
