"""What a DNS message says, in a line for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lab.observe.dns_message import DnsMessage
from lab.observe.dns_record import DnsRecord

_MOST_RECORDS: Final = 2
"""So many records are told; what an arrow says must stay readable."""
_MOST_CHARACTERS: Final = 40
"""So much of a record's data."""


def wording(message: DnsMessage) -> str:
    """The message: "A internet.intern.netz?", "192.168.1.100 (ttl 2)", "referral to test"."""
    if message.malformed:
        return "malformed reply" if message.is_reply else "malformed question"
    if not message.is_reply:
        return f"{asked(message)}?" if message.name else asked(message)
    if message.rcode != "NOERROR":
        return message.rcode
    return _content(message) + (", truncated" if message.tc else "")


def asked(message: DnsMessage) -> str:
    """What it asks, or is the reply to: "A internet.intern.netz", "TXT CH version.bind"."""
    if message.malformed:
        return "something malformed"
    if not message.name:
        return "no question"
    qclass = "" if message.qclass == "IN" else f" {message.qclass}"
    return f"{message.qtype}{qclass} {message.name}"


def _content(message: DnsMessage) -> str:
    """What a reply without an error holds."""
    if message.addresses:
        ttls = "/".join(map(str, dict.fromkeys(message.ttls)))
        return f"{', '.join(message.addresses)} (ttl {ttls})"
    if message.answers:
        return _records(message.answers)
    cuts = dict.fromkeys(each.owner for each in message.authority if each.rtype == "NS")
    # RFC 2308 2.2: name servers without an SOA, from a server without authority.
    if cuts and not message.soa and not message.aa:
        return f"referral to {', '.join(cuts)}"
    return "no data"


def _records(records: Sequence[DnsRecord]) -> str:
    told = [f"{each.rtype} {_shortened(each.rdata)}" for each in records[:_MOST_RECORDS]]
    more = len(records) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
