"""What may come in by a mapping (RFC 4787 5, REQ-8; RFC 5382 REQ-3)."""

from __future__ import annotations

from resolver.config import Behaviour
from resolver.nat.mapping import Mapping


def lets_in(filtering: Behaviour, mapping: Mapping, remote: bytes) -> bool:
    """Whether a packet from a remote end may come in. What the inside end has sent there opens the
    way, for as long as that session lasts."""
    match filtering:
        case Behaviour.ENDPOINT_INDEPENDENT:
            return True
        case Behaviour.ADDRESS_DEPENDENT:
            return remote[:4] in mapping.hosts
        case Behaviour.ADDRESS_AND_PORT_DEPENDENT:
            return remote in mapping.sessions
