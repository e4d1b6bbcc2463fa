"""Root hints: the root servers that a configuration lets recursion begin with."""

from __future__ import annotations

from pathlib import Path

import dns.exception
import dns.rdatatype
import dns.zonefile

from lab.exchange.source import Source, located, read_source
from lab.exchange.table import Collected, RootServer


def read_root_hints(
    source: Source, offset: int, written: str, found: Collected, *folders: Path
) -> None:
    """Collect the root servers of a hints file (RFC 1035 5, as IANA's named.root is written). What
    cannot be read is told: then the Internet's root servers are taken for them. Raises Unreadable.
    """
    path = located(written, *(folders or (source.path.parent,)))
    if not path.is_file():
        found.remark(
            source, offset, f"{written} is not here: the Internet's root servers are taken for it"
        )
        return
    text = read_source(path).text
    try:
        records = dns.zonefile.read_rrsets(text, rdclass=None, default_ttl=0)
    except (dns.exception.DNSException, ValueError, RecursionError) as error:
        found.remark(
            source,
            offset,
            f"{written} has no root hints ({str(error).splitlines()[0][:80]}): the Internet's root "
            "servers are taken for it",
        )
        return
    found.files.append(str(path))
    addresses = {dns.rdatatype.A, dns.rdatatype.AAAA}
    found.root_servers = [
        RootServer(name=str(rrset.name).lower().removesuffix("."), address=rdata.address)
        for rrset in records
        if rrset.rdtype in addresses
        for rdata in rrset
    ]
