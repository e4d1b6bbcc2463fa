"""A forger's work: the live question, and the reply to it that is wrong in one way."""

from __future__ import annotations

from lab.observe.dns_message import DNS_PORT
from lab.observe.sighting import Ip, Sighting, Udp
from lab.scenario import packets
from lab.scenario.model import Forge
from lab.topology.plan import Plan
from resolver.dns.names import normalise, to_wire
from resolver.machine import Endpoint

_HEADER_OCTETS = 12  # RFC 1035 4.1.1


def forgery(sighting: Sighting, step: Forge, plan: Plan) -> bytes | None:
    """The packet to send now that this was seen: None where it is no question of the victim's, or
    one in whose family there is no wrong address to use."""
    if sighting.node != step.victim or not sighting.outgoing:
        return None
    match sighting.network:
        case Ip(source=source, destination=destination, transport=Udp() as udp):
            if udp.destination_port != DNS_PORT:
                return None
            if step.name is not None and not _asks_for(udp.payload, step.name):
                return None
            other = elsewhere(step, plan, source)
            if other is None:
                return None
            return packets.forged_reply(
                udp.payload,
                Endpoint(source, udp.source_port),
                Endpoint(destination, DNS_PORT),
                fault=step.fault,
                address=step.address,
                elsewhere=other,
            )
        case _:
            return None


def _asks_for(query: bytes, name: str) -> bool:
    """Whether the first question is about the name; a name in a question is never compressed."""
    return query[_HEADER_OCTETS:].lower().startswith(to_wire(normalise(name)))


def elsewhere(step: Forge, plan: Plan, asker: str) -> str | None:
    """The address that is wrong in the forgery: the forger's own, for a wrong source; for a wrong
    destination another one of the victim's, which `asker` is an address of. None where there is
    none of that family."""
    if step.fault not in {"source", "destination"}:
        return asker
    node = plan.node(step.victim if step.fault == "destination" else step.forger)
    for address in node.addresses():
        if address != asker and (":" in address) is (":" in asker):
            return address
    return None
