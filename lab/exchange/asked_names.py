"""Which names of a forwarding table are asked for, of which type, and for how long."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab.exchange.table import Entry, ForwardingTable, names_hosts
from lab.exchange.usable import usable
from lab.scenario.model import Ask, Message
from lab.values import QueryType
from resolver.dns.names import is_at_or_below
from resolver.dns.profiles import PROFILES
from resolver.machine import SECOND

_SPARE_S = 5.0
"""How much longer a client waits than all timeouts together."""
_SHORTEST_S, _LONGEST_S = 15.0, 60.0
_ANSWERED_SPECIALLY = (
    *("test", "invalid", "localhost", "local", "onion", "alt", "home.arpa"),
    *("in-addr.arpa", "ip6.arpa", "arpa"),
)
"""Names that servers answer by themselves by default (RFC 6761, 6762, 7686, 8375, 6303, 9476)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A name that is asked for."""

    name: str

    @property
    def qtype(self) -> QueryType:
        """A type that its zone has."""
        return "PTR" if is_at_or_below(self.name, "arpa") else "A"

    def step(self, table: ForwardingTable, patience_s: float) -> Ask:
        """The question."""
        # RFC 4035 3.2.2: CD=1 is answered without validation. The lab's root is not signed with the
        # Internet's key, so a server that validates would call every answer bogus.
        message = Message(cd=table.validates)
        return Ask(name=self.name, qtype=self.qtype, message=message, patience_s=patience_s)


def free_name(table: ForwardingTable, entry: Entry, below: str) -> str | None:
    """A name so far below a rule's zone that no longer rule and no hosted zone is for it; None
    where there is none."""
    reverse = is_at_or_below(entry.zone, "arpa")
    words = re.sub(r"[^.]+", "1", below) if reverse else below
    ends = (f"{word}.{words}" if word else words for word in ("", "x", "xx"))
    zone = "example.com" if entry.zone == "." else entry.zone
    names = (f"{end}.{zone}" for end in ends)
    return next(
        (each for each in names if table.entry_for(each) == entry and not table.hosted_for(each)),
        None,
    )


def can_be_told(table: ForwardingTable, name: str) -> bool:
    """Whether the lab knows what becomes of a name: a rule that cannot be stood up is not for it,
    nor do servers answer it by themselves."""
    if not names_hosts(name):
        return False
    entry = table.entry_for(name)
    if entry is not None and entry not in usable(table):
        return False
    in_rule = entry is not None and entry.zone != "."
    special = any(is_at_or_below(name, each) for each in _ANSWERED_SPECIALLY)
    # dnsmasq(8), "domain-needed": plain names may be no business of other servers.
    plain = table.format == "dnsmasq" and "." not in name
    return in_rule or not (special or plain)


def patience_s(entry: Entry | None) -> float:
    """Longer than every server of the rule can be waited for."""
    if entry is None:
        return _LONGEST_S
    longest = max(
        (timing.timeout_ns(entry.zone) + timing.pause_ns) / SECOND for timing in PROFILES.values()
    )
    waited = (entry.timeout_s + 1 if entry.timeout_s else longest) * len(entry.servers)
    return min(max(waited + _SPARE_S, _SHORTEST_S), _LONGEST_S)
