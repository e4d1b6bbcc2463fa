from lab.judge.checks import CameWhole, Translated
from lab.scenario.model import Emit, Expectation, Scenario, Silence


def scenario(topology: str, inside: str, outside: str, to: str) -> Scenario:
    """Three fragments each way, in order and out of order."""
    orders = {"in order": (1, 2, 3), "last one first": (3, 1, 2), "backwards": (3, 2, 1)}
    return Scenario(
        title=f"Datagrams in fragments come through, in any order ({topology})",
        story="""Only the first fragment of a datagram shows ports. One that comes before it cannot
be translated by itself: the translator must keep it until the first one is there, or put the
datagram together.""",
        topology=topology,
        steps=(
            Silence(node=inside),
            Silence(node=outside),
            Emit(packet="hello", node=inside, to=to),
            Emit(packet="hello back", node=outside, answers="hello"),
            *(
                Emit(packet=name, node=inside, to=to, octets=3000, pieces=order)
                for name, order in orders.items()
            ),
            *(
                Emit(
                    packet=f"{name} back", node=outside, answers="hello", octets=3000, pieces=order
                )
                for name, order in orders.items()
            ),
        ),
        expectations=(
            *(
                Expectation(
                    text=f"Sent {name}, it arrives whole",
                    rules=("NAT-15",),
                    check=CameWhole(packet=name, node=outside),
                )
                for name in orders
            ),
            *(
                Expectation(
                    text=f"Sent {name}, it comes back whole",
                    rules=("NAT-15",),
                    check=CameWhole(packet=f"{name} back", node=inside),
                )
                for name in orders
            ),
            Expectation(
                text="Each fragment is translated rightly",
                rules=("NAT-13", "NAT-15"),
                check=Translated(protocols=("udp",)),
            ),
        ),
    )


SCENARIOS = {
    "static": scenario("cluster-nat", "viewer", "server2", "192.168.1.101"),
    "shared_address": scenario("napt", "client1", "ext1", "203.0.113.51"),
}
