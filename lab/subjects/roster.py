"""Every subject there is, by its name; "ours" is none of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from lab.subjects.bind import BIND
from lab.subjects.dnsdist import DNSDIST
from lab.subjects.dnsmasq import DNSMASQ
from lab.subjects.gdnsd import GDNSD
from lab.subjects.knot import KNOT
from lab.subjects.nftables import NFTABLES, NFTABLES_STATELESS
from lab.subjects.nsd import NSD
from lab.subjects.powerdns import POWERDNS
from lab.subjects.subject import Subject, SubjectName
from lab.subjects.unbound import UNBOUND

_ALL: Final[tuple[Subject, ...]] = (
    BIND,
    UNBOUND,
    DNSMASQ,
    POWERDNS,
    KNOT,
    DNSDIST,
    GDNSD,
    NSD,
    NFTABLES,
    NFTABLES_STATELESS,
)

SUBJECTS: Final[Mapping[SubjectName, Subject]] = MappingProxyType(
    {subject.name: subject for subject in _ALL}
)
