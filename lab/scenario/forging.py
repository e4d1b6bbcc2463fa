"""What a forger needs to know: the live question, and an address that is the wrong one."""

from __future__ import annotations

from lab.observe.dns_message import DNS_PORT
from lab.observe.sighting import Ip, Sighting, Udp
from lab.scenario.model import Forge
from lab.topology.plan import Plan
from resolver.machine import Endpoint


def live_question(sighting: Sighting, victim: str) -> tuple[bytes, Endpoint, Endpoint] | None:
    """Return the payload, asker and server of a question as it leaves the victim."""
    if sighting.node != victim or not sighting.outgoing:
        return None
    match sighting.network:
        case Ip(source=source, destination=destination, transport=Udp() as udp):
            if udp.destination_port != DNS_PORT:
                return None
            asker = Endpoint(source, udp.source_port)
            return udp.payload, asker, Endpoint(destination, DNS_PORT)
        case _:
            return None


def elsewhere(step: Forge, plan: Plan, asker: str) -> str:
    """The address that is wrong in the forgery: the forger's own, for a wrong source; for a wrong
    destination another one of the victim's, which `asker` is an address of.

    Raises LookupError, with a remedy, where there is none.
    """
    node = plan.node(step.victim if step.fault == "destination" else step.forger)
    for address in node.addresses():
        if address != asker and (":" in address) is (":" in asker):
            return address
    family = "IPv6" if ":" in asker else "IPv4"
    raise LookupError(
        f"{node.name} has no {'other ' if node.name == step.victim else ''}{family} address, and "
        f"fault={step.fault!r} needs one; give it one in the topology, or choose another fault"
    )
