"""Every subject there is, by its name; "ours" is none of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from lab.subjects.dnsdist import DNSDIST
from lab.subjects.gdnsd import GDNSD
from lab.subjects.knot import KNOT
from lab.subjects.nftables import NFTABLES, NFTABLES_STATELESS
from lab.subjects.nsd import NSD
from lab.subjects.powerdns import POWERDNS
from lab.subjects.subject import Subject, SubjectName

_ALL: Final[tuple[Subject, ...]] = (
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
